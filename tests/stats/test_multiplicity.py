"""Holm and Benjamini-Hochberg."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from pytest_mlops.stats.multiplicity import benjamini_hochberg, holm

families = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def test_the_reference_family_has_its_adjusted_values() -> None:
    family = [0.01, 0.04, 0.03, 0.005]
    assert holm(family) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert benjamini_hochberg(family) == pytest.approx([0.02, 0.04, 0.04, 0.02])


@given(families)
@settings(max_examples=100, deadline=None)
def test_false_discovery_rate_is_that_of_scipy(family: list[float]) -> None:
    assert benjamini_hochberg(family) == pytest.approx(false_discovery_control(family), abs=1e-12)


@given(families, st.floats(0.001, 0.5))
@settings(max_examples=100, deadline=None)
def test_holm_rejects_what_its_step_down_rejects(family: list[float], alpha: float) -> None:
    expected = set()
    for step, place in enumerate(np.argsort(family, kind="stable")):
        if family[place] * (len(family) - step) > alpha:
            break
        expected.add(int(place))
    assert set(np.flatnonzero(holm(family) <= alpha)) == expected


@given(families)
@settings(max_examples=60, deadline=None)
def test_adjustment_only_raises_and_never_beyond_one(family: list[float]) -> None:
    raw = np.array(family)
    discovery, family_wise = benjamini_hochberg(family), holm(family)
    assert (raw <= discovery + 1e-15).all()
    assert (discovery <= family_wise + 1e-15).all()
    assert (family_wise <= 1).all()


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_a_family_of_one_is_left_alone_and_an_empty_one_stays_empty(adjust: object) -> None:
    assert adjust([0.2]).tolist() == [0.2]  # type: ignore[operator]
    assert adjust([]).tolist() == []  # type: ignore[operator]


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@pytest.mark.parametrize("family", [[0.1, np.nan], [-0.1], [1.1], [[0.1, 0.2]]])
def test_what_is_no_list_of_p_values_is_refused(adjust: object, family: list[float]) -> None:
    with pytest.raises(ValueError, match="p_values has NaN or values outside"):
        adjust(family)  # type: ignore[operator]
