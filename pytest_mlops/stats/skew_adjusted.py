"""Confidence bounds of a skewed estimate: the more conservative of Student's t and Hall's transformation.

If a few examples have large losses, a sample with too few of them has both too high a mean and too small a
variance, and Student's t is overconfident. Hall (Journal of the Royal Statistical Society B 54, 1992, "On the
removal of skewness by transformation") removes the skewness of the studentised estimate T by

    g(T) = T + a·T² + a²·T³/3 + a/2 = ((1 + a·T)³ - 1)/(3a) + a/2,    a = skewness/3,

which is monotonic in T, unlike Johnson's (Journal of the American Statistical Association 73, 1978), so that
it has an inverse and every bound is finite. Since the skewness is estimated too, the transformation may only
widen the bounds of Student's t.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["SkewAdjusted", "third_moment"]

_STRAIGHT = 1e-6
"""Value of a below which g and its inverse are quadratic up to rounding errors."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SkewAdjusted:
    """An estimate, such as a mean, with its skewness for inference.

    Attributes:
        value: The estimate.
        stderr: Its standard error; 0 without variation.
        skewness: Skewness of the estimate; for a mean, that of the examples divided by √n.
        freedom: Degrees of freedom of the standard error, at least 1.
    """

    value: float
    stderr: float
    skewness: float
    freedom: int

    def lower(self, confidence: float) -> float:
        """Return the one-sided lower bound."""
        return self.value - self._reach(confidence, self.skewness) * self.stderr

    def upper(self, confidence: float) -> float:
        """Return the one-sided upper bound."""
        return self.value + self._reach(confidence, -self.skewness) * self.stderr

    def p_below(self, value: float = 0.0) -> float:
        """Return the p value of H0: true value ≥ ``value``."""
        if self.stderr == 0:
            return 0.0 if self.value < value else 1.0
        from scipy.special import stdtr  # noqa: PLC0415 -- costs 0.2 s

        student = (self.value - value) / self.stderr
        return float(stdtr(self.freedom, max(student, _transformed(student, self.skewness / 3))))

    def _reach(self, confidence: float, skewness: float) -> float:
        """Return the distance of the bound from the estimate, in standard errors."""
        from scipy.special import stdtrit  # noqa: PLC0415 -- as above

        student = float(stdtrit(self.freedom, confidence))
        return max(student, _inverse(student, skewness / 3))


def third_moment(values: NDArray[np.float64]) -> float:
    """Return the third central moment mean((x - x̄)³) of ``values`` (n,), n ≥ 1."""
    deviation = values - values.mean()
    return float((deviation**3).mean())


def _transformed(student: float, a: float) -> float:
    if abs(a) < _STRAIGHT:
        return student + a * student * student + a / 2
    base = 1 + a * student
    return (base * base * base - 1) / (3 * a) + a / 2


def _inverse(quantile: float, a: float) -> float:
    x = quantile - a / 2
    return x - a * x * x if abs(a) < _STRAIGHT else (math.cbrt(1 + 3 * a * x) - 1) / a
