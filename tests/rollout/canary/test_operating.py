"""The judge's error rates under continuous looks, and where its assumptions end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks._canary_traffic import Scenario, rates
from pytest_mlops.records.serving import JudgeSettings
from pytest_mlops.stats.beta_mixture import log_e_above

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = JudgeSettings()
RATIO_ONLY = JudgeSettings(tolerable_rate=0.0)


def test_ten_metrics_that_are_as_good_looked_at_after_every_event() -> None:
    """1,000 canaries; a test at 1 % for each metric and look would roll most of them back."""
    metrics, events, canaries = 10, 300, 1000
    n, k = np.meshgrid(np.arange(events + 1), np.arange(events + 1), indexing="ij")
    log_e = log_e_above(np.minimum(k, n), n, 0.1)
    rng = np.random.default_rng(7)
    rolled = 0
    for _ in range(canaries):
        canary = np.cumsum(rng.random((metrics, events)) < 0.1, axis=1)
        e = np.exp(log_e[np.arange(1, events + 1), canary])
        rolled += bool((e.max(axis=0) >= 1000).any() or (e.mean(axis=0) >= 100).any())
    assert rolled / canaries <= 0.01 + 3 * (0.01 * 0.99 / canaries) ** 0.5


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario(old=0.01, new=0.02, looks=20),
        Scenario(old=0.3, new=0.6, looks=10),
        Scenario(old=0.05, new=0.1, got=0.05, looks=20),
        Scenario(old=0.0, new=0.01, looks=20),
    ],
    ids=["2 %", "60 %", "half its share", "none before"],
)
def test_a_harmful_version_is_rarely_promoted(scenario: Scenario) -> None:
    _, promoted = rates(SETTINGS, scenario, rounds=150, seed=1)
    assert promoted <= 0.05 + 3 * (0.05 * 0.95 / 150) ** 0.5


def test_by_the_weight_alone_a_canary_that_gets_half_its_share_is_promoted() -> None:
    """Where the assumption ends: at the weight, twice the rate of half the requests looks as good."""
    starved = Scenario(old=0.05, new=0.1, got=0.05, looks=20)
    _, promoted = rates(RATIO_ONLY, starved, rounds=40, seed=1, trusting=True)
    assert promoted > 0.9


def test_bad_events_in_bursts_are_taken_for_more_than_they_are() -> None:
    """Where the assumption ends: events that come together are not as many pieces of evidence."""
    rolled, _ = rates(RATIO_ONLY, Scenario(old=0.01, new=0.01, burst=10), rounds=60, seed=1)
    assert rolled > 0.1


@pytest.mark.slow
def test_every_promise_of_the_benchmark_holds() -> None:
    command = [sys.executable, "-W", "error", "-m", "benchmarks.canary_operating", "--rounds", "200"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0
    assert "BROKEN" not in done.stdout
    assert done.stdout.count("holds") == 8 + 2 + 13
