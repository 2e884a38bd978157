"""Directional expectation: the model's answer moves the way a change of the input should move it.

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
    """The answer moves the way a change of the input should move it (CheckList DIR, ACL 2020).

    A case fails where the answer does not move in the expected direction by at least ``by``; with its default
    of 0 it may stay and must not move the other way. PASS where the upper Clopper-Pearson bound of
    the failure rate is at most ``max_failure_rate``, FAIL where the lower bound is above it, UNDECIDED
    between. Several perturbed versions of one row count as one case. Where no answer moves at all it is
    UNDECIDED in place of PASS: a constant model moves nothing the wrong way either. The share of rows with
    an answer that moves is recorded as ``moved``, for a rule to bound.
    """

    check: Literal["directional"] = "directional"
    of: FixtureName
    """Fixture with the inputs ``X``."""
    perturbed: FixtureName
    """Fixture with changed inputs ``X`` in the same order, or with ``rows``, the original row of each."""
    model: FixtureName
    """Fixture of the model."""
    expect: Literal["increase", "decrease"]
    """Direction that the answer must move in."""
    by: Number = 0.0
    """Least change in that direction; above 0 the answer has to move, below 0 it may move back a little."""
    output: Output = "predict"
    """What has to move: predicted values, or the probability of ``label``."""
    label: Label | int | bool | None = None
    """Label whose probability is meant, one of the model's ``classes_``; of two the second by default."""
    max_failure_rate: MaxRate = 0.05
    """Share of cases that may fail."""
    confidence: Level | None = 0.95
    """Of the one-sided bounds; with ``null`` the cases are all there are and the rate itself decides."""

    inputs = ("of", "perturbed", "model")

    def evaluate(self, context: CheckContext) -> CheckResult:
        """Reach the verdict."""
        pairs = output_pairs(
            context, of=self.of, perturbed=self.perturbed, model=self.model, output=self.output
        )
        before, after = self._number(context, pairs.before), self._number(context, pairs.after)
        change = after - before if self.expect == "increase" else before - after
        # Twelve digits forgive the rounding of a difference, as for the thresholds of rules.
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
        """Add the share of rows with an answer that moves, without which nothing is shown to hold."""
        some, rows = np.unique(row[moves]).size, np.unique(row).size
        message = f"{found.message}; answers moved in {some:,} of {rows:,} rows"
        verdict = found.verdict
        if self.by <= 0 and not moves.any():
            message += ", which shows no direction: give by: above 0, or perturb the rows more"
            verdict = Verdict.UNDECIDED if verdict is Verdict.PASS else verdict
        measured = (*found.measurements, (f"{self.title()}.moved", ALL, Estimate.share(some, rows)))
        return CheckResult(verdict=verdict, message=message, measurements=measured)

    def _number(self, context: CheckContext, answer: NDArray[Any]) -> NDArray[np.float64]:
        if self.output == "predict_proba":
            return probability_of(model_of(context, self.model), answer, self.label)
        if answer.dtype.kind in "Ub" or answer.ndim > 1:
            raise IncompleteEvidence(
                f"predict gives {answer.dtype} of shape {answer.shape}; a direction needs one "
                f"number per row, as output: predict_proba may give"
            )
        return answer.astype(np.float64)
