"""What the canary judge does at a given truth, against the levels that it promises.

Run ``python -m benchmarks.canary_operating``; ``--rounds`` sets the length of the simulations. The first
table is exact, everything else has a fixed seed and three standard errors of slack.
"""

from __future__ import annotations

import argparse
import math
import sys
from typing import TYPE_CHECKING

import numpy as np

from benchmarks._canary_plan import CanaryPlan
from benchmarks._canary_traffic import Scenario, rates
from pytest_mlops.records.serving import JudgeSettings
from pytest_mlops.stats.beta_mixture import log_e_above

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

TABLE = (
    (1.0, 2.0, 0.5, ".0001", ".9999", "48.7"),
    (1.0, 2.0, 1.0, ".0056", ".9944", "134.6"),
    (1.0, 2.0, 1.5, ".478", ".522", "319.8"),
    (1.0, 2.0, 2.0, ".963", ".037", "179.1"),
    (1.0, 2.0, 3.0, ".998", ".002", "60.5"),
    (1.0, 2.0, 5.0, "1.000", ".000", "23.7"),
    (1.0, 1.5, 1.0, ".0059", ".956", "435"),
    (1.2, 2.0, 1.2, ".0063", ".994", "232.7"),
)
"""Acceptable, harmful and true ratio; specified rollbacks, promotions and bad events, at a share of .1."""

