"""Latency: a quantile of the time of one prediction stays below a limit.

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
"""A quantile level, such as 0.99 for p99."""


class Latency(Check):
    """A quantile of the time of one prediction stays below a limit.

    The check times ``predict`` on one row of ``X`` after the other, or uses the fixture's ``seconds``. PASS
    when the upper bound of the quantile, a distribution-free order statistic, is at most ``max_ms``; FAIL
    when the lower bound is above it; otherwise UNDECIDED. At 95 % confidence a bound of p99 needs 299
    measurements, one of p95 needs 59. With xdist workers on the same machine the verdict is UNDECIDED, since
    their load affects the times. INCOMPLETE when the output of the model is unusable. The bounds assume
    independent times; a burst of slow predictions violates that.
    """

    check: Literal["latency"] = "latency"
    of: FixtureName
    """Fixture with the inputs ``X``, or with ``seconds``, the time of each prediction."""
    model: FixtureName | None = None
    """Fixture of the model that is timed on ``X``."""
    quantile: Quantile = 0.99
    """Quantile level, such as 0.99 for p99."""
    max_ms: Positive
    """Maximum of the quantile, in milliseconds."""
    predictions: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 1000
    """Number of timed predictions; rows repeat if there are fewer."""
    warm_up: Count = 20
    """Number of predictions before the first timed one."""
    confidence: Level = 0.95
    """One-sided confidence level of the bounds."""

    inputs = ("of", "model")

    def evaluate(self, context: CheckContext) -> CheckResult:
        """Run the check."""
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
            message += f"; measured with {context.workers} xdist workers running, needs a run without -n"
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
        check_within("seconds", times, 0, 1e6, "pass durations in seconds")
        return times

    def _measure(self, context: CheckContext) -> NDArray[np.float64]:
        if self.model is None:
            raise IncompleteEvidence(
                f"the fixture {self.of!r} has no seconds and no model: is named; add seconds, or name a "
                "model: to time"
            )
        model, inputs = model_of(context, self.model), inputs_of(context, self.of)
        kept = min(count_rows(inputs), self.predictions)
        # Rows are selected up front, so that the selection is not timed.
        rows = [take_rows(inputs, np.array([row])) for row in range(kept)]
        for turn in range(self.warm_up):
            read_output(model.predict(rows[turn % kept]), 1)
        times = np.empty(self.predictions)
        for turn in range(self.predictions):
            row = rows[turn % kept]
            start = perf_counter()
            answer = model.predict(row)
            times[turn] = perf_counter() - start
            # An unusable output makes the check INCOMPLETE; checking it is not timed.
            read_output(answer, 1)
        return times

    def _what_decides(self, times: NDArray[np.float64]) -> str:
        within = float((times <= self.max_ms).mean())
        needed = binomial.needed_n(within, self.quantile, self.confidence)
        return f"; needs n ≈ {needed:,}" if needed is not None else "; the quantile equals the limit"


def _shown(bound: float | None) -> str:
    return "unknown" if bound is None else f"{bound:.4g}"
