"""Paired differences: each metric by its method, on every slice, with nothing certain that is not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss, precision_score, recall_score, roc_auc_score

from pytest_mlops.errors import RecordingError
from pytest_mlops.metrics.paired import compare_classification, compare_regression, compare_values
from pytest_mlops.metrics.paired_delta import PairedDelta, replicates_delta, share_delta
from pytest_mlops.stats import confusion
from pytest_mlops.stats.count_bootstrap import count_bootstrap, joint_cells

N = 400


def models(classes: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return truth and the labels of a better and a worse model."""
    rng = np.random.default_rng(5)
    true = rng.integers(0, classes, N)
    wrong = (true + 1) % classes
    return true, np.where(rng.random(N) < 0.9, true, wrong), np.where(rng.random(N) < 0.7, true, wrong)


def by_key(found: list[PairedDelta]) -> dict[tuple[str, str], PairedDelta]:
    return {(delta.metric, delta.slice): delta for delta in found}


def compare(classes: int = 2, **options: object) -> dict[tuple[str, str], PairedDelta]:
    true, ours, theirs = models(classes)
    slices = {"first": np.arange(N) < 100, "none": np.zeros(N, dtype=np.bool_)}
    return by_key(compare_classification(true, ours, theirs, slices=slices, seed=1, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gained", "lost", "n", "confidence", "bounds"),
    [
        (12, 2, 50, 0.975, (0.0611, 0.3447)),
        (25, 40, 1000, 0.975, (-0.0315, 0.0008)),
    ],
)
def test_a_share_has_the_published_bounds(
    gained: int, lost: int, n: int, confidence: float, bounds: tuple[float, float]
) -> None:
    found = share_delta("accuracy", "all", n, gained=gained, lost=lost, right=gained, confidence=confidence)
    assert (found.lower, found.upper) == pytest.approx(bounds, abs=1e-4)


def test_a_share_has_mcnemars_mid_p_both_ways() -> None:
    found = share_delta("accuracy", "all", 1000, gained=25, lost=40, right=900, confidence=0.95)
    assert found.p_decrease == pytest.approx(0.0320, abs=1e-4)
    assert found.p_decrease is not None
    assert found.p_increase == pytest.approx(1 - found.p_decrease, abs=1e-9)
    assert (found.candidate, found.baseline, found.delta) == pytest.approx((0.9, 0.915, -0.015))


@pytest.mark.parametrize(("n", "passes"), [(267, False), (268, True)])
def test_identical_predictions_keep_a_margin_of_one_point_from_268_examples_on(n: int, passes: bool) -> None:
    found = share_delta("accuracy", "all", n, gained=0, lost=0, right=n, confidence=0.95)
    assert found.lower is not None
    assert (found.lower >= -0.01) is passes
    assert (found.p_decrease, found.p_increase) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("metric", "oracle"), [("precision", precision_score), ("recall", recall_score), ("f1", f1_score)]
)
@pytest.mark.parametrize("classes", [2, 4])
def test_values_are_those_of_the_two_models(metric: str, oracle: object, classes: int) -> None:
    true, ours, theirs = models(classes)
    average = {"average": "binary"} if classes == 2 else {"average": "macro"}
    found = compare(classes)[metric if classes == 2 else f"{metric}_macro", "all"]
    assert found.candidate == pytest.approx(oracle(true, ours, **average))  # type: ignore[operator]
    assert found.baseline == pytest.approx(oracle(true, theirs, **average))  # type: ignore[operator]
    assert found.candidate is not None
    assert found.baseline is not None
    assert found.delta == pytest.approx(found.candidate - found.baseline)


@pytest.mark.parametrize("metric", ["accuracy", "precision", "recall", "f1"])
def test_the_better_model_is_shown_to_be_better_and_its_mirror_worse(metric: str) -> None:
    true, ours, theirs = models()
    found = compare()[metric, "all"]
    mirror = by_key(compare_classification(true, theirs, ours, slices={}, seed=1))[metric, "all"]
    assert found.lower is not None
    assert found.lower > 0
    assert found.p_increase is not None
    assert mirror.p_decrease is not None
    assert found.p_increase < 0.001
    assert mirror.p_decrease < 0.001
    assert mirror.delta == pytest.approx(-found.delta)  # type: ignore[operator]
    assert mirror.upper == pytest.approx(-found.lower, abs=0.01)


