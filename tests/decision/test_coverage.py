"""Coverage: the weighted share of declared behaviour that conclusive tests exercised."""

from __future__ import annotations

import pytest

from pytest_mlops.decision.coverage import Coverage, measure_coverage
from pytest_mlops.records.policy import Cell, GateSettings
from pytest_mlops.records.results import Outcome, TestResult
from pytest_mlops.verdict import Verdict


def case(
    name: str,
    *covers: str,
    outcome: str = "passed",
    evidence: dict[str, int | None] | None = None,
    conclusive: bool = True,
    dataset: str | None = None,
) -> TestResult:
    return TestResult(
        test_name=name,
        passed=outcome == "passed",
        outcome=Outcome(outcome),
        covers=covers,
        conclusive=conclusive,
        evidence=evidence or {},
        dataset=dataset,
    )


def cell(name: str, *, weight: float = 1.0, dataset: str | None = None) -> Cell:
    capability, _, slice_ = name.partition(":")
    return Cell(capability=capability, slice=slice_ or "all", weight=weight, dataset=dataset)


def measure(
    tests: list[TestResult],
    cells: list[Cell],
    *,
    require_evidence: bool = False,
    waived: frozenset[str] = frozenset(),
    narrowed: bool = False,
    **gate: object,
) -> Coverage:
    return measure_coverage(
        tests,
        cells,
        GateSettings.model_validate(gate),
        require_evidence=require_evidence,
        waived=waived,
        narrowed=narrowed,
    )


def test_no_test_at_all_is_incomplete() -> None:
    found = measure([], [cell("rank:all")])
    assert found.value is None
    assert [finding.verdict for finding in found.findings] == [Verdict.INCOMPLETE]


def test_without_cells_it_is_executed_of_collected() -> None:
    tests = [case("a"), case("b"), case("c", outcome="skipped", conclusive=False)]
    assert measure(tests, []).value == pytest.approx(2 / 3)


def test_an_uncovered_cell_counts_with_its_weight() -> None:
    found = measure([case("a", "rank:all")], [cell("rank", weight=3), cell("speed", weight=1)])
    assert found.value == pytest.approx(0.75)
    (finding,) = found.findings
    assert finding.verdict is Verdict.FAIL
    assert "speed:all (no test covers it)" in finding.text


def test_the_share_is_that_of_conclusive_claims() -> None:
    tests = [case("a", "rank:all"), case("b", "rank:all", outcome="errored", conclusive=False)]
    assert measure(tests, [cell("rank")]).value == 0.5


def test_a_failed_test_covers_what_it_exercised() -> None:
    assert measure([case("a", "rank:all", outcome="failed")], [cell("rank")]).value == 1.0


def test_a_waived_test_covers_nothing() -> None:
    tests = [case("a", "rank:all", outcome="failed")]
    assert measure(tests, [cell("rank")], waived=frozenset({"a"})).value == 0.0


@pytest.mark.parametrize(
    ("evidence", "share", "verdict"),
    [
        ({}, 0.0, Verdict.FAIL),
        ({"all": 900}, 0.0, Verdict.FAIL),
        ({"young": None}, 0.0, Verdict.FAIL),
        ({"young": 29}, 0.0, Verdict.UNDECIDED),
        ({"young": 30}, 1.0, Verdict.PASS),
    ],
)
def test_a_slice_counts_only_with_enough_of_its_examples(
    evidence: dict[str, int | None], share: float, verdict: Verdict
) -> None:
    found = measure([case("a", "rank:young", evidence=evidence)], [cell("rank:young")])
    assert found.value == share
    assert found.findings[0].verdict is verdict


def test_the_least_number_of_examples_can_be_set() -> None:
    tests = [case("a", "rank:young", evidence={"young": 29})]
    assert measure(tests, [cell("rank:young")], min_n=29).value == 1.0


def test_a_test_that_only_asserts_covers_as_asserted() -> None:
    found = measure([case("a", "rank:all")], [cell("rank")])
    assert (found.value, found.cells[0].asserted) == (1.0, 1)


def test_where_evidence_is_required_an_assertion_covers_nothing() -> None:
    found = measure([case("a", "rank:all")], [cell("rank")], require_evidence=True)
    assert (found.value, found.cells[0].asserted) == (0.0, 1)
    recorded = measure([case("a", "rank:all", evidence={"all": None})], [cell("rank")], require_evidence=True)
    assert (recorded.value, recorded.cells[0].asserted) == (1.0, 0)


def test_a_flaky_test_leaves_its_cell_undecided() -> None:
    found = measure([case("a", "rank:all", outcome="flaky")], [cell("rank")])
    assert (found.value, found.optimistic) == (0.0, 1.0)
    assert found.findings[0].verdict is Verdict.UNDECIDED


def test_flaky_tests_do_not_help_where_too_much_else_is_missing() -> None:
    found = measure([case("a", "rank:all", outcome="flaky")], [cell("rank"), cell("speed")])
    assert found.findings[0].verdict is Verdict.FAIL


def test_a_data_set_of_a_cell_takes_only_its_own_claims() -> None:
    tests = [case("a", "rank:all", dataset="new"), case("b", "rank:all", dataset="old")]
    found = measure(tests, [cell("rank", dataset="new"), cell("rank", dataset="spare")])
    assert [(part.cell, part.claims, part.share) for part in found.cells] == [
        ("rank:all@new", 1, 1.0),
        ("rank:all@spare", 0, 0.0),
    ]


def test_in_a_narrowed_run_a_shortfall_is_missing_evidence() -> None:
    found = measure([case("a", "rank:all")], [cell("rank"), cell("speed")], narrowed=True)
    assert [(finding.verdict, finding.missing) for finding in found.findings] == [(Verdict.INCOMPLETE, True)]


def test_the_threshold_is_met_inclusively_and_in_decimal() -> None:
    tests = [case("a", "c0:all"), case("b", "c1:all"), case("c", "c2:all")]
    cells = [cell(f"c{index}", weight=0.1) for index in range(3)] + [cell("c3", weight=0.2)]
    found = measure(tests, cells, min_coverage=0.6)
    assert found.findings[0].verdict is Verdict.PASS


def test_at_most_five_gaps_are_named() -> None:
    found = measure([case("a", "c0:all")], [cell(f"c{index}") for index in range(9)])
    assert found.findings[0].text.endswith("and 3 more")


def test_gaps_say_what_is_missing() -> None:
    tests = [
        case("a", "rank:young", evidence={"young": 5}),
        case("b", "fit:all", outcome="skipped", conclusive=False),
        case("c", "part:all", evidence={"all": 9}),
        case("d", "part:all", outcome="skipped", conclusive=False),
    ]
    text = measure(tests, [cell("rank:young"), cell("fit"), cell("part")]).findings[0].text
    assert "rank:young (n = 5, needs 30)" in text
    assert "fit:all (no conclusive evidence was recorded)" in text
    assert "part:all (50% of its 2 tests)" in text
