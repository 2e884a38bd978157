"""A baseline model's answers to the examples of the candidate's own run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_mlops.errors import RecordingError
from pytest_mlops.metrics.columns import check_length, check_within, read_column, read_numbers
from pytest_mlops.metrics.labels import Labels, read_scores
from pytest_mlops.metrics.predictions import LARGEST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_mlops.metrics.predictions import Predictions

    Array = NDArray[Any]

__all__ = ["read_baseline"]


def read_baseline(
    found: Predictions, baseline: object, baseline_score: object, *, positive: object
) -> dict[str, Array]:
    """Return the arrays ``baseline`` and, where given, ``baseline_score``, checked like the candidate's own.

    Args:
        found: The candidate's predictions, measured.
        baseline: Predicted labels or values of the baseline (n,).
        baseline_score: Its probabilities, as ``y_score``; ``None`` for none.
        positive: The positive label, as for the candidate.

    Raises:
        RecordingError: an argument cannot be evidence; the message names it.
    """
    if baseline is None:
        if baseline_score is not None:
            raise RecordingError("baseline_score is given without baseline; expected the predictions too")
        return {}
    answers = read_column("baseline", baseline)
    check_length("baseline", answers.size, found.n)
    if found.task == "regression":
        if baseline_score is not None:
            raise RecordingError("baseline_score is given, but the task is regression; leave it out")
        answers = read_numbers("baseline", answers)
        check_within("baseline", answers, -LARGEST, LARGEST, "use a larger unit")
        return {"baseline": answers}
    labels = _labels(found.arrays["y_true"], answers, positive)
    arrays = {"baseline": answers}
    if baseline_score is not None:
        arrays["baseline_score"] = _scores(baseline_score, labels)
    return arrays


def _labels(true: Array, answers: Array, positive: object) -> Labels:
    try:
        return Labels.of(true, answers, positive)
    except RecordingError as error:
        raise RecordingError(str(error).replace("y_pred", "baseline")) from error


def _scores(value: object, labels: Labels) -> Array:
    try:
        return read_scores(value, labels)
    except RecordingError as error:
        raise RecordingError(str(error).replace("y_score", "baseline_score")) from error
