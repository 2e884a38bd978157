"""Robustness: accuracy drops by less than a margin on perturbed inputs.

::

    - {check: robustness, of: holdout, perturbed: noisy, model: model, margin: 0.03}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from pytest_mlops.checks.base import Check, CheckContext, CheckResult, FixtureName, Level
from pytest_mlops.checks.data import inputs_of, model_of, required_field
from pytest_mlops.checks.outputs import model_outputs, perturbed_rows
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.metrics.columns import check_length, read_column
from pytest_mlops.metrics.labels import Labels, infer_task
from pytest_mlops.names import ALL
from pytest_mlops.stats import mcnemar, paired_share, power, tango
from pytest_mlops.stats.estimate import Estimate
from pytest_mlops.stats.margin import margin_verdict
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Robustness"]

MIN_N = 30
"""Below this number of examples the score test is too inaccurate to decide."""


class Robustness(Check):
    """The accuracy drops by less than a margin on perturbed inputs, in a paired comparison.

    PASS when Tango's lower bound of the difference exceeds -``margin``. Otherwise FAIL when McNemar's mid-p
    test shows a loss at level ``alpha``. Otherwise UNDECIDED, and always so with fewer than 30 examples.
    """

    check: Literal["robustness"] = "robustness"
    of: FixtureName
    """Fixture with the labels ``y_true`` (or ``y``) and the inputs ``X``."""
    perturbed: FixtureName
    """Fixture with perturbed inputs ``X`` in the same order."""
    model: FixtureName
    """Fixture of the model."""
    margin: Annotated[float, Field(strict=True, gt=0, lt=1, allow_inf_nan=False)]
    """Allowed loss of accuracy."""
    confidence: Level = 0.95
    """One-sided confidence level of the lower bound that PASS requires."""
    alpha: Annotated[float, Field(strict=True, gt=0, lt=0.5, allow_inf_nan=False)] = 0.01
    """Probability of FAIL when there is no loss."""

    inputs = ("of", "perturbed", "model")

    def evaluate(self, context: CheckContext) -> CheckResult:
        """Run the check."""
        before, after = self._right(context)
        n = before.size
        gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
        lower = paired_share.lower_bound(gained, lost, n, self.confidence)
        p_value = float(mcnemar.mid_p(gained, lost))
        verdict = margin_verdict(lower, p_value, margin=self.margin, alpha_block=self.alpha)
        if n < MIN_N:
            verdict = Verdict.UNDECIDED
        message = (
            f"accuracy changes from {before.mean():.4g} to {after.mean():.4g} (n = {n:,}, {lost} lost, "
            f"{gained} gained, p = {p_value:.3g}), by at least {lower:.4g} at one-sided "
            f"{self.confidence:.4g}, must drop by less than {self.margin:g}"
        )
        if verdict is Verdict.UNDECIDED:
            message += self._what_decides(gained, lost, n)
        accuracy = Estimate.share(int(after.sum()), n)
        # The difference of paired proportions, as a mean of values in {-1, 0, 1}.
        change = Estimate.mean(after.astype(np.float64) - before, range=(-1.0, 1.0))
        return CheckResult(
            verdict=verdict,
            message=message,
            measurements=(
                (f"{self.title()}.accuracy", ALL, accuracy),
                (f"{self.title()}.change", ALL, change),
            ),
        )

    def _right(self, context: CheckContext) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return whether the prediction is correct for each example (n,), original and perturbed."""
        model = model_of(context, self.model)
        changed, row = perturbed_rows(context, of=self.of, perturbed=self.perturbed)
        if not np.array_equal(row, np.arange(row.size)):
            raise IncompleteEvidence(
                f"the fixture {self.perturbed!r} has rows in another order; expected one perturbed version "
                "of each row in the same order"
            )
        true = read_column("y_true", required_field(context.fixtures[self.of], self.of, "y_true", "y"))
        right = []
        for inputs in (inputs_of(context, self.of), changed):
            got = model_outputs(model, inputs)
            check_length("the output of predict", len(got), true.size)
            if got.ndim > 1 or infer_task(true, got) != "classification":
                raise IncompleteEvidence(
                    "predict returned values; robustness compares accuracies, so expected labels"
                )
            labels = Labels.of(true, got, None)
            right.append(labels.true == labels.pred)
        return right[0], right[1]

    def _what_decides(self, gained: int, lost: int, n: int) -> str:
        if n < MIN_N:
            return f"; needs n ≥ {MIN_N}"
        if gained + lost == 0:
            return f"; needs n ≈ {tango.identical_n(self.margin, self.confidence):,}"
        needed = power.needed_n(
            (gained + lost) / n, self.margin, difference=(gained - lost) / n, alpha=1 - self.confidence
        )
        return f"; needs n ≈ {needed:,}" if needed is not None else "; the loss is at or above the margin"
