"""Evidence that is asked for a move: whose it is, what it came to, and what came after it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.errors import EvidenceError, StoreError
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.registry.entries import Link
from pytest_mlops.registry.lineage import EVIDENCE
from pytest_mlops.registry.retention import dead_artifacts
from pytest_mlops.store.history import record_result
from pytest_mlops.store.log import read_log
from pytest_mlops.verdict import Decision, Verdict
from tests.registry.conftest import make_record

if TYPE_CHECKING:
    from pytest_mlops.registry.registry import Registry
    from tests.registry.conftest import RecordRun

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
A = "a" * 64
MINUTE = timedelta(minutes=1)


def credit(**changes: Any) -> ModelVersion:
    return ModelVersion(**({"model_id": "credit", "version_id": "1", "digest": A} | changes))


def keep(registry: Registry, run_id: str, version: ModelVersion | None = None, **changes: Any) -> str:
    record = make_record(run_id, version or credit()).model_copy(update=changes)
    record_result(registry.store, record, actor="ci", at=NOON)
    return run_id


def promote(registry: Registry, run_id: str | None = None) -> None:
    registry.move_alias(
        "credit", "champion", "1", expected=None, reason="a test", run_id=run_id, require_pass=True
    )


def test_a_run_of_another_model_is_evidence_for_nothing_with_the_same_bytes(
    local: Registry,
) -> None:
    local.register(credit(), run_id=keep(local, "bad", verdict=Verdict.FAIL, success=False))
    other = keep(local, "empty", credit(model_id="other"))
    with pytest.raises(EvidenceError, match="run empty tested the model other"):
        promote(local, other)
    with pytest.raises(EvidenceError, match="run empty tested the model other"):
        local.register(credit(), run_id=other)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decision": Decision.BLOCK}, "was not allowed by its policy"),
        ({"deployable": False}, "is not deployable"),
        ({"trust": "untrusted-pr"}, "an untrusted pull request"),
    ],
)
def test_a_pass_that_proves_too_little_is_refused(
    local: Registry, changes: dict[str, Any], message: str, *, named: bool
) -> None:
    if "trust" in changes:
        changes = {"provenance": make_record("x", credit()).provenance.model_copy(update=changes)}
    run = keep(local, "run", **changes)
    local.register(credit(), run_id=run)
    with pytest.raises(EvidenceError, match=message):
        promote(local, run if named else None)
    assert local.alias_state("credit", "champion").revision == 0


def test_an_earlier_pass_does_not_outrank_a_later_fail_of_the_same_bytes(local: Registry) -> None:
    early = keep(local, "early", timestamp=NOON - 2 * MINUTE)
    local.register(credit(), run_id=early)
    keep(local, "late", verdict=Verdict.FAIL, success=False, timestamp=NOON - MINUTE)
    for run in (early, None):
        with pytest.raises(EvidenceError, match="run late of the same bytes ended in FAIL"):
            promote(local, run)
    promote(local, keep(local, "latest"))


def test_a_named_run_does_not_outrank_what_the_version_rests_on_since(local: Registry) -> None:
    early = keep(local, "early", timestamp=NOON - MINUTE)
    local.register(credit(), run_id=keep(local, "late", verdict=Verdict.UNDECIDED, success=False))
    with pytest.raises(EvidenceError, match="has the verdict undecided"):
        promote(local, early)


def test_evidence_dated_in_the_future_is_refused(local: Registry, record_run: RecordRun) -> None:
    record_result(local.store, make_record("soon", credit(), at=NOON + 5 * MINUTE), actor="ci", at=NOON)
    with pytest.raises(EvidenceError, match="run later is dated 2026-11-23T12:06:00"):
        keep(local, "later", timestamp=NOON + 6 * MINUTE)


def test_evidence_that_is_replaced_is_logged_and_may_be_swept(local: Registry) -> None:
    run = keep(local, "run")
    old, new = "1" * 64, "2" * 64
    local.register(credit(), run_id=run, links=[Link(relation=EVIDENCE, target=run, digest=old)])
    local.register(credit(), run_id=run, links=[Link(relation=EVIDENCE, target=run, digest=new)], stored=True)
    local.register(credit(), run_id=run, links=[Link(relation=EVIDENCE, target=run, digest=new)], stored=True)
    with local.store.read() as connection:
        (logged,) = read_log(connection, kind="relink")
        assert dead_artifacts(connection) == {old}
    assert logged.body == {"stored": True, "links": [[EVIDENCE, run, new]], "artifacts": [old]}


def test_registering_again_adds_tags_and_names_metadata_that_it_does_not_take(local: Registry) -> None:
    local.register(credit(tags=("gold",)))
    other = credit(tags=("gold",)).metadata.model_copy(update={"algorithm": "trees"})
    done = local.register(credit(tags=("gold", "new"), metadata=other), tags=["team=risk"])
    assert done.entry.tags == {"gold": "", "new": "", "team": "risk"}
    assert [(one.field, one.was, one.now) for one in done.not_taken] == [("algorithm", None, "trees")]
    assert local.get("credit", "1").model_version.metadata.algorithm is None
    with local.store.read() as connection:
        assert [one.body for one in read_log(connection, kind="tag")] == [
            {"tags": {"new": "", "team": "risk"}}
        ]


@pytest.mark.parametrize("text", ["a\x1b[2Jb", "a\nb", "a\x9bb"])
def test_control_characters_in_a_reason_or_an_actor_are_refused(local: Registry, text: str) -> None:
    local.register(credit())
    with pytest.raises(StoreError, match=r"reason is .* without control characters"):
        local.move_alias("credit", "champion", "1", expected=None, reason=text)
    local.actor = text
    with pytest.raises(StoreError, match="without control characters"):
        local.register(credit(version_id="2"))


BLOCKED = """\
import sys

BLOCKED = {"sqlalchemy", "alembic", "fsspec", "packaging", "cryptography"}


for name in BLOCKED:
    sys.modules[name] = None
"""


@pytest.mark.parametrize("module", ["pytest_mlops.registry.registry", "pytest_mlops.store.history"])
def test_without_the_ops_extra_one_sentence_says_what_to_install(module: str) -> None:
    code = f"{BLOCKED}\nfrom pytest_mlops.errors import StoreError\ntry:\n    import {module}\n"
    code += "except StoreError as error:\n    import json; print(json.dumps(str(error)))\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'pytest-mlops[ops]'" in json.loads(done.stdout)
