"""A measured number with what an interval for it rests on."""

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
    """A value, or the reason why there is none.

    Attributes:
        value: The number; ``None`` exactly where ``undefined`` says why.
        n: Examples that were looked at.
        undefined: Why there is no value.
        successes: With ``trials``: the value is the share ``successes / trials``.
        trials: Examples the share is taken of, as the predicted positives of a precision; at most ``n``.
        stderr: Standard error of an asymptotically normal value; ``None`` where no such thing is known.
        note: How the value was computed.
        range: Least and greatest value there can be.
        quantile: The value is this quantile, and ``lower`` and ``upper`` bound it.
        lower: One-sided confidence level, as ``0.95``, to lower bound; a level that ``n`` is too small for
            is left out.
        upper: The same for upper bounds.
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
            raise ValueError("an estimate has either a value or the reason why there is none")
        if (self.successes is None) != (self.trials is None):
            raise ValueError("a share needs both its successes and its trials")

    @classmethod
    def share(cls, successes: int, trials: int, *, n: int | None = None) -> Self:
        """Return ``successes / trials`` (``trials`` ≥ 1) among ``n`` examples, by default ``trials``."""
        return cls(
            value=successes / trials,
            n=trials if n is None else n,
            successes=successes,
            trials=trials,
        )

    @classmethod
    def mean(cls, values: NDArray[np.float64], *, range: tuple[float, float] = ANY) -> Self:  # noqa: A002
        """Return the mean of ``values`` (n ≥ 1,) with its standard error, which needs two values."""
        return cls(value=float(values.mean()), n=values.size, stderr=standard_error(values), range=range)
