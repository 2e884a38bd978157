"""Policy: the whole required set was tested: every declared cell, no part of it chosen by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.policies.case import TicketCheck

if TYPE_CHECKING:
    from pytest_mlops.evidence.policies.case import Case

__all__ = ["REQUIRED"]


def _check(case: Case) -> str:
    judgement = case.judgement
    session = case.record.test_results.session
    narrowed = (*session.narrowed_by, *session.uncollected)
    if narrowed:
        raise EvidenceError(f"the run was narrowed to a part of the tests ({', '.join(narrowed[:3])})")
    if not judgement.deployable:
        raise EvidenceError(
            "the record is not deployable: that takes a mlops.yaml with requirements, and a model artifact"
        )
    uncovered = [cell.cell for cell in judgement.coverage_cells if cell.share == 0]
    if uncovered:
        more = f" and {len(uncovered) - 3} more" if len(uncovered) > 3 else ""
        raise EvidenceError(f"no conclusive test covers {', '.join(uncovered[:3])}{more}")
    return f"all {len(judgement.coverage_cells)} declared cells were tested"


REQUIRED = TicketCheck(
    name="required set",
    check=_check,
    remedy="Write tests that cover what is missing, and run all of them in one run",
)
