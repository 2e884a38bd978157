"""How often the checks err: simulated under the null and under stated alternatives, with fixed seeds.

A rate may exceed its nominal value by three standard errors of the simulation.
"""

from __future__ import annotations

import math
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_mlops.checks import fairness
from pytest_mlops.checks.base import CheckContext
from pytest_mlops.checks.calibration import Calibration
from pytest_mlops.checks.directional import Directional
from pytest_mlops.checks.fairness import Fairness
from pytest_mlops.checks.invariance import Invariance
from pytest_mlops.checks.latency import Latency
from pytest_mlops.checks.metric_floor import MetricFloor
from pytest_mlops.checks.minimum_functionality import MinimumFunctionality
from pytest_mlops.checks.robustness import Robustness
from pytest_mlops.checks.slice_floor import SliceFloor
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

    from pytest_mlops.checks.base import Check

pytestmark = pytest.mark.slow

IDENTITY = SimpleNamespace(predict=lambda rows: rows)


def rates(check: Check, draw: Callable[[Generator], dict[str, Any]], runs: int) -> dict[Verdict, float]:
    """Return how often each verdict is reached on fixtures drawn ``runs`` times."""
    rng = np.random.default_rng(20261101)
    counts = dict.fromkeys(Verdict, 0)
    for seed in range(runs):
        counts[check.evaluate(CheckContext(fixtures=draw(rng), seed=seed)).verdict] += 1
    return {verdict: count / runs for verdict, count in counts.items()}


def slack(nominal: float, runs: int) -> float:
    """Return the nominal rate and three standard errors."""
    return nominal + 3 * math.sqrt(nominal * (1 - nominal) / runs)


def answers(rng: Generator, accuracy: float, n: int) -> dict[str, Any]:
    true = rng.integers(0, 2, n)
    return {"y_true": true, "y_pred": np.where(rng.random(n) < accuracy, true, 1 - true)}


# ---- metric floor and slice floor ----


def test_metric_floor_errs_within_its_level_at_the_floor_and_decides_away_from_it() -> None:
    check = MetricFloor(of="data", metric="accuracy", min=0.9, confidence=0.95)
    at = rates(check, lambda rng: {"data": answers(rng, 0.9, 300)}, 600)
    assert at[Verdict.PASS] <= slack(0.05, 600)
    assert at[Verdict.FAIL] <= slack(0.05, 600)
    assert at[Verdict.UNDECIDED] > 0.85
    above = rates(check, lambda rng: {"data": answers(rng, 0.96, 300)}, 100)
    below = rates(check, lambda rng: {"data": answers(rng, 0.8, 300)}, 100)
    assert min(above[Verdict.PASS], below[Verdict.FAIL]) >= 0.95


def sliced(rng: Generator, accuracies: list[float], n: int = 200) -> dict[str, Any]:
    parts = [answers(rng, accuracy, n) for accuracy in accuracies]
    names = np.repeat([f"s{place}" for place in range(len(parts))], n)
    return {
        "data": {key: np.concatenate([part[key] for part in parts]) for key in parts[0]} | {"slices": names}
    }


def test_slice_floor_fails_by_family_and_passes_by_intersection() -> None:
    check = SliceFloor(of="data", metric="accuracy", min=0.9)
    all_at_the_floor = rates(check, lambda rng: sliced(rng, [0.9] * 8), 300)
    assert all_at_the_floor[Verdict.FAIL] <= slack(0.05, 300)
    one_at_the_floor = rates(check, lambda rng: sliced(rng, [0.9, 0.99, 0.99]), 300)
    assert one_at_the_floor[Verdict.PASS] <= slack(0.05, 300)
    assert rates(check, lambda rng: sliced(rng, [0.99] * 3), 60)[Verdict.PASS] >= 0.95
    assert rates(check, lambda rng: sliced(rng, [0.99, 0.99, 0.75]), 60)[Verdict.FAIL] >= 0.95


# ---- latency ----


def test_latency_errs_within_its_level_where_the_quantile_is_the_limit() -> None:
    limit = -math.log(0.05)  # p95 of exponential times with mean 1 ms

    def draw(scale: float) -> Callable[[Generator], dict[str, Any]]:
        return lambda rng: {"data": {"seconds": rng.exponential(scale / 1000, 400)}}

    check = Latency(of="data", quantile=0.95, max_ms=limit)
    at = rates(check, draw(1.0), 500)
    assert at[Verdict.PASS] <= slack(0.05, 500)
    assert at[Verdict.FAIL] <= slack(0.05, 500)
    assert rates(check, draw(0.6), 60)[Verdict.PASS] >= 0.95
    assert rates(check, draw(1.7), 60)[Verdict.FAIL] >= 0.95


# ---- calibration ----

BINS = 15


def scored(shift: float, n: int, *, alternating: bool = False) -> Callable[[Generator], dict[str, Any]]:
    """Draw labels whose chance is the probability plus ``shift``, with alternating sign from bin to bin."""

    def draw(rng: Generator) -> dict[str, Any]:
        place = rng.random(n)
        probability = 0.1 + 0.8 * place
        sign = np.where((place * BINS).astype(int) % 2, -1.0, 1.0) if alternating else 1.0
        return {"data": {"y_true": rng.random(n) < probability + shift * sign, "y_score": probability}}

    return draw


