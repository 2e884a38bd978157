"""Invariance: the model's answer stays the same where a change of the input should not matter.

::

    - {check: invariance, of: holdout, perturbed: renamed, model: model, max_failure_rate: 0.05}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pytest_mlops.checks.base import Check, CheckContext, CheckResult, FixtureName, Level
from pytest_mlops.checks.bounds import MaxRate, judge_failures
from pytest_mlops.checks.outputs import Output, describe, output_pairs
from pytest_mlops.records.base import Seconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Invariance", "distances"]


class Invariance(Check):
    """The answer stays the same where a change of the input should not matter (CheckList INV, ACL 2020).

    A case fails where |f(x) - f(x')| exceeds ``tolerance``; labels fail where they differ. PASS where the
    upper Clopper-Pearson bound of the failure rate is at most ``max_failure_rate``, FAIL where the lower
    bound is above it, UNDECIDED between. Several perturbed versions of one row count as one case.
    """

    check: Literal["invariance"] = "invariance"
    of: FixtureName
    """Fixture with the inputs ``X``."""
    perturbed: FixtureName
    """Fixture with changed inputs ``X`` in the same order, or with ``rows``, the original row of each."""
    model: FixtureName
    """Fixture of the model."""
    output: Output = "predict"
    """What is compared."""
    tolerance: Seconds = 0.0
    """Greatest change that counts as none, in units of the output; for probabilities of any class."""
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
        return judge_failures(
            self.title(),
            distances(pairs.before, pairs.after) > self.tolerance,
            row=pairs.row,
            most=self.max_failure_rate,
            confidence=self.confidence,
            example=lambda case: f"{describe(pairs.before[case])} became {describe(pairs.after[case])}",
        )


def distances(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float64]:
    """Return |first - second| per row (m,), the largest of its entries; for labels ∞ where they differ."""
    if first.dtype.kind in "Ub":
        return np.where(first == second, 0.0, np.inf)
    gap = np.abs(first.astype(np.float64) - second.astype(np.float64))
    return np.asarray(gap.reshape(len(gap), -1).max(axis=1))
