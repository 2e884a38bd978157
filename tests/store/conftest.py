"""What the tests of the store share: a small record, and an entry to append."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pytest_mlops.records.codec import policy_digest
from pytest_mlops.records.integration import IntegrationResult, Provenance
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.records.policy import Policy
from pytest_mlops.store.log import LogEntry, append
from pytest_mlops.verdict import Context, Decision, Verdict

if TYPE_CHECKING:
    from pytest_mlops.store.engine import Store

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class MakeRecord(Protocol):
    def __call__(self, run_id: str = ..., **changes: Any) -> IntegrationResult: ...


class Append(Protocol):
    def __call__(self, store: Store, *subjects: str) -> list[LogEntry]: ...


@pytest.fixture
def make_record() -> MakeRecord:
    """Give a function that makes the record of a small run of version 1 of the model ``credit``."""

    def make(run_id: str = "run-1", **changes: Any) -> IntegrationResult:
        values: dict[str, Any] = {
            "success": True,
            "verdict": Verdict.PASS,
            "decision": Decision.ALLOW,
            "deployable": False,
            "reasons": (),
            "coverage": 1.0,
            "pass_rate": 1.0,
            "quality_score": None,
            "run_id": run_id,
            "context": Context.LOCAL,
            "model_version": ModelVersion(version_id="1", model_id="credit"),
            "policy": Policy(),
            "policy_digest": policy_digest(Policy()),
            "provenance": Provenance(tool_version="0", pytest_version="8", python="3", platform="x"),
            "duration": 1.5,
            "timestamp": NOON,
        }
        return IntegrationResult(**values | changes)

    return make


@pytest.fixture
def log_changes() -> Append:
    """Give a function that appends one entry a subject, each in a transaction of its own."""

    def change(store: Store, *subjects: str) -> list[LogEntry]:
        entries = []
        for subject in subjects:
            with store.write() as connection:
                entries.append(
                    append(connection, kind="test", subject=subject, body={"n": 1}, actor="ada", at=NOON)
                )
        return entries

    return change
