"""Minimum functionality: the model predicts the expected outputs on cases that it must get right.

::

    - {check: minimum_functionality, of: negations, model: model, covers: ["negation:all"]}
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from pytest_mlops.checks.base import Check, CheckContext, CheckResult, FixtureName, Level
from pytest_mlops.checks.bounds import MaxRate, judge_failures
from pytest_mlops.checks.data import inputs_of, model_of, required_field
from pytest_mlops.checks.invariance import distances
from pytest_mlops.checks.outputs import describe, model_outputs
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.metrics.columns import read_column
from pytest_mlops.records.base import NonNegative

__all__ = ["MinimumFunctionality"]


class MinimumFunctionality(Check):
    """The model predicts the expected outputs on cases that it must get right (CheckList MFT, ACL 2020).

    PASS when the upper Clopper-Pearson bound of the failure rate is at most ``max_failure_rate``, FAIL when
    the lower bound is above it, otherwise UNDECIDED. 0 failures in n cases bound the rate by 1 - 0.05^(1/n).
    """

    check: Literal["minimum_functionality"] = "minimum_functionality"
    of: FixtureName
    """Fixture with the inputs ``X`` and the expected outputs ``expected`` (or ``y_true``, or ``y``)."""
    model: FixtureName
    """Fixture of the model."""
    tolerance: NonNegative = 0.0
    """Maximum distance from an expected number, in its units; labels must be equal."""
    max_failure_rate: MaxRate = 0.05
    """Maximum share of failed cases."""
    confidence: Level | None = 0.95
    """One-sided confidence level; with ``null`` the cases are a census and the rate itself decides."""

    inputs = ("of", "model")

    def evaluate(self, context: CheckContext) -> CheckResult:
        """Run the check."""
        value = context.fixtures[self.of]
        expected = read_column("expected", required_field(value, self.of, "expected", "y_true", "y"))
        got = model_outputs(model_of(context, self.model), inputs_of(context, self.of))
        if got.shape != expected.shape or (got.dtype.kind == "U") != (expected.dtype.kind == "U"):
            raise IncompleteEvidence(
                f"the expected outputs are {expected.dtype} {expected.shape} and predict returned "
                f"{got.dtype} {got.shape}; expected the same kind, one per row"
            )
        return judge_failures(
            self.title(),
            distances(got, expected) > self.tolerance,
            row=np.arange(expected.size),
            most=self.max_failure_rate,
            confidence=self.confidence,
            example=lambda case: f"{describe(got[case])} instead of {describe(expected[case])}",
        )
