"""Policy: the evidence was made where the environment takes evidence from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.policies.case import TicketCheck

if TYPE_CHECKING:
    from pytest_mlops.evidence.policies.case import Case

__all__ = ["TRUST"]


def _check(case: Case) -> str:
    made = case.record.provenance.trust
    if made == "untrusted-pr":
        raise EvidenceError("the evidence was made by a pull request from outside, which never counts")
    if made not in case.policy.trust:
        expected = " or ".join(case.policy.trust)
        raise EvidenceError(f"the evidence was made in {made}; {case.environment} takes that of {expected}")
    return f"made in {made}"


TRUST = TicketCheck(
    name="trust level",
    check=_check,
    remedy="Gate the version where the environment takes evidence from, as on the merged commit in CI",
)
