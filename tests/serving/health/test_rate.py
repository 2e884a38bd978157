"""δ is the share of the probes that succeeded, with its exact bound."""

from __future__ import annotations

import pytest
from scipy.stats import beta

from pytest_mlops.serving.health.rate import health_rate


def test_no_probe_has_no_rate() -> None:
    assert health_rate(0, 0) is None


@pytest.mark.parametrize(
    ("successes", "probes", "lower"),
    [(19, 20, beta.ppf(0.05, 19, 2)), (3, 3, 0.05 ** (1 / 3)), (1, 2, 1 - 0.95**0.5), (0, 4, 0.0)],
)
def test_rate_is_the_share_with_its_exact_bound(successes: int, probes: int, lower: float) -> None:
    rate = health_rate(successes, probes)
    assert rate is not None
    assert (rate.successes, rate.probes, rate.share) == (successes, probes, successes / probes)
    assert rate.lower == pytest.approx(lower, abs=1e-9)


def test_more_successes_than_probes_are_no_rate() -> None:
    with pytest.raises(ValueError, match=r"."):
        health_rate(3, 2)
