"""ROC AUC with DeLong's standard error, log loss and Brier score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from pytest_mlops.stats import normal
from pytest_mlops.stats.classification import ONE_CLASS
from pytest_mlops.stats.estimate import Estimate
from pytest_mlops.stats.probability import brier_losses, log_losses, roc_auc


@given(st.integers(2, 60), st.integers(1, 12), st.integers(0, 10_000))
@settings(max_examples=80, deadline=None)
def test_auc_and_its_standard_error_follow_the_definition(n: int, levels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive, score = rng.random(n) < 0.4, rng.integers(0, levels, n) / levels
    found = roc_auc(positive, score)
    above = score[positive][:, None] - score[~positive][None, :]
    wins = (above > 0) + 0.5 * (above == 0)
    if positive.all() or not positive.any():
        assert found.undefined == ONE_CLASS
        return
    assert found.value == pytest.approx(wins.mean())
    assert found.value == pytest.approx(roc_auc_score(positive, score))
    v10, v01 = wins.mean(axis=1), wins.mean(axis=0)
    if np.ptp(v10) < 1e-12 and np.ptp(v01) < 1e-12:
        assert found.stderr == pytest.approx(normal.degenerate_stderr(min(v10.size, v01.size)))
    elif min(v10.size, v01.size) > 1:
        variance = v10.var(ddof=1) / v10.size + v01.var(ddof=1) / v01.size
        assert found.stderr == pytest.approx(np.sqrt(variance))
    else:
        assert found.stderr is None


def test_the_standard_error_of_auc_is_that_of_the_bootstrap() -> None:
    rng = np.random.default_rng(5)
    positive = rng.random(500) < 0.3
    score = np.round(rng.normal(size=500) + positive, 1)
    values = []
    for _ in range(600):
        rows = rng.integers(0, 500, 500)
        values.append(roc_auc(positive[rows], score[rows]).value)
    assert roc_auc(positive, score).stderr == pytest.approx(float(np.std(np.array(values, float))), rel=0.12)


def test_auc_depends_on_the_order_of_scores_alone() -> None:
    rng = np.random.default_rng(2)
    positive, score = rng.random(200) < 0.5, rng.random(200)
    rows = np.argsort(score)
    assert roc_auc(positive, score) == roc_auc(positive[rows], score[rows] ** 3)


@pytest.mark.parametrize(("scores", "auc"), [([0.1, 0.2, 0.8, 0.9], 1.0), ([0.9, 0.8, 0.2, 0.1], 0.0)])
def test_separated_classes_are_not_certain_proof(scores: list[float], auc: float) -> None:
    found = roc_auc(np.array([False, False, True, True]), np.array(scores))
    assert found.value == auc
    assert found.stderr == pytest.approx(normal.degenerate_stderr(2))


def test_losses_of_two_classes_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    true, score = rng.integers(0, 2, 50), rng.random(50)
    assert log_losses(true, score, positive=1).mean() == pytest.approx(log_loss(true, score))
    assert brier_losses(true, score, positive=1).mean() == pytest.approx(brier_score_loss(true, score))
    assert log_losses(true, 1 - score, positive=0).mean() == pytest.approx(log_loss(true, score))
    assert brier_losses(true, 1 - score, positive=0).mean() == pytest.approx(brier_score_loss(true, score))


def test_two_columns_give_the_losses_of_one() -> None:
    rng = np.random.default_rng(0)
    true, score = rng.integers(0, 2, 50), rng.random(50)
    both = np.column_stack([1 - score, score])
    assert log_losses(true, both) == pytest.approx(log_losses(true, score, positive=1))
    assert brier_losses(true, both) == pytest.approx(brier_losses(true, score, positive=1))


def test_losses_of_many_classes_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    true, score = rng.integers(0, 4, 60), rng.dirichlet(np.ones(4), 60)
    assert log_losses(true, score).mean() == pytest.approx(log_loss(true, score))
    onehot = np.eye(4)[true]
    assert brier_losses(true, score) == pytest.approx(((score - onehot) ** 2).sum(axis=1))


def test_losses_leave_the_scores_alone() -> None:
    score = np.array([[0.2, 0.3, 0.5]])
    brier_losses(np.array([1]), score)
    assert score.tolist() == [[0.2, 0.3, 0.5]]


def test_a_certain_mistake_costs_what_scikit_learn_charges() -> None:
    loss = log_losses(np.array([1, 0]), np.array([0.0, 0.0]), positive=1)
    assert loss.mean() == pytest.approx(log_loss([1, 0], [0.0, 0.0]))
    assert loss[0] == pytest.approx(-np.log(np.finfo(float).eps))
    assert Estimate.mean(loss).stderr == pytest.approx(loss.mean())
