"""Invariance: changes of the inputs that should not matter leave the model output unchanged.

::

    - {check: invariance, of: holdout, perturbed: renamed, model: model, max_failure_rate: 0.05}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pytest_mlops.checks.base import Check, CheckContext, CheckResult, FixtureName, Level
from pytest_mlops.checks.bounds import MaxRate, judge_failures
from pytest_mlops.checks.outputs import Output, describe, output_pairs
from pytest_mlops.records.base import NonNegative

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Invariance", "distances"]


class Invariance(Check):
    """Perturbed inputs leave the output unchanged within a tolerance (CheckList INV, ACL 2020).

    A case fails when |f(x) - f(x')| exceeds ``tolerance``, or when labels differ. PASS when the upper
    Clopper-Pearson bound of the failure rate is at most ``max_failure_rate``, FAIL when the lower bound is
    above it, otherwise UNDECIDED. Several perturbed versions of one row count as one case.
    """

    check: Literal["invariance"] = "invariance"
    of: FixtureName
    """Fixture with the inputs ``X``."""
    perturbed: FixtureName
    """Fixture with the perturbed inputs ``X`` in the same order, or with ``rows``, the original row of
    each."""
    model: FixtureName
    """Fixture of the model."""
    output: Output = "predict"
    """Method whose output is compared."""
    tolerance: NonNegative = 0.0
    """Maximum absolute change, in units of the output; for probabilities, of any class."""
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
        return judge_failures(
            self.title(),
            distances(pairs.before, pairs.after) > self.tolerance,
            row=pairs.row,
            most=self.max_failure_rate,
            confidence=self.confidence,
            example=lambda case: f"{describe(pairs.before[case])} became {describe(pairs.after[case])}",
        )


def distances(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float64]:
    """Return the largest |first - second| in each row (m,); for labels, ∞ where they differ and else 0."""
    if first.dtype.kind in "Ub":
        return np.where(first == second, 0.0, np.inf)
    gap = np.abs(first.astype(np.float64) - second.astype(np.float64))
    return np.asarray(gap.reshape(len(gap), -1).max(axis=1))
