"""Policy: the bytes are a record of a version that is understood, strictly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.evidence.policies.case import TicketCheck

if TYPE_CHECKING:
    from pytest_mlops.evidence.policies.case import Case

__all__ = ["SCHEMA"]


def _check(case: Case) -> str:
    return f"a record of schema version {case.record.schema_version}, run {case.record.run_id}"


SCHEMA = TicketCheck(
    name="schema",
    check=_check,
    remedy="Gate the version again with this pytest-mlops, and present the record as it was written",
)
