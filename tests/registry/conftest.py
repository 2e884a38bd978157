"""What the tests of the registry share: versions, recorded runs, and a clock that stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pytest_mlops.records.codec import policy_digest
from pytest_mlops.records.integration import IntegrationResult, Provenance
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.records.policy import Policy
from pytest_mlops.registry.artifacts import open_artifacts
from pytest_mlops.registry.registry import Registry
from pytest_mlops.store.history import record_result
from pytest_mlops.verdict import Context, Decision, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_mlops.store.engine import Store

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **delta: float) -> None:
        self.now += timedelta(**delta)


class RecordRun(Protocol):
    def __call__(
        self,
        run_id: str,
        digest: str | None,
        verdict: Verdict = ...,
        at: datetime = ...,
        model_id: str = ...,
    ) -> str: ...


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(store: Store, clock: Clock, tmp_path: Path) -> Registry:
    """Return an empty registry, on each database in turn."""
    return Registry(store, artifacts=open_artifacts(str(tmp_path / "artifacts")), actor="ada", clock=clock)


@pytest.fixture
def local(tmp_path: Path, clock: Clock) -> Iterator[Registry]:
    """Return an empty registry on SQLite, for what does not depend on the database."""
    from pytest_mlops.store.engine import open_store

    with open_store(folder=tmp_path) as store:
        yield Registry(store, artifacts=open_artifacts(folder=tmp_path), actor="ada", clock=clock)


@pytest.fixture
def record_run(request: pytest.FixtureRequest) -> RecordRun:
    """Return a function that records a run of a model with a digest."""
    name = "registry" if "registry" in request.fixturenames else "local"
    registry: Registry = request.getfixturevalue(name)

    def record(
        run_id: str,
        digest: str | None,
        verdict: Verdict = Verdict.PASS,
        at: datetime = NOON,
        model_id: str = "credit",
    ) -> str:
        version = ModelVersion(model_id=model_id, version_id="1", digest=digest)
        record_result(registry.store, make_record(run_id, version, verdict, at), actor="ci", at=at)
        return run_id

    return record


def make_record(
    run_id: str, version: ModelVersion, verdict: Verdict = Verdict.PASS, at: datetime = NOON
) -> IntegrationResult:
    values: dict[str, Any] = {
        "success": verdict <= Verdict.WAIVED,
        "verdict": verdict,
        "decision": Decision.ALLOW,
        "deployable": True,
        "reasons": (),
        "coverage": 1.0,
        "pass_rate": 1.0,
        "quality_score": None,
    }
    return IntegrationResult(
        **values,
        run_id=run_id,
        context=Context.LOCAL,
        model_version=version,
        policy=Policy(),
        policy_digest=policy_digest(Policy()),
        provenance=Provenance(tool_version="0", pytest_version="8", python="3.11.7", platform="x"),
        duration=1.5,
        timestamp=at,
    )
