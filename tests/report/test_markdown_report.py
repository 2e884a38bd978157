"""Markdown: what speaks against a version first, and never more than the budget."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mlops.records.integration import Provenance
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.records.policy import Policy, Requirement, Waiver
from pytest_mlops.records.results import OrdinaryTests, Outcome, SessionFacts, TestResult
from pytest_mlops.records.rule import Rule
from pytest_mlops.report.budget import MarkdownSection, fit
from pytest_mlops.report.markdown import to_markdown
from pytest_mlops.report.messages import headline, rules_by_concern
from pytest_mlops.verdict import Context, Decision, Verdict

if TYPE_CHECKING:
    from tests.report.conftest import MakeRecord

HOSTILE = "<img src=x> | `a` **b** @team [x](http://e.example) \\"
MODEL = ModelVersion(model_id="credit", version_id="1.0", digest="0" * 64)


def failing(name: str, message: str = "") -> TestResult:
    return TestResult(test_name=name, passed=False, outcome=Outcome.FAILED, conclusive=True, message=message)


def passing(name: str, *covers: str) -> TestResult:
    return TestResult(test_name=name, passed=True, outcome=Outcome.PASSED, conclusive=True, covers=covers)


@pytest.mark.parametrize("context", Context)
@pytest.mark.parametrize("verdict", Verdict)
def test_headline_names_verdict_version_and_decision(
    make_record: MakeRecord, context: Context, verdict: Verdict
) -> None:
    for decision, action in ((Decision.ALLOW, "allowed"), (Decision.BLOCK, "blocked")):
        fields = {"verdict": verdict, "decision": decision, "context": context}
        title = headline(make_record(model=MODEL).model_copy(update=fields))
        assert title.startswith(f"{verdict.upper()}: credit 1.0 is {action} ")
        assert ("insufficient" in title) is (verdict is Verdict.UNDECIDED and decision is Decision.ALLOW)


def test_headline_of_a_partial_run_has_no_verdict(make_record: MakeRecord) -> None:
    record = make_record(model=MODEL).model_copy(update={"partial": "1 of 2"})
    assert headline(record) == "partial: 1 of 2 model tests ran, no verdict"


def test_what_speaks_against_the_version_comes_before_the_rest(make_record: MakeRecord) -> None:
    policy = Policy(
        configured=True,
        requirements=(Requirement(capability="rank", slices=("all", "young")),),
        rules=(Rule(metric="accuracy", min=0.95), Rule(metric="f1", min=0.1)),
    )
    tests = [passing("test_ok", "rank:all"), failing("test_bad", "assert 1 == 2")]
    record = make_record(tests=tests, shares=[("accuracy", "all", 90), ("f1", "all", 90)], policy=policy)
    text = to_markdown(record)
    order = [
        "## FAIL: this version is blocked here",
        "- **FAIL**",
        "### Model tests that did not pass",
        "| test_bad | failed | assert 1 == 2 |",
        "### Scores",
        "### Rules that did not pass",
        "| accuracy | FAIL | 0.9 |",
        "### Coverage gaps",
        "| rank:young | 1 | no test |",
        "### Rules that passed",
        "| f1 | PASS | 0.9 |",
        "### Covered cells",
        "### Recorded metrics",
        "### Provenance",
        "### Model tests that passed",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert "in the record" not in text
    assert text.endswith("|\n")


def test_waivers_ordinary_tests_and_facts_are_shown(make_record: MakeRecord) -> None:
    waiver = Waiver(test="test_bad", scope="*", reason="known", approver="Ada", expires="2026-12-31")  # type: ignore[arg-type]
    provenance = Provenance(
        tool_version="1", pytest_version="9", python="3", platform="x", commit_head="c0ffee", dirty=True
    )
    record = make_record(
        tests=[failing("test_bad"), passing("test_ok")],
        policy=Policy(waivers=(waiver,)),
        ordinary=OrdinaryTests(total=2, passed=1, failed=("test_helper",)),
        provenance=provenance,
    )
    text = to_markdown(record)
    assert "| test test&#95;bad" not in text
    assert re.search(r"\| test test_bad \| used \| 2026-12-31 \| Ada \| known \|", text)
    assert "### Ordinary tests that failed\n\n| test |\n| --- |\n| test_helper |" in text
    assert "| commit | c0ffee (with uncommitted changes) |" in text


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (Policy(), "there is no mlops.yaml"),
        (Policy(configured=True), "mlops.yaml declares no requirements"),
        (
            Policy(configured=True, requirements=(Requirement(capability="rank"),)),
            "mlops.yaml names no model artifact",
        ),
    ],
)
def test_a_success_that_is_no_ticket_says_why(make_record: MakeRecord, policy: Policy, why: str) -> None:
    record = make_record(tests=[passing("test_ok", "rank:all")], policy=policy)
    assert record.success
    assert f"This record cannot be used to deploy: {why}." in to_markdown(record)


def test_a_run_without_a_number_says_unknown(make_record: MakeRecord) -> None:
    text = to_markdown(make_record(tests=[]))
    assert "| coverage | unknown | 0.8 |" in text
    assert "coverage × pass rate" not in text


def test_thousands_of_failing_rules_leave_room_for_the_rest(make_record: MakeRecord) -> None:
    rules = tuple(Rule(metric=f"m{index}", min=0.5) for index in range(3000))
    policy = Policy(rules=rules, requirements=(Requirement(capability="rank"),), configured=True)
    text = to_markdown(make_record(policy=policy))
    assert len(text) <= 60_000
    for heading in ("Scores", "Rules that did not pass", "Coverage gaps", "Provenance"):
        assert f"### {heading}\n" in text
    last = text.splitlines()[-1]
    found = re.search(r"([\d,]+) more rules", last)
    assert found is not None
    assert last.endswith(" in the record")
    shown = len(re.findall(r"^\| m\d+ \|", text, re.MULTILINE))
    assert int(found[1].replace(",", "")) + shown == 3000


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(st.text(min_size=1, max_size=30) | st.just(HOSTILE), max_size=25, unique=True),
    budget=st.integers(0, 4000),
)
def test_the_budget_holds_whatever_the_names_are(
    make_record: MakeRecord, names: list[str], budget: int
) -> None:
    rules = tuple(Rule(id=name, metric="m", min=1.0) for name in names)
    tests = [failing(name, name) for name in names]
    record = make_record(tests=tests, policy=Policy(rules=rules), session=SessionFacts(interrupted=HOSTILE))
    text = to_markdown(record, budget=budget)
    assert len(text) <= budget
    assert not re.search(r"[<`]|(?<!\w)@\w|://", text)


def test_hostile_names_make_no_further_columns(make_record: MakeRecord) -> None:
    record = make_record(
        tests=[failing(HOSTILE, HOSTILE)], policy=Policy(rules=(Rule(id=HOSTILE, metric="m", min=1),))
    )
    tables = re.findall(r"(?:^\|.*\|$\n?)+", to_markdown(record), re.MULTILINE)
    assert tables
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1, table


@pytest.mark.parametrize("budget", [0, 1, 4, 30])
def test_a_budget_too_small_for_a_headline_gets_the_verdict(make_record: MakeRecord, budget: int) -> None:
    record = make_record(tests=[failing("test_bad")])
    assert to_markdown(record, budget=budget) == "FAIL"[:budget]


def test_a_partial_run_in_a_tiny_budget_is_no_verdict(make_record: MakeRecord) -> None:
    record = make_record().model_copy(update={"partial": "1 of 2"})
    assert to_markdown(record, budget=9) == "partial"


def test_a_negative_budget_is_refused(make_record: MakeRecord) -> None:
    with pytest.raises(ValueError, match="budget is -1; expected"):
        to_markdown(make_record(), budget=-1)


@given(
    sizes=st.lists(st.integers(0, 8), max_size=6),
    width=st.integers(0, 40),
    budget=st.integers(0, 800),
)
def test_every_row_is_shown_or_counted(sizes: list[int], width: int, budget: int) -> None:
    sections = [
        MarkdownSection(
            noun=("row", "rows"),
            head="### section",
            items=[f"{index}-{row}:{'x' * width}" for row in range(size)],
            row=lambda item: f"- {item}",
        )
        for index, size in enumerate(sizes)
    ]
    text = fit("head", "h", sections, budget)
    assert len(text) <= budget
    if text.startswith("head"):
        found = re.search(r"^(\d+) more rows? in the record$", text, re.MULTILINE)
        missing = int(found[1]) if found else 0
        assert len(re.findall(r"^- ", text, re.MULTILINE)) + missing == sum(sizes)
    else:
        assert text == "h"[:budget]


def test_cells_say_what_is_undecided_and_what_is_only_asserted(make_record: MakeRecord) -> None:
    policy = Policy(
        configured=True, requirements=(Requirement(capability="rank"), Requirement(capability="fit"))
    )
    flaky = TestResult(
        test_name="test_flaky", passed=False, outcome=Outcome.FLAKY, conclusive=True, covers=("rank:all",)
    )
    text = to_markdown(make_record(tests=[flaky, passing("test_ok", "fit:all")], policy=policy))
    assert "| rank:all | 1 | 0%, 100% undecided | 1 |" in text
    assert "| fit:all | 1 | 100% asserted | 1 |" in text


def test_what_does_not_speak_against_a_version_can_wait_behind_a_click(make_record: MakeRecord) -> None:
    record = make_record(tests=[failing("test_bad"), passing("test_ok")])
    text = to_markdown(record, fold=True)
    shown, _, folded = text.partition("<details>")
    assert "| test_bad |" in shown
    assert "<summary>Model tests that passed</summary>\n\n| test |" in folded
    assert "| test_ok |" in folded
    assert text.count("<details>") == text.count("</details>") > 1
    assert "### Model tests that passed" not in text


def test_further_sections_come_before_the_record_s_own(make_record: MakeRecord) -> None:
    first = MarkdownSection(noun=("change", "changes"), head="", items=["- loosened"], row=str)
    text = to_markdown(make_record(tests=[failing("test_bad")]), first=[first])
    assert text.index("- loosened") < text.index("- **FAIL**")


def test_a_commit_is_left_to_be_linked_and_nothing_else_is(make_record: MakeRecord) -> None:
    made = Provenance(
        tool_version="1", pytest_version="9", python="3", platform="x", commit_head="ab" * 20, ci_run="c" * 40
    )
    text = to_markdown(make_record(provenance=made))
    assert f"| commit | {'ab' * 20} |" in text


def test_worst_rules_come_first(make_record: MakeRecord) -> None:
    """INCOMPLETE, then what blocks before what is only reported, then the one that misses by most."""
    rules = (
        Rule(metric="f1", min=0.1, id="passes"),
        Rule(metric="f1", min=0.99, id="reported", severity="report"),
        Rule(metric="accuracy", min=0.91, id="little"),
        Rule(metric="accuracy", max=0.1, id="much"),
        Rule(metric="recall", min=0.5, id="missing"),
        Rule(metric="accuracy", min=0.99, id="more"),
    )
    record = make_record(shares=[("accuracy", "all", 90), ("f1", "all", 90)], policy=Policy(rules=rules))

    ordered = rules_by_concern(record)
    names = [rule.rule for _, rule in ordered]
    assert names == ["missing", "much", "more", "little", "reported", "passes"]
    assert [index for index, _ in ordered] == [4, 3, 5, 2, 1, 0]
    text = to_markdown(record)
    places = [text.index(f"| {name} |") for name in names]
    assert places == sorted(places)
