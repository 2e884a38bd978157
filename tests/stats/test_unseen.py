"""What 0 of n leave possible."""

from __future__ import annotations

import pytest

from pytest_mlops.stats import binomial
from pytest_mlops.stats.unseen import unseen_share


@pytest.mark.parametrize("n", [1, 30, 299, 10**9])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.999])
def test_it_is_clopper_and_pearsons_bound_of_no_success(n: int, confidence: float) -> None:
    assert unseen_share(n, confidence) == pytest.approx(binomial.upper_bound(0, n, confidence), rel=1e-6)


def test_a_share_of_one_percent_is_ruled_out_from_299_examples_on() -> None:
    assert unseen_share(299, 0.95) <= 0.01 < unseen_share(298, 0.95)
