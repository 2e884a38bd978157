"""What the journal says decides what comes next, and nothing else does."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlops.state.steps import FORWARD, Entry, Phase, Step, is_committed, is_over, next_step


def entries(*pairs: tuple[Step, Phase]) -> list[Entry]:
    return [Entry(step=step, phase=phase, fence=1) for step, phase in pairs]


def done(*steps: Step) -> list[Entry]:
    return entries(*[(step, Phase.DONE) for step in steps])


def test_a_new_deployment_begins_with_its_ticket() -> None:
    assert next_step([]) is Step.VERIFY


@pytest.mark.parametrize(("step", "after"), list(pairwise(FORWARD)))
def test_each_step_follows_on_the_one_before(step: Step, after: Step) -> None:
    assert next_step(done(*FORWARD[: FORWARD.index(step) + 1])) is after


@pytest.mark.parametrize("step", FORWARD)
def test_a_step_that_was_begun_is_carried_out_again(step: Step) -> None:
    before = done(*FORWARD[: FORWARD.index(step)])
    assert next_step(before + entries((step, Phase.BEGUN))) is step


@pytest.mark.parametrize("step", FORWARD)
def test_a_step_that_failed_leads_back(step: Step) -> None:
    before = done(*FORWARD[: FORWARD.index(step)])
    assert next_step(before + entries((step, Phase.BEGUN), (step, Phase.FAILED))) is Step.REVERT


def test_a_revert_that_failed_is_tried_again() -> None:
    journal = entries((Step.PROBE, Phase.FAILED), (Step.REVERT, Phase.BEGUN), (Step.REVERT, Phase.FAILED))
    assert next_step(journal) is Step.REVERT


@pytest.mark.parametrize("end", [done(*FORWARD), entries((Step.PROBE, Phase.FAILED)) + done(Step.REVERT)])
def test_after_the_blessing_or_the_revert_it_is_over(end: list[Entry]) -> None:
    assert is_over(end)
    assert next_step(end) is None


def test_only_the_commit_commits() -> None:
    assert not is_committed(done(*FORWARD[: FORWARD.index(Step.COMMIT)]))
    assert not is_committed(entries((Step.COMMIT, Phase.BEGUN)))
    assert is_committed(done(Step.COMMIT))


@given(
    st.lists(
        st.tuples(st.sampled_from(Step), st.sampled_from([Phase.BEGUN, Phase.NOTED, Phase.FAILED])),
        max_size=12,
    )
)
def test_nothing_but_a_done_step_is_passed_over(pairs: list[tuple[Step, Phase]]) -> None:
    failed = any(phase is Phase.FAILED for _, phase in pairs)
    assert next_step(entries(*pairs)) is (Step.REVERT if failed else Step.VERIFY)
