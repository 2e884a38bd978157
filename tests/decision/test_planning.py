"""Plans: what rules can tell on the data at hand, and how many examples margins need."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_mlops.cli.reports import plan_page
from pytest_mlops.decision.planning import RulePlan, plan_rules
from pytest_mlops.records.comparison import BaselineRef, Comparison, Delta
from pytest_mlops.records.measurement import Binomial, Measurement, Normal, Origin
from pytest_mlops.records.policy import Policy
from pytest_mlops.records.rule import Rule

if TYPE_CHECKING:
    from pytest_mlops.records.integration import IntegrationResult


def number(name: str, basis: Any, value: float = 0.9, n: int = 1000) -> Measurement:
    return Measurement(name=name, value=value, n=n, basis=basis, origin=Origin.METRIC, test="t")


NUMBERS = (
    number("accuracy", Binomial(successes=900, trials=1000)),
    number("mae", Normal(stderr=0.1)),
    number("bare", None),
)


def plan(rule: Rule, *deltas: Delta) -> RulePlan:
    comparison = Comparison(status="compared", baseline=BaselineRef(source="run"), deltas=deltas)
    record = SimpleNamespace(
        policy=Policy(rules=(rule,)), measurements=NUMBERS, comparison=comparison if deltas else None
    )
    (found,) = plan_rules(cast("IntegrationResult", record), (0.01,))
    return found


def paired(variance: float | None, n: int = 2000) -> Delta:
    numbers: dict[str, Any] = dict.fromkeys(("delta", "lower", "upper", "p_decrease", "p_increase"), 0.0)
    return Delta(metric="accuracy", n=n, candidate=0.9, baseline=0.9, variance=variance, **numbers)


MARGIN = Rule(metric="accuracy", min_delta=-0.02)


def test_a_change_is_planned_with_the_paired_variance() -> None:
    found = plan(MARGIN, paired(0.05))
    assert (found.n, found.basis, found.needed, found.by_margin) == (2000, "paired", 773, (3092,))
    assert found.mde == pytest.approx(2.4865 * (0.05 / 2000) ** 0.5, rel=1e-4)


def test_models_that_never_differed_leave_room_for_one_example() -> None:
    assert plan(MARGIN, paired(0.0)).mde == pytest.approx(2.4865 / 2000, rel=1e-4)


@pytest.mark.parametrize("deltas", [(), (paired(None),)])
def test_without_a_paired_variance_that_of_two_samples_stands_in(deltas: tuple[Delta, ...]) -> None:
    found = plan(MARGIN, *deltas)
    assert (found.basis, found.n) == ("unpaired", 1000)
    assert found.by_margin == (11129,)  # at accuracy 0.9, where pairing needs 3,092


def test_a_mean_is_planned_with_its_standard_error() -> None:
    found = plan(Rule(metric="mae", max_delta=0.5))
    assert found.mde == pytest.approx(2.4865 * (2 * 0.1**2) ** 0.5, rel=1e-4)
    assert found.needed == pytest.approx(495, abs=1)


def test_a_rule_without_a_margin_has_no_n_of_its_own() -> None:
    assert plan(Rule(metric="accuracy", min_delta=0.0), paired(0.05)).needed is None


@pytest.mark.parametrize("metric", ["bare", "unknown"])
def test_what_has_no_spread_has_no_plan(metric: str) -> None:
    assert plan(Rule(metric=metric, min_delta=-0.1, better="higher")).why


def test_a_bound_on_the_value_is_planned_at_its_threshold() -> None:
    found = plan(Rule(metric="accuracy", min=0.88, confidence=0.95))
    assert (found.n, found.basis) == (1000, "threshold")
    assert found.needed is not None
    assert plan(Rule(metric="unknown", min=0.5)).why
    assert plan(Rule(metric="mae", max=1.0)).n == 1000


def test_a_record_without_rules_says_so() -> None:
    (section,) = plan_page((), (0.01,))
    assert (section.table, section.lines) == (None, ("There are no rules.",))
