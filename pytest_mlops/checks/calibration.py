"""Calibration: predicted probabilities match observed frequencies.

::

    - {check: calibration, of: holdout, model: model, tolerance: 0.05, covers: ["calibration:all"]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from pytest_mlops.checks.base import Check, CheckContext, CheckResult, FixtureName, Level
from pytest_mlops.checks.data import field_of, predictions_of, required_field
from pytest_mlops.decision.finding import at_most
from pytest_mlops.decision.limits import settle
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.metrics.labels import Labels
from pytest_mlops.metrics.predictions import measure_predictions
from pytest_mlops.names import ALL
from pytest_mlops.records.base import Label, Share
from pytest_mlops.stats.calibration import calibration
from pytest_mlops.stats.calibration_bound import squared_error
from pytest_mlops.stats.estimate import SHARE, Estimate
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_mlops.metrics.predictions import Predictions

__all__ = ["Calibration"]


class Calibration(Check):
    """Predicted probabilities match observed frequencies within a tolerance.

    The expected calibration error (ECE) of a perfectly calibrated model is not 0: it is about 0.03 with 1,000
    examples and 15 bins, so a threshold on the ECE alone says little. FAIL when the ECE is significantly
    larger than under perfect calibration (labels drawn with the predicted probabilities) and exceeds the mean
    of that null distribution by more than ``tolerance``. PASS when an upper bound of the true binned error,
    from its debiased square, is at most ``tolerance``. Otherwise UNDECIDED, and the message gives the number
    of examples that would decide. With two labels the check uses the probability of the positive label, with
    more labels that of the most probable one. Errors that cancel out within a bin are not detected.
    """

    check: Literal["calibration"] = "calibration"
    of: FixtureName
    """Fixture with ``y_true`` (or ``y``), and ``y_score`` or ``X``."""
    model: FixtureName | None = None
    """Fixture of the model whose ``predict_proba`` is used when the data has no ``y_score``."""
    slice: Label = ALL
    """Slice of the data to check."""
    tolerance: Share = 0.05
    """Maximum true calibration error."""
    confidence: Level = 0.95
    """One-sided confidence level of the bound and of the test."""
    bins: Annotated[int, Field(strict=True, ge=2, le=100)] = 15
    """Number of equal-mass bins."""
    positive: Label | int | bool | None = None
    """Positive label of a binary task."""

    inputs = ("of", "model")

    def evaluate(self, context: CheckContext) -> CheckResult:
        """Run the check."""
        event, probability = self._events(context)
        if event.all() or not event.any():
            raise IncompleteEvidence(
                f"all {event.size} examples on {self.slice} have the same outcome; expected both outcomes, "
                "so use data with examples of each"
            )
        found = calibration(event, probability, seed=context.seed, bins=self.bins)
        square = squared_error(event, probability, [part.count for part in found.bins])
        upper = square.upper(self.confidence)
        alpha = 1 - self.confidence
        verdict = settle(
            holds=at_most(upper, self.tolerance),
            fails=found.p_value <= alpha and not at_most(found.excess, self.tolerance),
        )
        message = (
            f"ECE on {self.slice} is {found.ece:.4g} (n = {found.n:,}; {found.null_mean:.4g} if calibrated, "
            f"p = {found.p_value:.3g}), so at most {upper:.4g} at one-sided {self.confidence:.4g}, must be "
            f"at most {self.tolerance:g}"
        )
        if verdict is Verdict.UNDECIDED:
            needs = square.needed_n(self.tolerance, self.confidence)
            message += f"; needs n ≈ {needs:,}" if needs else "; the error equals the tolerance"
        note = f"{len(found.bins)} equal-mass bins; a calibrated model would show {found.null_mean:.4g}"
        ece = Estimate(value=found.ece, n=found.n, range=SHARE, note=note)
        measured = (f"{self.title()}.ece", self.slice, ece)
        return CheckResult(verdict=verdict, message=message, measurements=(measured,))

    def _events(self, context: CheckContext) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Return whether the event happened (n,) and its predicted probability (n,), on the slice."""
        found = self._predictions(context)
        arrays = found.arrays
        if "y_score" not in arrays:
            raise IncompleteEvidence(
                f"the fixture {self.of!r} has no y_score and there is no model with predict_proba; expected "
                "probabilities, so add y_score to the fixture or name a model:"
            )
        labels = Labels.of(arrays["y_true"], arrays["y_pred"], self.positive, known=found.labels)
        event, probability = _top_or_positive(labels, arrays["y_score"])
        if self.slice == ALL:
            return event, probability
        mask = arrays.get(f"slice:{self.slice}")
        if mask is None or not mask.any():
            raise IncompleteEvidence(
                f"the slice {self.slice} of the fixture {self.of!r} has no examples; expected at least one, "
                "so check slice: and the fixture's slices"
            )
        return event[mask], probability[mask]

    def _predictions(self, context: CheckContext) -> Predictions:
        value = context.fixtures[self.of]
        options: dict[str, Any] = {"positive": self.positive, "task": "classification"}
        if self.model is not None or field_of(value, "y_pred") is not None:
            return predictions_of(context, self.of, self.model, **options)
        true = required_field(value, self.of, "y_true", "y")
        scores = field_of(value, "y_score")
        # Calibration does not need predicted labels.
        return measure_predictions(
            true,
            true,
            y_score=scores,
            slices=field_of(value, "slices"),
            labels=field_of(value, "classes_"),
            predicted=False,
            **options,
        )


def _top_or_positive(
    labels: Labels, scores: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    if scores.ndim == 2 and scores.shape[1] > 2:
        return scores.argmax(axis=1) == labels.true, np.clip(scores.max(axis=1), 0.0, 1.0)
    positive = len(labels.classes) - 1 if labels.positive is None else labels.positive
    return labels.true == positive, scores if scores.ndim == 1 else scores[:, positive]
