"""Policy: the evidence is neither too old nor from the future."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.policies.case import TicketCheck

if TYPE_CHECKING:
    from pytest_mlops.evidence.policies.case import Case

__all__ = ["AGE", "CLOCK_SKEW"]

CLOCK_SKEW = timedelta(minutes=5)
"""How far the clocks of two machines may be apart."""


def _check(case: Case) -> str:
    age = case.now - case.record.timestamp
    if age < -CLOCK_SKEW:
        raise EvidenceError(f"the record is dated {-age} in the future; clocks may differ by {CLOCK_SKEW}")
    longest = case.policy.max_age
    if longest is not None and age.total_seconds() > longest:
        raise EvidenceError(f"the evidence is {age} old; {case.environment} takes at most {_hours(longest)}")
    return f"{max(age, timedelta())} old"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:g} hours"


AGE = TicketCheck(
    name="age",
    check=_check,
    remedy="Run the gate again on today's data, with a clock that is right",
)
