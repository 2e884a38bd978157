"""The verdict algebra and the table that turns a verdict into a decision."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlops.verdict import Context, Decision, Verdict, combine, decide, success

PASS, WAIVED, UNDECIDED, FAIL, INCOMPLETE = Verdict
ALLOW, BLOCK = Decision
LOCAL, PULL_REQUEST, RELEASE = Context

VERDICTS = st.lists(st.sampled_from(Verdict))


def test_the_order_is_that_of_the_gate_law() -> None:
    assert sorted([FAIL, INCOMPLETE, PASS, UNDECIDED, WAIVED]) == [PASS, WAIVED, UNDECIDED, FAIL, INCOMPLETE]
    assert [verdict.rank for verdict in Verdict] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("one", "other"), list(itertools.product(Verdict, Verdict)))
def test_the_order_is_total_and_not_that_of_the_letters(one: Verdict, other: Verdict) -> None:
    assert [one < other, one == other, one > other].count(True) == 1
    assert (one < other) == (one.rank < other.rank)
    assert (one <= other) == (one < other or one == other)
    assert (one >= other) == (other <= one)
    assert (one > other) == (other < one)


@pytest.mark.parametrize("text", ["pass", "", "zzz"])
def test_a_verdict_is_not_ordered_against_text(text: str) -> None:
    for compare in ("__lt__", "__le__", "__gt__", "__ge__"):
        assert getattr(PASS, compare)(text) is NotImplemented


def test_of_nothing_the_verdict_is_incomplete() -> None:
    assert combine([]) is INCOMPLETE


@given(VERDICTS.filter(bool))
def test_combining_gives_the_worst_part(verdicts: list[Verdict]) -> None:
    combined = combine(verdicts)
    assert combined in verdicts
    assert all(verdict <= combined for verdict in verdicts)


@given(VERDICTS)
def test_combining_does_not_depend_on_the_order(verdicts: list[Verdict]) -> None:
    assert combine(reversed(verdicts)) is combine(verdicts)
    assert combine(sorted(verdicts)) is combine(verdicts)


@given(VERDICTS.filter(bool), VERDICTS.filter(bool))
def test_combining_parts_first_changes_nothing(one: list[Verdict], other: list[Verdict]) -> None:
    assert combine([combine(one), combine(other)]) is combine(one + other)


@given(VERDICTS)
def test_a_verdict_said_twice_counts_once(verdicts: list[Verdict]) -> None:
    assert combine(verdicts + verdicts) is combine(verdicts)


@given(VERDICTS, st.sampled_from(Verdict))
def test_more_evidence_never_makes_a_verdict_better(verdicts: list[Verdict], more: Verdict) -> None:
    if verdicts:
        assert combine([*verdicts, more]) >= combine(verdicts)
    assert combine([*verdicts, more]) >= more


def test_only_pass_and_waived_are_success() -> None:
    assert [verdict for verdict in Verdict if success(verdict)] == [PASS, WAIVED]


@pytest.mark.parametrize(
    ("context", "row"),
    [
        (LOCAL, [ALLOW, ALLOW, ALLOW, BLOCK, BLOCK]),
        (PULL_REQUEST, [ALLOW, ALLOW, ALLOW, BLOCK, BLOCK]),
        (RELEASE, [ALLOW, BLOCK, BLOCK, BLOCK, BLOCK]),
    ],
)
def test_the_decision_table_by_default(context: Context, row: list[Decision]) -> None:
    assert [decide(verdict, context) for verdict in Verdict] == row


def test_on_undecided_speaks_for_pull_requests_alone() -> None:
    rows = {context: decide(UNDECIDED, context, on_undecided=BLOCK) for context in Context}
    assert rows == {LOCAL: ALLOW, PULL_REQUEST: BLOCK, RELEASE: BLOCK}


def test_accept_waived_opens_a_release_to_waived_alone() -> None:
    row = [decide(verdict, RELEASE, accept_waived=True) for verdict in Verdict]
    assert row == [ALLOW, ALLOW, BLOCK, BLOCK, BLOCK]


def test_a_narrowed_run_is_excused_locally_and_only_for_missing_evidence() -> None:
    rows = {context: [decide(verdict, context, narrowed=True) for verdict in Verdict] for context in Context}
    assert rows == {
        LOCAL: [ALLOW, ALLOW, ALLOW, BLOCK, ALLOW],
        PULL_REQUEST: [ALLOW, ALLOW, ALLOW, BLOCK, BLOCK],
        RELEASE: [ALLOW, BLOCK, BLOCK, BLOCK, BLOCK],
    }


@given(
    st.sampled_from(Context),
    st.sampled_from(Decision),
    st.booleans(),
    st.booleans(),
)
def test_no_setting_allows_a_fail_or_blocks_a_pass(
    context: Context, on_undecided: Decision, accept_waived: bool, narrowed: bool
) -> None:
    settings = {"accept_waived": accept_waived, "narrowed": narrowed}
    assert decide(FAIL, context, on_undecided=on_undecided, **settings) is BLOCK
    assert decide(PASS, context, on_undecided=on_undecided, **settings) is ALLOW