def test_every_metric_is_there_for_every_slice_and_an_empty_one_says_so() -> None:
    found = compare()
    assert {part for _, part in found} == {"all", "first", "none"}
    assert found["accuracy", "first"].n == 100
    assert {found[name, "none"].undefined for name in ("accuracy", "recall", "f1")} == {
        "no examples in the slice"
    }


def test_the_same_seed_gives_the_same_bounds() -> None:
    assert compare() == compare()


def test_probabilities_are_compared_by_delong_and_paired_losses() -> None:
    true, ours, theirs = models()
    rng = np.random.default_rng(2)
    scores = tuple(np.clip(0.6 * labels + 0.4 * rng.random(N), 0.01, 0.99) for labels in (ours, theirs))
    found = by_key(
        compare_classification(true, ours, theirs, scores=(scores[0], scores[1]), slices={}, seed=1)
    )
    assert found["roc_auc", "all"].candidate == pytest.approx(roc_auc_score(true, scores[0]))
    assert found["roc_auc", "all"].method.startswith("DeLong")
    assert found["log_loss", "all"].baseline == pytest.approx(log_loss(true, scores[1]))
    assert found["brier", "all"].delta == pytest.approx(
        np.mean((scores[0] - true) ** 2) - np.mean((scores[1] - true) ** 2)
    )


def test_probabilities_of_many_classes_are_compared_by_their_losses() -> None:
    true, ours, theirs = models(3)
    scores = tuple((np.eye(3)[labels] * 0.7 + 0.1) for labels in (ours, theirs))
    found = by_key(
        compare_classification(true, ours, theirs, scores=(scores[0], scores[1]), slices={}, seed=1)
    )
    assert found["log_loss", "all"].candidate == pytest.approx(log_loss(true, scores[0]))
    assert ("roc_auc", "all") not in found


def test_probabilities_of_different_labels_are_not_compared() -> None:
    true, ours, theirs = models(3)
    scores = (np.full((N, 3), 1 / 3), np.full((N, 4), 0.25))
    found = by_key(compare_classification(true, ours, theirs, scores=scores, slices={}, seed=1))
    assert found["log_loss", "all"].undefined == "the probabilities of the two runs are for different labels"


def test_probabilities_of_an_empty_slice_are_undefined() -> None:
    true, ours, theirs = models()
    scores = (ours * 0.8 + 0.1, theirs * 0.8 + 0.1)
    nothing = {"none": np.zeros(N, dtype=np.bool_)}
    found = by_key(compare_classification(true, ours, theirs, scores=scores, slices=nothing, seed=1))
    assert found["roc_auc", "none"].undefined == "no examples in the slice"


def test_one_class_has_no_recall_and_no_area() -> None:
    true = np.zeros(50, dtype=np.int64)
    pred = np.array([0, 1] * 25)
    scores = (pred * 0.5, pred * 0.4)
    found = by_key(compare_classification(true, pred, pred, scores=scores, slices={}, positive=1, seed=1))
    assert found["recall", "all"].undefined == "no positive examples in the slice"
    assert found["roc_auc", "all"].undefined == "one class only"
    assert found["accuracy", "all"].undefined is None


def test_a_model_that_predicts_no_positive_has_no_precision_to_compare() -> None:
    true, ours, _ = models()
    found = by_key(compare_classification(true, ours, np.zeros(N, dtype=np.int64), slices={}, seed=1))
    assert found["precision", "all"].undefined is not None
    assert found["f1", "all"].baseline == 0


@pytest.mark.parametrize("classes", [2, 3])
def test_identical_predictions_leave_open_what_zero_disagreements_leave_open(classes: int) -> None:
    true, ours, _ = models(classes)
    found = by_key(compare_classification(true, ours, ours, slices={}, seed=1))[
        "f1" if classes == 2 else "f1_macro", "all"
    ]
    assert found.delta == 0
    assert found.lower is not None
    assert -0.05 < found.lower < -3 / N * 0.9


def test_bounds_never_come_nearer_than_what_zero_of_m_examples_leave_possible() -> None:
    cells = joint_cells(np.array([1] * 60), np.array([1] * 60), np.array([1] * 59 + [0]), classes=2)
    metric = {"f1": lambda counts: confusion.f1(counts, positive=1)}
    drawn = count_bootstrap(cells, metric, seed=1)["f1"]
    found = replicates_delta(
        "f1", "all", 60, (1.0, 0.99), drawn, support=60, required=10_000, confidence=0.95
    )
    assert found.lower is not None
    assert found.lower <= drawn.estimate - (1 - 0.05 ** (1 / 60)) + 1e-12


