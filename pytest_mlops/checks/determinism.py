"""Determinism: repeated predictions on the same inputs are identical.

::

    - {check: determinism, of: holdout, model: model}
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from pytest_mlops.checks.base import Check, CheckContext, CheckResult, FixtureName
from pytest_mlops.checks.data import inputs_of, model_of
from pytest_mlops.checks.invariance import distances
from pytest_mlops.checks.outputs import Output, describe, model_outputs
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.names import ALL
from pytest_mlops.stats.estimate import Estimate
from pytest_mlops.verdict import Verdict

__all__ = ["Determinism"]


class Determinism(Check):
    """Repeated predictions on the same inputs are identical, bit for bit.

    PASS when the output of every row is the same in all calls, otherwise FAIL. All rows are compared, so the
    verdict is never UNDECIDED.
    """

    check: Literal["determinism"] = "determinism"
    of: FixtureName
    """Fixture with the inputs ``X``."""
    model: FixtureName
    """Fixture of the model."""
    output: Output = "predict"
    """Method whose output is compared."""
    calls: Annotated[int, Field(strict=True, ge=2, le=1000)] = 2
    """Number of calls."""

    inputs = ("of", "model")

    def evaluate(self, context: CheckContext) -> CheckResult:
        """Run the check."""
        model, inputs = model_of(context, self.model), inputs_of(context, self.of)
        first = model_outputs(model, inputs, output=self.output)
        changed = np.zeros(len(first), dtype=np.bool_)
        example = ""
        for _ in range(self.calls - 1):
            again = model_outputs(model, inputs, output=self.output)
            if again.shape != first.shape or again.dtype != first.dtype:
                raise IncompleteEvidence(
                    f"{self.output} returned {first.dtype} {first.shape} and then {again.dtype} "
                    f"{again.shape}; expected the same type and shape in every call"
                )
            differs = distances(first, again) > 0
            if differs.any() and not example:
                row = int(differs.argmax())
                example = f", the first in row {row}: {describe(first[row])}, then {describe(again[row])}"
            changed |= differs
        bad = int(changed.sum())
        return CheckResult(
            verdict=Verdict.FAIL if bad else Verdict.PASS,
            message=f"{bad} of {changed.size:,} outputs changed over {self.calls} calls{example}",
            measurements=((f"{self.title()}.changed", ALL, Estimate.share(bad, changed.size)),),
        )