def test_calibration_does_not_fail_a_calibrated_model_more_often_than_its_level() -> None:
    strictest = rates(Calibration(of="data", tolerance=0.0), scored(0.0, 1000), 200)
    assert 0 < strictest[Verdict.FAIL] <= slack(0.05, 200)
    assert rates(Calibration(of="data"), scored(0.0, 1000), 60)[Verdict.FAIL] == 0


@pytest.mark.parametrize("alternating", [False, True])
def test_calibration_does_not_decide_at_the_tolerance_more_often_than_its_level(*, alternating: bool) -> None:
    at = rates(Calibration(of="data"), scored(0.05, 2000, alternating=alternating), 150)
    # The drawn probabilities do not fill the bins quite evenly; the true error of the bins is a little lower.
    assert at[Verdict.PASS] <= slack(0.05, 150)
    assert at[Verdict.FAIL] <= slack(0.05, 150)


def test_calibration_decides_away_from_the_tolerance() -> None:
    assert rates(Calibration(of="data"), scored(0.0, 4000), 30)[Verdict.PASS] >= 0.9
    assert rates(Calibration(of="data"), scored(0.15, 1000), 60)[Verdict.FAIL] >= 0.95


def test_a_fixed_threshold_on_the_calibration_error_stops_perfect_models() -> None:
    """Of perfect models with 1,000 examples nearly all are above 0.02, and none is stopped by the check."""
    rng = np.random.default_rng(5)
    check = Calibration(of="data", tolerance=0.02)
    errors, verdicts = [], []
    for seed in range(100):
        probability = 1 / (1 + np.exp(-3.2 * rng.standard_normal(1000)))
        data = {"y_true": rng.random(1000) < probability, "y_score": probability}
        found = check.evaluate(CheckContext(fixtures={"data": data}, seed=seed))
        errors.append(found.measurements[0][2].value)
        verdicts.append(found.verdict)
    values = np.array(errors, dtype=np.float64)
    assert values.mean() == pytest.approx(0.0285, abs=0.002)
    assert (values > 0.02).mean() > 0.85
    assert verdicts.count(Verdict.FAIL) / 100 <= slack(0.05, 100)


# ---- fairness ----


def grouped(*groups: float, n: int) -> Callable[[Generator], dict[str, Any]]:
    """Draw predictions that are positive with the chance given for each group, of ``n`` examples each."""

    def draw(rng: Generator) -> dict[str, Any]:
        chance = np.repeat(groups, n)
        names = np.repeat(np.arange(len(groups)), n)
        pred = (rng.random(chance.size) < chance).astype(int)
        return {"data": {"y_true": rng.integers(0, 2, chance.size), "y_pred": pred, "groups": names}}

    return draw


