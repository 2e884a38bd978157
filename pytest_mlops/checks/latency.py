"""Latency: a quantile of the time that one prediction takes keeps a limit.

::

    - {check: latency, of: holdout, model: model, quantile: 0.99, max_ms: 20}
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from pytest_mlops.checks.base import Check, CheckContext, CheckResult, FixtureName, Level
from pytest_mlops.checks.data import count_rows, field_of, inputs_of, model_of, take_rows
from pytest_mlops.checks.outputs import read_output
from pytest_mlops.decision.finding import at_most
from pytest_mlops.decision.limits import settle
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.metrics.columns import check_within, read_numbers
from pytest_mlops.names import ALL
from pytest_mlops.records.base import Count, Positive
from pytest_mlops.stats import binomial
from pytest_mlops.stats.estimate import Estimate
from pytest_mlops.stats.quantile import LEVELS, quantile, quantile_bounds
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Latency"]

Quantile = Annotated[float, Field(strict=True, gt=0, lt=1, allow_inf_nan=False)]
"""Share of predictions that are as fast or faster."""


class Latency(Check):
    """A quantile of the time that one prediction takes keeps a limit.

    Measured by asking the model for one row of ``X`` after the other, or taken from the fixture's
    ``seconds``. PASS where the upper bound of the quantile, an order statistic that needs no distribution, is
    at most ``max_ms``; FAIL where the lower one is above it; UNDECIDED between. At 95 % a bound of p99 needs
    299 times, one of p95 needs 59. UNDECIDED too where other xdist workers ran beside it, whose load the
    times would show. INCOMPLETE where the model gives no answer. The bounds take the times for independent: a
    burst of slow ones counts as so many.
    """

    check: Literal["latency"] = "latency"
    of: FixtureName
    """Fixture with the inputs ``X``, or with ``seconds``, one time per prediction."""
    model: FixtureName | None = None
    """Fixture of the model that is timed on ``X``."""
    quantile: Quantile = 0.99
    """Share of predictions that must be fast enough."""
    max_ms: Positive
    """Greatest time, in milliseconds."""
    predictions: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 1000
    """Predictions that are timed; rows come again where there are fewer."""
    warm_up: Count = 20
    """Predictions before the first one that is timed."""
    confidence: Level = 0.95
    """Of the one-sided bounds."""

    inputs = ("of", "model")

    def evaluate(self, context: CheckContext) -> CheckResult:
        """Reach the verdict."""
        times = np.sort(self._seconds(context)) * 1000
        level = f"{self.confidence:g}"
        lowers, uppers = quantile_bounds(times, self.quantile, {*LEVELS, self.confidence})
        lower, upper = lowers.get(level), uppers.get(level)
        value, n = quantile(times, self.quantile), times.size
        verdict = settle(
            holds=upper is not None and at_most(upper, self.max_ms),
            fails=lower is not None and not at_most(lower, self.max_ms),
        )
        name = f"p{self.quantile * 100:g}"
        message = (
            f"{name} of {n:,} predictions is {value:.4g} ms ({_shown(lower)} to "
            f"{_shown(upper)} at one-sided {level}), must be at most {self.max_ms:g} ms"
        )
        if context.workers > 1:
            verdict = Verdict.UNDECIDED
            message += f"; measured beside {context.workers} xdist workers, needs a run without -n"
        elif verdict is Verdict.UNDECIDED:
            message += self._what_decides(times)
        estimate = Estimate(value=value, n=n, quantile=self.quantile, lower=lowers, upper=uppers)
        measured = (f"{self.title()}.{name}_ms", ALL, estimate)
        return CheckResult(verdict=verdict, message=message, measurements=(measured,))

    def _seconds(self, context: CheckContext) -> NDArray[np.float64]:
        """Return the time of each prediction (n,)."""
        seconds = field_of(context.fixtures[self.of], "seconds")
        if seconds is None:
            seconds = self._measure(context)
        times = read_numbers("seconds", seconds)
        check_within("seconds", times, 0, 1e6, "give durations, in seconds")
        return times

    def _measure(self, context: CheckContext) -> NDArray[np.float64]:
        if self.model is None:
            raise IncompleteEvidence(
                f"the fixture {self.of!r} gives no seconds; give them, or name a model: to time"
            )
        model, inputs = model_of(context, self.model), inputs_of(context, self.of)
        kept = min(count_rows(inputs), self.predictions)
        # Cut out beforehand: a server is handed one row, and does not look for it.
        rows = [take_rows(inputs, np.array([row])) for row in range(kept)]
        for turn in range(self.warm_up):
            read_output(model.predict(rows[turn % kept]), 1)
        times = np.empty(self.predictions)
        for turn in range(self.predictions):
            row = rows[turn % kept]
            start = perf_counter()
            answer = model.predict(row)
            times[turn] = perf_counter() - start
            # The time of what is no answer says nothing; the clock stands while it is read.
            read_output(answer, 1)
        return times

    def _what_decides(self, times: NDArray[np.float64]) -> str:
        within = float((times <= self.max_ms).mean())
        needed = binomial.needed_n(within, self.quantile, self.confidence)
        return f"; needs n ≈ {needed:,}" if needed is not None else "; the quantile stands at the limit"


def _shown(bound: float | None) -> str:
    return "unknown" if bound is None else f"{bound:.4g}"
