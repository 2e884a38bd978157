"""δ is the share of the probes that succeeded, with its exact bound."""

from __future__ import annotations

import pytest
from scipy.stats import beta

from pytest_mlops.deploy.health.rate import health_rate
from pytest_mlops.records.health import CheckOutcome, HealthState


def outcome(successes: int, probes: int) -> CheckOutcome:
    return CheckOutcome(name="c", state=HealthState.HEALTHY, message="m", successes=successes, probes=probes)


def test_no_probe_has_no_rate() -> None:
    assert health_rate([]) is None
    assert health_rate([outcome(0, 0)]) is None


def test_rate_is_that_of_all_probes_together() -> None:
    rate = health_rate([outcome(9, 10), outcome(10, 10)])
    assert rate is not None
    assert (rate.successes, rate.probes, rate.share) == (19, 20, 0.95)
    assert rate.lower == pytest.approx(beta.ppf(0.05, 19, 2), abs=1e-9)


def test_all_successes_leave_the_bound_below_one() -> None:
    rate = health_rate([outcome(3, 3)])
    assert rate is not None
    assert rate.lower == pytest.approx(0.05 ** (1 / 3), abs=1e-9)


def test_no_success_bounds_at_zero() -> None:
    rate = health_rate([outcome(0, 4)])
    assert rate is not None
    assert (rate.share, rate.lower) == (0.0, 0.0)
