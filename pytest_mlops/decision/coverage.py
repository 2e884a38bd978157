"""Coverage: the weighted share of the declared cells that conclusive tests exercised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.decision.counts import UNSETTLED
from pytest_mlops.decision.finding import GateFinding, at_least
from pytest_mlops.names import ALL
from pytest_mlops.records.integration import CellCoverage
from pytest_mlops.text import list_some
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from pytest_mlops.records.policy import Cell, GateSettings
    from pytest_mlops.records.results import TestResult

__all__ = ["Coverage", "measure_coverage"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Coverage:
    """Coverage α with its cells, and the coverage if all undecided tests were conclusive."""

    value: float | None
    optimistic: float | None
    cells: tuple[CellCoverage, ...]
    findings: tuple[GateFinding, ...]


def measure_coverage(
    tests: Sequence[TestResult],
    cells: Sequence[Cell],
    gate: GateSettings,
    *,
    require_evidence: bool,
    waived: AbstractSet[str],
    narrowed: bool,
) -> Coverage:
    """Measure coverage and compare it with its threshold.

    Args:
        tests: All collected model tests.
        cells: The declared cells; without any, coverage is executed / collected tests.
        gate: Thresholds.
        require_evidence: Whether only tests that recorded metrics count.
        waived: Names of failed tests with a waiver; they do not count.
        narrowed: Whether the user selected a subset of the tests, so that a shortfall is missing evidence.
    """
    if not tests:
        text = "no model test was collected; mark one with @pytest.mark.model_test"
        return Coverage(
            value=None,
            optimistic=None,
            cells=(),
            findings=(GateFinding(verdict=Verdict.INCOMPLETE, text=text, missing=True),),
        )
    if not cells:
        # Without declared cells nothing is deployable, so evidence is required only on explicit request.
        shown = [test for test in tests if test.evidence or not gate.require_evidence]
        value = sum(_conclusive(test, waived) for test in shown) / len(tests)
        optimistic = value + sum(test.outcome in UNSETTLED for test in shown) / len(tests)
        what = "executed / collected tests"
        if len(shown) < len(tests):
            what += (
                f", of which {len(tests) - len(shown)} recorded no metric, which require_evidence requires"
            )
        finding = _finding(value, optimistic, gate, what, narrowed=narrowed)
        return Coverage(value=value, optimistic=optimistic, cells=(), findings=(finding,))
    claims = _claims(tests)
    measured = tuple(
        _measure_cell(cell, claims.get(cell.name, ()), gate, require_evidence=require_evidence, waived=waived)
        for cell in cells
    )
    total = sum(cell.weight for cell in cells)
    value = sum(cell.weight * cell.share for cell in measured) / total
    optimistic = sum(cell.weight * min(1.0, cell.share + cell.undecided_share) for cell in measured) / total
    finding = _finding(value, optimistic, gate, _gaps(measured, gate), narrowed=narrowed)
    return Coverage(value=value, optimistic=optimistic, cells=measured, findings=(finding,))


def _claims(tests: Iterable[TestResult]) -> dict[str, list[TestResult]]:
    claims: dict[str, list[TestResult]] = {}
    for test in tests:
        for name in test.covers:
            claims.setdefault(name, []).append(test)
    return claims


def _conclusive(test: TestResult, waived: AbstractSet[str]) -> bool:
    return test.conclusive and test.outcome not in UNSETTLED and test.test_name not in waived


def _measure_cell(
    cell: Cell,
    claims: Sequence[TestResult],
    gate: GateSettings,
    *,
    require_evidence: bool,
    waived: AbstractSet[str],
) -> CellCoverage:
    claims = [test for test in claims if cell.dataset is None or test.dataset == cell.dataset]
    covered = undecided = asserted = 0
    largest: int | None = None
    for test in claims:
        n = test.evidence.get(cell.slice)
        largest = n if largest is None else max(largest, n or 0)
        measured = cell.slice in test.evidence
        if cell.slice == ALL:
            enough = possible = measured or not require_evidence
        else:
            # A slice counts only with enough examples.
            enough, possible = n is not None and n >= gate.min_n, n is not None and n > 0
        conclusive = _conclusive(test, waived)
        covered += conclusive and enough
        asserted += conclusive and cell.slice == ALL and not measured
        undecided += possible and (test.outcome in UNSETTLED or (conclusive and not enough))
    count = len(claims)
    return CellCoverage(
        cell=cell.title,
        weight=cell.weight,
        share=covered / count if count else 0.0,
        undecided_share=undecided / count if count else 0.0,
        claims=count,
        asserted=asserted,
        n=largest,
    )


def _gaps(cells: Sequence[CellCoverage], gate: GateSettings) -> str:
    """List the cells that are not fully covered, with reasons."""
    gaps = []
    for cell in cells:
        if cell.share >= 1:
            continue
        if not cell.claims:
            gaps.append(f"{cell.cell} (no test covers it)")
        elif cell.undecided_share and cell.n is not None and cell.n < gate.min_n:
            gaps.append(f"{cell.cell} (n = {cell.n}, needs {gate.min_n})")
        elif cell.share == 0 and cell.n is None:
            gaps.append(f"{cell.cell} (no conclusive evidence was recorded)")
        else:
            gaps.append(f"{cell.cell} ({cell.share:.0%} of its {cell.claims} tests)")
    return f"not covered: {list_some(gaps, 5)}" if gaps else "every cell is covered"


def _finding(
    value: float, optimistic: float, gate: GateSettings, detail: str, *, narrowed: bool
) -> GateFinding:
    threshold = gate.min_coverage
    if at_least(value, threshold):
        return GateFinding(verdict=Verdict.PASS, text=f"coverage {value:.3g} meets {threshold:g}")
    text = f"coverage {value:.3g} is below {threshold:g}; {detail}"
    if at_least(optimistic, threshold):
        return GateFinding(verdict=Verdict.UNDECIDED, text=text)
    if narrowed:
        return GateFinding(verdict=Verdict.INCOMPLETE, text=text, missing=True)
    return GateFinding(verdict=Verdict.FAIL, text=text)