SETTINGS = JudgeSettings()
RATIO_ONLY = JudgeSettings(tolerable_rate=0.0)
SCENARIOS = (
    ("as good, 1 % bad", RATIO_ONLY, Scenario(old=0.01, new=0.01), "rollback"),
    ("as good, 30 % bad", RATIO_ONLY, Scenario(old=0.3, new=0.3, looks=40), "rollback"),
    ("as good, 30 % bad, dealt evenly", RATIO_ONLY, Scenario(old=0.3, new=0.3, dealt=True), "rollback"),
    ("as good, rates wander tenfold", RATIO_ONLY, Scenario(old=0.01, new=0.01, wander=10), "rollback"),
    ("as good, half of the traffic", RATIO_ONLY, Scenario(old=0.02, new=0.02, share=0.5), "rollback"),
    ("as good, gets twice its share", RATIO_ONLY, Scenario(old=0.02, new=0.02, got=0.2), "rollback"),
    ("twice as bad, 2 %", SETTINGS, Scenario(old=0.01, new=0.02), "promote"),
    ("twice as bad, 40 %", SETTINGS, Scenario(old=0.2, new=0.4), "promote"),
    ("twice as bad, 40 %, dealt evenly", SETTINGS, Scenario(old=0.2, new=0.4, dealt=True), "promote"),
    ("twice as bad, rates wander tenfold", SETTINGS, Scenario(old=0.03, new=0.06, wander=10), "promote"),
    ("twice as bad, gets half its share", SETTINGS, Scenario(old=0.05, new=0.1, got=0.05), "promote"),
    ("both bounds at once: .5 % and 1 %", SETTINGS, Scenario(old=0.005, new=0.01), "promote"),
    ("none before, 1 % now", SETTINGS, Scenario(old=0.0, new=0.01), "promote"),
)
"""Name, settings, traffic, and the verdict that would be wrong."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print all tables; return 1 where a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=1000, help="canaries of each simulation")
    rounds = parser.parse_args(argv).rounds
    # Each in turn, so that all are printed.
    return int(not all([exact_table(), peeking(rounds), traffic(rounds)]))


def exact_table() -> bool:
    """Print the operating table beside the specified one."""
    print("| acceptable / harmful | true ratio | rollback | promote | open | bad events | specified | |")
    print("|---|---|---|---|---|---|---|---|")
    held = []
    for acceptable, harmful, ratio, rollback, promote, events in TABLE:
        plan = CanaryPlan(share=0.1, acceptable=acceptable, harmful=harmful)
        found = plan.operating(ratio)
        numbers = (found.rollback, found.promote, found.events)
        held.append(all(map(_close, numbers, (rollback, promote, events))))
        print(
            f"| {acceptable:g} / {harmful:g} | {ratio:g} | {found.rollback:.4f} | {found.promote:.4f} | "
            f"{found.undecided:.4f} | {found.events:.1f} | {rollback}, {promote}, {events} | "
            f"{_word(held[-1])} |"
        )
    print("\nExpected bad events until the end for a ratio of 1 and of 3, by the canary's share:")
    for share in (0.01, 0.05, 0.1, 0.25, 0.5):
        plan = CanaryPlan(share=share, most_events=4000)
        print(f"- {share:g}: {plan.operating(1.0).events:.0f} and {plan.operating(3.0).events:.0f}")
    return all(held)


def peeking(rounds: int) -> bool:
    """Print how often ten metrics that are as good roll back when looked at after every bad event."""
    metrics, events = 10, 400
    table = _e_values(events)
    rng = np.random.default_rng(7)
    any_worse = mean_worse = naive = 0
    for _ in range(rounds):
        canary = np.cumsum(rng.random((metrics, events)) < 0.1, axis=1)
        e = table[np.arange(1, events + 1), canary]
        any_worse += bool((e >= metrics / SETTINGS.alpha_rollback).any())
        mean_worse += bool((e.mean(axis=0) >= 1 / SETTINGS.alpha_rollback).any())
        z = (canary - 0.1 * np.arange(1, events + 1)) / np.sqrt(0.09 * np.arange(1, events + 1))
        naive += bool((z[:, 9:] >= 2.326).any())
    print(
        f"\nTen metrics as good, {events} bad events each, looked at after each of them ({rounds} canaries):"
    )
    return all(
        [
            _line("rolled back by any or by the mean", mean_worse, rounds, SETTINGS.alpha_rollback),
            _line("rolled back by any metric alone", any_worse, rounds, SETTINGS.alpha_rollback),
            _line("a z test at 1 % per metric and look", naive, rounds, None),
        ]
    )


def _e_values(events: int) -> NDArray[np.float64]:
    n, k = np.meshgrid(np.arange(events + 1), np.arange(events + 1), indexing="ij")
    return np.exp(np.minimum(log_e_above(np.minimum(k, n), n, 0.1), 300.0))


def traffic(rounds: int) -> bool:
    """Print wrong verdicts of one metric under continuous looks at requests of many kinds."""
    print(f"\nOne metric, looked at every 500 requests ({rounds} canaries each):")
    held = []
    for number, (name, settings, scenario, wrong) in enumerate(SCENARIOS):
        rolled, promoted = rates(settings, scenario, rounds=rounds, seed=number)
        rate = rolled if wrong == "rollback" else promoted
        most = settings.alpha_rollback if wrong == "rollback" else settings.alpha_promote
        held.append(_line(f"{name}: {wrong}", round(rate * rounds), rounds, most))
    starved = Scenario(old=0.05, new=0.1, got=0.05)
    _, promoted = rates(RATIO_ONLY, starved, rounds=rounds, seed=99, trusting=True)
    _line("twice as bad, half its share, judged by the weight: promote", round(promoted * rounds), rounds)
    for burst in (2, 5):
        rolled, _ = rates(RATIO_ONLY, Scenario(old=0.01, new=0.01, burst=burst), rounds=rounds, seed=burst)
        _line(f"as good, bad events in bursts of {burst}: rollback", round(rolled * rounds), rounds)
    return all(held)


def _close(found: float, specified: str) -> bool:
    """Tell whether a number is within 3 % of the specified one, or rounds to it."""
    rounding = 0.5 * 10.0 ** -len(specified.partition(".")[2])
    return abs(found - float(specified)) <= max(0.03 * float(specified), rounding)


def _line(name: str, count: int, rounds: int, most: float | None = None) -> bool:
    rate = count / rounds
    if most is None:
        print(f"- {name}: {rate:.4f}")
        return True
    holds = rate <= most + 3 * math.sqrt(most * (1 - most) / rounds)
    print(f"- {name}: {rate:.4f} (at most {most:g}) {_word(holds)}")
    return holds


def _word(holds: bool) -> str:  # noqa: FBT001 -- one word for each
    return "holds" if holds else "BROKEN"


if __name__ == "__main__":
    sys.exit(main())
