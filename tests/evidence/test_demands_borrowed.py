"""Waivers of a run that borrow the name of an environment's rule."""

from __future__ import annotations

from datetime import date

from pytest_mlops.evidence.demands import tightened
from pytest_mlops.records.policy import Policy, Waiver
from pytest_mlops.records.rule import Rule
from pytest_mlops.records.ticket import TicketPolicy


def test_a_waiver_that_borrows_the_name_of_an_environments_rule_does_not_count() -> None:
    one = {"scope": "*", "reason": "r", "approver": "a", "expires": date(2030, 1, 1)}
    borrowed = Waiver.model_validate({"rule": "production: auc", **one})
    own = Waiver.model_validate({"rule": "auc", **one})
    demands = TicketPolicy(rules=(Rule(metric="auc", min=0.6),))
    policy = tightened(Policy(waivers=(borrowed, own)), demands, "production")
    assert [rule.name for rule in policy.rules] == ["production: auc"]
    assert policy.waivers == (own,)
