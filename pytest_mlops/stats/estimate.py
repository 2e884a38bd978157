"""An estimate with the statistics for its confidence interval."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from pytest_mlops.stats.normal import standard_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ANY", "NOT_NEGATIVE", "SHARE", "Estimate"]

ANY = (-math.inf, math.inf)
NOT_NEGATIVE = (0.0, math.inf)
SHARE = (0.0, 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A value, or the reason why it is undefined.

    Attributes:
        value: The value; ``None`` if it is undefined.
        n: Number of examples.
        undefined: Why the value is undefined.
        successes: Number of successes, if the value is the proportion ``successes / trials``.
        trials: Number of trials, such as the predicted positives of a precision; at most ``n``.
        stderr: Standard error of an asymptotically normal value; ``None`` if unknown.
        note: How the value was computed.
        range: Smallest and largest possible value.
        quantile: Quantile level, if the value is a quantile bounded by ``lower`` and ``upper``.
        lower: One-sided confidence level, such as ``0.95`` -> lower bound; levels that need a larger ``n``
            are missing.
        upper: One-sided confidence level -> upper bound.
    """

    value: float | None = None
    n: int
    undefined: str | None = None
    successes: int | None = None
    trials: int | None = None
    stderr: float | None = None
    note: str | None = None
    range: tuple[float, float] = ANY
    quantile: float | None = None
    lower: Mapping[str, float] = field(default_factory=dict)
    upper: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.value is None) == (self.undefined is None):
            raise ValueError("expected either a value, or undefined with the reason")
        if (self.successes is None) != (self.trials is None):
            raise ValueError("expected both successes and trials, or neither")

    @classmethod
    def share(cls, successes: int, trials: int, *, n: int | None = None) -> Self:
        """Return the proportion ``successes / trials``, ``trials`` ≥ 1; ``n`` defaults to ``trials``."""
        return cls(
            value=successes / trials,
            n=trials if n is None else n,
            successes=successes,
            trials=trials,
        )

    @classmethod
    def mean(cls, values: NDArray[np.float64], *, range: tuple[float, float] = ANY) -> Self:  # noqa: A002
        """Return the mean of ``values`` (n,), n ≥ 1, with its standard error if n ≥ 2."""
        return cls(value=float(values.mean()), n=values.size, stderr=standard_error(values), range=range)
