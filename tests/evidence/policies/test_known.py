"""What is known elsewhere: what a deployment began with, and later runs of the same bytes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("sqlalchemy")

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.policies.known import digests_check, history_check
from pytest_mlops.store.engine import open_store
from pytest_mlops.store.history import record_result
from pytest_mlops.verdict import Decision, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_mlops.store.engine import Store
    from tests.evidence.conftest import Scene

OTHER = "0" * 64


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def test_the_digests_that_a_deployment_began_with_hold(scene: Scene) -> None:
    case = scene.case()
    digests_check(model=model_digest(scene), record=case.record_digest).check(case)


def test_another_model_than_the_deployment_began_with_is_refused(scene: Scene) -> None:
    case = scene.case()
    with pytest.raises(
        EvidenceError, match=f"the model has the digest .*; the deployment began with {OTHER}"
    ):
        digests_check(model=OTHER, record=case.record_digest).check(case)


def test_another_record_than_the_deployment_began_with_is_refused(scene: Scene) -> None:
    with pytest.raises(
        EvidenceError, match=f"the record has the digest .*; the deployment began with {OTHER}"
    ):
        digests_check(model=model_digest(scene), record=OTHER).check(scene.case())


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.INCOMPLETE])
def test_a_later_run_that_did_not_fail_changes_nothing(scene: Scene, store: Store, verdict: Verdict) -> None:
    record_later_run(scene, store, verdict=verdict)
    history_check(store).check(scene.case())


def test_a_later_fail_of_the_same_bytes_refuses(scene: Scene, store: Store) -> None:
    record_later_run(scene, store, verdict=Verdict.FAIL)
    with pytest.raises(EvidenceError, match="run later of the same bytes ended in FAIL after run r"):
        history_check(store).check(scene.case())


def test_an_earlier_fail_changes_nothing(scene: Scene, store: Store) -> None:
    record_later_run(scene, store, verdict=Verdict.FAIL, after=timedelta(hours=-1))
    history_check(store).check(scene.case())


def test_a_fail_of_other_bytes_changes_nothing(scene: Scene, store: Store) -> None:
    record_later_run(scene, store, verdict=Verdict.FAIL, digest=OTHER)
    history_check(store).check(scene.case())


def model_digest(scene: Scene) -> str:
    version = scene.record().model_version
    assert version is not None
    assert version.digest is not None
    return version.digest


def record_later_run(
    scene: Scene,
    store: Store,
    *,
    verdict: Verdict,
    after: timedelta = timedelta(hours=1),
    digest: str | None = None,
) -> None:
    """Put another run of the scene's model into the history."""
    record = scene.record()
    assert record.model_version is not None
    version = record.model_version.model_copy(update={"digest": digest or record.model_version.digest})
    changes = {
        "run_id": "later",
        "verdict": verdict,
        "decision": Decision.BLOCK,
        "model_version": version,
        "timestamp": record.timestamp + after,
    }
    record_result(store, record.model_copy(update=changes), actor="ada", at=record.timestamp + after)
