"""Policy: the record agrees with itself, and its evidence passes under the environment's own demands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.policies.case import TicketCheck
from pytest_mlops.evidence.verify import check_counts, check_files, check_judgement, check_policy
from pytest_mlops.verdict import Decision

if TYPE_CHECKING:
    from pytest_mlops.evidence.policies.case import Case

__all__ = ["VERDICT"]


def _check(case: Case) -> str:
    record = case.record
    check_counts(record)
    check_policy(record)
    check_judgement(record)
    missing = check_files(record, case.folder)
    judgement = case.judgement
    if judgement.decision is not Decision.ALLOW:
        reasons = "; ".join(f"{reason.verdict.upper()}: {reason.text}" for reason in judgement.reasons[:3])
        raise EvidenceError(
            f"as a release into {case.environment} the recorded evidence makes {judgement.verdict.upper()}"
            + (f" ({reasons})" if reasons else "")
        )
    note = f"; {missing} arrays or artifacts were not at hand" if missing else ""
    return f"{judgement.verdict.upper()} for {case.environment}, reached again from the evidence{note}"


VERDICT = TicketCheck(
    name="verdict",
    check=_check,
    remedy="Mend the model or its tests and run the gate again with --mlops-context=release; a record is "
    "never edited",
)
