"""Directional expectation: a change of the inputs moves the model output in the expected direction.

::

    - {check: directional, of: flats, perturbed: larger_flats, model: model, expect: increase}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pytest_mlops.checks.base import Check, CheckContext, CheckResult, FixtureName, Level
from pytest_mlops.checks.bounds import MaxRate, judge_failures
from pytest_mlops.checks.data import model_of
from pytest_mlops.checks.outputs import Output, describe, output_pairs, probability_of
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.names import ALL
from pytest_mlops.records.base import Label, Number
from pytest_mlops.stats.estimate import Estimate
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Directional"]


class Directional(Check):
    """A change of the inputs moves the output in the expected direction (CheckList DIR, ACL 2020).

    A case fails when the output does not move in the expected direction by at least ``by``; with the default
    of 0 it may stay the same but must not move in the opposite direction. PASS when the upper Clopper-Pearson
    bound of the failure rate is at most ``max_failure_rate``, FAIL when the lower bound is above it,
    otherwise UNDECIDED. Several perturbed versions of one row count as one case. If no output moves at all
    the verdict is UNDECIDED instead of PASS, since a constant model would pass too. The share of rows whose
    output moves is recorded as ``moved``, so that a rule can bound it.
    """

    check: Literal["directional"] = "directional"
    of: FixtureName
    """Fixture with the inputs ``X``."""
    perturbed: FixtureName
    """Fixture with the perturbed inputs ``X`` in the same order, or with ``rows``, the original row of
    each."""
    model: FixtureName
    """Fixture of the model."""
    expect: Literal["increase", "decrease"]
    """Expected direction of the change."""
    by: Number = 0.0
    """Minimum change in that direction; a negative value tolerates a change in the opposite direction."""
    output: Output = "predict"
    """Output that must move: predicted values, or the probability of ``label``."""
    label: Label | int | bool | None = None
    """Label whose probability is used, one of the model's ``classes_``; of two labels, the second by
    default."""
    max_failure_rate: MaxRate = 0.05
    """Maximum share of failed cases."""
    confidence: Level | None = 0.95
    """One-sided confidence level; with ``null`` the cases are a census and the rate itself decides."""

    inputs = ("of", "perturbed", "model")

    def evaluate(self, context: CheckContext) -> CheckResult:
        """Run the check."""
        pairs = output_pairs(
            context, of=self.of, perturbed=self.perturbed, model=self.model, output=self.output
        )
        before, after = self._number(context, pairs.before), self._number(context, pairs.after)
        change = after - before if self.expect == "increase" else before - after
        # Twelve digits absorb the rounding of a difference, as for the thresholds of rules.
        found = judge_failures(
            self.title(),
            np.round(change - self.by, 12) < 0,
            row=pairs.row,
            most=self.max_failure_rate,
            confidence=self.confidence,
            example=lambda case: f"{describe(before[case])} became {describe(after[case])}",
        )
        return self._with_moved(found, pairs.row, np.round(change, 12) != 0)

    def _with_moved(self, found: CheckResult, row: NDArray[np.intp], moves: NDArray[np.bool_]) -> CheckResult:
        """Add the share of rows whose output moves; without any, the check shows nothing."""
        some, rows = np.unique(row[moves]).size, np.unique(row).size
        message = f"{found.message}; the output moved in {some:,} of {rows:,} rows"
        verdict = found.verdict
        if self.by <= 0 and not moves.any():
            message += ", which shows no direction: set by: above 0, or perturb the rows more"
            verdict = Verdict.UNDECIDED if verdict is Verdict.PASS else verdict
        measured = (*found.measurements, (f"{self.title()}.moved", ALL, Estimate.share(some, rows)))
        return CheckResult(verdict=verdict, message=message, measurements=measured)

    def _number(self, context: CheckContext, answer: NDArray[Any]) -> NDArray[np.float64]:
        if self.output == "predict_proba":
            return probability_of(model_of(context, self.model), answer, self.label)
        if answer.dtype.kind in "Ub" or answer.ndim > 1:
            raise IncompleteEvidence(
                f"predict returned {answer.dtype} of shape {answer.shape}; expected one number per row, so "
                "use a regression model or output: predict_proba"
            )
        return answer.astype(np.float64)
