"""Memory: the peak memory of one prediction stays below a limit.

::

    - {check: memory, of: holdout, model: model, max_mb: 200}
"""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pytest_mlops.checks.base import Check, CheckContext, CheckResult, FixtureName
from pytest_mlops.checks.bounds import judge_bound
from pytest_mlops.checks.data import count_rows, inputs_of, model_of, take_rows
from pytest_mlops.checks.model_size import MEGABYTE
from pytest_mlops.checks.outputs import model_outputs, read_output
from pytest_mlops.names import ALL
from pytest_mlops.records.base import Positive
from pytest_mlops.stats.estimate import NOT_NEGATIVE, Estimate

if TYPE_CHECKING:
    from pytest_mlops.checks.data import Predictor

__all__ = ["Memory"]


class Memory(Check):
    """The peak memory that one ``predict`` on all of ``X`` allocates stays below a limit.

    Measured in megabytes of 1,000,000 bytes by ``tracemalloc``: Python objects and NumPy arrays allocated on
    top of what existed before, including the output. The model itself is not counted, nor is memory that
    compiled libraries allocate outside Python's allocators. The model predicts one row first, so that
    one-time loading is not counted. PASS or FAIL by the measured value, never UNDECIDED; INCOMPLETE when the
    output of the model is unusable.
    """

    check: Literal["memory"] = "memory"
    of: FixtureName
    """Fixture with the inputs ``X``."""
    model: FixtureName
    """Fixture of the model."""
    max_mb: Positive
    """Maximum peak, in megabytes of 1,000,000 bytes."""

    inputs = ("of", "model")

    def evaluate(self, context: CheckContext) -> CheckResult:
        """Run the check."""
        model, inputs = model_of(context, self.model), inputs_of(context, self.of)
        model_outputs(model, take_rows(inputs, np.array([0])))
        rows = count_rows(inputs)
        peak = Estimate(value=_peak(model, inputs) / MEGABYTE, n=rows, range=NOT_NEGATIVE)
        verdict, message = judge_bound("peak memory of predict in MB", peak, most=self.max_mb)
        measured = (f"{self.title()}.peak_mb", ALL, peak)
        return CheckResult(verdict=verdict, message=message, measurements=(measured,))


def _peak(model: Predictor, inputs: Any) -> int:
    """Return the peak number of bytes allocated while the model predicts."""
    gc.collect()
    running = tracemalloc.is_tracing()
    if not running:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        answer = model.predict(inputs)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        if not running:
            tracemalloc.stop()
    read_output(answer, count_rows(inputs))
    return max(0, peak - before)
