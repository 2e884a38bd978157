"""The margin rule."""

from __future__ import annotations

import math

import pytest

from pytest_mlops.stats.margin import margin_verdict
from pytest_mlops.verdict import Verdict


@pytest.mark.parametrize(
    ("lower", "p_value", "verdict"),
    [
        (-0.0099, 0.4, Verdict.PASS),
        (-0.01, 0.4, Verdict.UNDECIDED),
        (-0.02, 0.0101, Verdict.UNDECIDED),
        (-0.02, 0.01, Verdict.FAIL),
        (-math.inf, 1.0, Verdict.UNDECIDED),
    ],
)
def test_the_bound_passes_and_the_p_value_fails(lower: float, p_value: float, verdict: Verdict) -> None:
    assert margin_verdict(lower, p_value, margin=0.01) is verdict


def test_worse_but_provably_within_the_margin_passes() -> None:
    assert margin_verdict(-0.005, 1e-9, margin=0.01) is Verdict.PASS


def test_without_a_margin_the_candidate_has_to_be_better() -> None:
    assert margin_verdict(0.001, 0.9, margin=0.0) is Verdict.PASS
    assert margin_verdict(0.0, 0.9, margin=0.0) is Verdict.UNDECIDED


def test_the_level_of_a_failure_can_be_chosen() -> None:
    assert margin_verdict(-0.02, 0.04, margin=0.01, alpha_block=0.05) is Verdict.FAIL


@pytest.mark.parametrize(("lower", "p_value"), [(None, 0.5), (0.1, None), (math.nan, 0.5), (0.1, math.nan)])
def test_missing_numbers_are_missing_evidence(lower: float | None, p_value: float | None) -> None:
    assert margin_verdict(lower, p_value, margin=0.01) is Verdict.INCOMPLETE


@pytest.mark.parametrize("margin", [-0.01, math.nan, math.inf])
def test_a_margin_is_an_allowed_loss(margin: float) -> None:
    with pytest.raises(ValueError, match="allowed loss"):
        margin_verdict(0.0, 1.0, margin=margin)