def test_many_cells_get_fewer_replicates_and_normal_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_mlops.metrics.paired.DRAWN_CELLS", 10)
    few, full = compare(3)["f1_macro", "all"], None
    monkeypatch.undo()
    full = compare(3)["f1_macro", "all"]
    assert few.method == "normal, bootstrap of counts, 1,000 replicates"
    assert full.method == "bootstrap of counts, 10,000 replicates"
    assert few.lower == pytest.approx(full.lower, abs=0.01)
    assert few.p_increase is not None
    assert few.p_increase < 1e-4


def test_labels_of_two_kinds_are_refused() -> None:
    with pytest.raises(RecordingError, match="expected the same kind"):
        compare_classification(
            np.array(["a", "b"]), np.array(["a", "b"]), np.array([0, 1]), slices={}, seed=1
        )


def test_regression_losses_are_paired() -> None:
    rng = np.random.default_rng(3)
    true = rng.normal(size=N)
    ours, theirs = true + rng.normal(scale=0.5, size=N), true + rng.normal(scale=1.0, size=N)
    found = by_key(compare_regression(true, ours, theirs, slices={"first": np.arange(N) < 50}))
    mae = found["mae", "all"]
    assert mae.candidate == pytest.approx(np.abs(ours - true).mean())
    losses = np.abs(ours - true) - np.abs(theirs - true)
    assert mae.delta == pytest.approx(losses.mean())
    assert mae.variance == pytest.approx(losses.var(ddof=1))
    assert mae.upper is not None
    assert mae.upper < 0
    assert found["r2", "all"].delta == pytest.approx(
        (np.mean((theirs - true) ** 2) - np.mean((ours - true) ** 2)) / true.var()
    )
    assert found["rmse", "first"].n == 50
    assert found["mean_error", "all"].delta == pytest.approx((ours - theirs).mean())


def test_regression_bounds_of_rmse_agree_with_resampling_rows() -> None:
    rng = np.random.default_rng(4)
    true = rng.normal(size=N)
    ours, theirs = true + rng.normal(scale=0.9, size=N), true + rng.normal(scale=1.0, size=N)
    found = by_key(compare_regression(true, ours, theirs, slices={}))["rmse", "all"]
    rows = rng.integers(0, N, (4000, N))

    def rmse(pred: np.ndarray) -> np.ndarray:
        return np.asarray(np.sqrt(((pred - true)[rows] ** 2).mean(axis=1)))

    assert found.lower == pytest.approx(np.quantile(rmse(ours) - rmse(theirs), 0.05), abs=0.015)


@pytest.mark.parametrize("size", [0, 1])
def test_fewer_than_two_examples_have_no_regression_to_compare(size: int) -> None:
    mask = np.arange(3) < size
    values = np.array([1.0, 2.0, 3.0])
    found = by_key(compare_regression(values, values, values + 1, slices={"few": mask}))
    assert found["mae", "few"].undefined is not None
    assert found["mae", "few"].n == size


def test_constant_truth_has_no_r2_and_still_an_mae() -> None:
    found = by_key(compare_regression(np.ones(5), np.arange(5.0), np.zeros(5), slices={}))
    assert found["r2", "all"].undefined == "y_true is constant"
    assert found["mae", "all"].undefined is None


def test_scores_between_0_and_1_go_by_students_t_of_the_differences() -> None:
    rng = np.random.default_rng(6)
    ours, theirs = rng.random(100), rng.random(100)
    (found,) = compare_values("ndcg", ours, theirs, slices={})
    assert found.method == "paired t, adjusted for skewness"
    half = 1.6603911560169928 * (ours - theirs).std(ddof=1) / math.sqrt(100)
    assert found.lower == pytest.approx((ours - theirs).mean() - half, rel=0.02)
    assert found.lower is not None
    assert found.lower <= (ours - theirs).mean() - half + 1e-12


def test_scores_that_are_right_or_wrong_go_by_tango() -> None:
    ours, theirs = np.array([1.0] * 60), np.array([1.0] * 60)
    (found,) = compare_values("judge", ours, theirs, slices={})
    assert found.method.startswith("Tango")
    assert found.lower == pytest.approx(-0.0431, abs=1e-3)


def test_one_score_is_nothing_to_compare() -> None:
    found = compare_values("ndcg", np.array([0.5]), np.array([0.7]), slices={})
    assert found[0].undefined == "fewer than two examples"