@pytest.fixture
def fewer_replicates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pay for so many runs that a rate of 8 % is told from one of 5 %."""
    for name, gap in list(fairness._GAPS.items()):
        monkeypatch.setitem(fairness._GAPS, name, partial(gap, replicates=1000))


@pytest.mark.usefixtures("fewer_replicates")
@pytest.mark.parametrize("groups", [(0.3, 0.4), (0.0, 0.1), (0.3, 0.3, 0.3, 0.4)])
def test_fairness_errs_within_its_level_where_the_gap_is_the_tolerance(groups: tuple[float, ...]) -> None:
    runs = 2000
    check = Fairness(of="data", criterion="demographic_parity", tolerance=0.1)
    at = rates(check, grouped(*groups, n=150), runs)
    assert at[Verdict.PASS] <= slack(0.05, runs)
    assert at[Verdict.FAIL] <= slack(0.05, runs)


@pytest.mark.usefixtures("fewer_replicates")
def test_fairness_by_equalised_odds_errs_within_its_level() -> None:
    at = rates(Fairness(of="data"), grouped(0.3, 0.4, n=300), 1000)
    assert max(at[Verdict.PASS], at[Verdict.FAIL]) <= slack(0.05, 1000)


def test_fairness_decides_away_from_the_tolerance() -> None:
    assert rates(Fairness(of="data"), grouped(0.3, 0.3, n=2000), 20)[Verdict.PASS] >= 0.9
    assert rates(Fairness(of="data"), grouped(0.3, 0.6, n=600), 20)[Verdict.FAIL] >= 0.9


# ---- robustness ----


def perturbed(lost: float, gained: float, n: int) -> Callable[[Generator], dict[str, Any]]:
    """Draw answers of which so large shares are right only before, or only after the perturbation."""

    def draw(rng: Generator) -> dict[str, Any]:
        true, chance = rng.integers(0, 2, n), rng.random(n)
        only_after = (chance >= lost) & (chance < lost + gained)
        before, after = np.where(only_after, 1 - true, true), np.where(chance < lost, 1 - true, true)
        return {"data": {"X": before, "y": true}, "noisy": {"X": after}, "model": IDENTITY}

    return draw


def test_robustness_errs_within_its_levels() -> None:
    check = Robustness(of="data", perturbed="noisy", model="model", margin=0.03)
    at_the_margin = rates(check, perturbed(0.05, 0.02, 1000), 400)
    assert at_the_margin[Verdict.PASS] <= slack(0.053, 400)  # the score test's own size, from 500 examples on
    no_loss = rates(check, perturbed(0.04, 0.04, 300), 400)
    assert no_loss[Verdict.FAIL] <= slack(0.01, 400)
    assert rates(check, perturbed(0.01, 0.01, 2000), 50)[Verdict.PASS] >= 0.95
    assert rates(check, perturbed(0.1, 0.02, 1000), 50)[Verdict.FAIL] >= 0.95


# ---- failure rates ----


def test_failure_rates_err_within_their_level_at_the_greatest_rate() -> None:
    def cases(rate: float) -> Callable[[Generator], dict[str, Any]]:
        return lambda rng: {
            "data": {"X": np.ones(400), "y": np.where(rng.random(400) < rate, 2.0, 1.0)},
            "model": IDENTITY,
        }

    check = MinimumFunctionality(of="data", model="model", max_failure_rate=0.05)
    at = rates(check, cases(0.05), 600)
    assert max(at[Verdict.PASS], at[Verdict.FAIL]) <= slack(0.05, 600)
    assert rates(check, cases(0.01), 60)[Verdict.PASS] >= 0.95
    assert rates(check, cases(0.12), 60)[Verdict.FAIL] >= 0.95


def test_versions_of_one_row_do_not_pass_for_independent_cases() -> None:
    """Twenty versions of a row fail together; counted one by one, they would err far above the level."""

    rows = np.repeat(np.arange(60), 20)

    def drawn(rng: Generator) -> np.ndarray[Any, Any]:
        answers = np.where(rng.random(60) < 0.1, 2.0, 1.0)[rows]
        answers[0] = 2.0  # what changes nothing at all would be no evidence
        return answers

    def together(rng: Generator) -> dict[str, Any]:
        return {"data": {"X": np.ones(60)}, "changed": {"X": drawn(rng), "rows": rows}, "model": IDENTITY}

    def apart(rng: Generator) -> dict[str, Any]:
        return {"data": {"X": np.ones(rows.size)}, "changed": {"X": drawn(rng)}, "model": IDENTITY}

    check = Invariance(of="data", perturbed="changed", model="model", max_failure_rate=0.1)
    by_row = rates(check, together, 300)
    assert max(by_row[Verdict.PASS], by_row[Verdict.FAIL]) <= slack(0.05, 300)
    by_version = rates(check, apart, 300)
    assert max(by_version[Verdict.PASS], by_version[Verdict.FAIL]) > 0.2


# ---- directions ----


def moving(up: float, down: float, n: int = 400) -> Callable[[Generator], dict[str, Any]]:
    """Draw answers of which so large shares rise and fall when the inputs change; the rest stay."""

    def draw(rng: Generator) -> dict[str, Any]:
        chance, before = rng.random(n), rng.normal(size=n)
        moves = np.where(chance < down, -1.0, np.where(chance < down + up, 1.0, 0.0))
        # The second column changes in every row, and the model does not look at it.
        changed = np.stack([before + moves, np.ones(n)], axis=1)
        return {
            "data": {"X": np.stack([before, np.zeros(n)], axis=1)},
            "changed": {"X": changed},
            "model": SimpleNamespace(predict=lambda rows: rows[:, 0]),
        }

    return draw


@pytest.mark.parametrize("expect", ["increase", "decrease"])
@pytest.mark.parametrize("staying", [0.0, 0.7])
def test_directional_errs_within_its_level_at_the_greatest_failure_rate(expect: Any, staying: float) -> None:
    def cases(wrong: float) -> Callable[[Generator], dict[str, Any]]:
        right = 1 - wrong - staying
        return moving(right, wrong) if expect == "increase" else moving(wrong, right)

    check = Directional(of="data", perturbed="changed", model="model", expect=expect)
    at = rates(check, cases(0.05), 600)
    assert max(at[Verdict.PASS], at[Verdict.FAIL]) <= slack(0.05, 600)
    assert rates(check, cases(0.01), 60)[Verdict.PASS] >= 0.95
    assert rates(check, cases(0.12), 60)[Verdict.FAIL] >= 0.95


def test_directional_with_a_least_change_counts_outputs_that_stay_as_failures() -> None:
    check = Directional(of="data", perturbed="changed", model="model", expect="increase", by=0.5)
    at = rates(check, moving(0.95, 0.0), 600)
    assert max(at[Verdict.PASS], at[Verdict.FAIL]) <= slack(0.05, 600)
    assert rates(check, moving(0.88, 0.0), 60)[Verdict.FAIL] >= 0.95


def test_directional_never_passes_a_model_whose_outputs_stay() -> None:
    for expect in ("increase", "decrease"):
        check = Directional.model_validate(
            {"of": "data", "perturbed": "changed", "model": "model", "expect": expect}
        )
        assert rates(check, moving(0.0, 0.0), 50)[Verdict.UNDECIDED] == 1
