"""Expected calibration error with its distribution under perfect calibration.

Equal-mass bins after Nguyen and O'Connor (EMNLP 2015). The null distribution from a parametric bootstrap, as
in the consistency bars of Bröcker and Smith (Weather and Forecasting 22, 2007), accounts for the bias of the
ECE.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Bin", "CalibrationEstimate", "calibration"]

_CHUNK = 2_000_000
"""Labels (replicates × examples) drawn at once, 16 MB of random numbers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """One bin of the reliability diagram: size, mean probability and observed frequency."""

    count: int
    probability: float
    observed: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationEstimate:
    """The calibration error with its distribution under perfect calibration.

    Attributes:
        ece: Mean over examples of |observed frequency - mean probability| in their bin.
        n: Number of examples.
        p_value: P value of H0: the probabilities are calibrated, (1 + #{null ≥ ece})/(1 + replicates).
        null_mean: Mean of the error under perfect calibration, the bias of ``ece``.
        bins: The non-empty bins, sorted by probability.
    """

    ece: float
    n: int
    p_value: float
    null_mean: float
    bins: tuple[Bin, ...]

    @property
    def excess(self) -> float:
        """The error minus its mean under perfect calibration."""
        return self.ece - self.null_mean


def calibration(
    event: NDArray[np.bool_],
    probability: NDArray[np.float64],
    *,
    seed: int,
    bins: int = 15,
    replicates: int = 999,
) -> CalibrationEstimate:
    """Measure the expected calibration error and test it against perfect calibration.

    Examples with equal probabilities share a bin, so that the result does not depend on their order.

    Args:
        event: Whether the event happened (n,), n ≥ 1; for several classes, whether the top class is correct.
        probability: Its predicted probability (n,); for several classes, that of the top class.
        seed: Random seed.
        bins: Maximum number of bins, of equal mass except for ties.
        replicates: Number of label vectors drawn under perfect calibration.

    Raises:
        ValueError: a probability is not in 0..1, or there are no examples.
    """
    if not (probability.size and ((probability >= 0) & (probability <= 1)).all()):
        raise ValueError("probability is empty or out of range; expected at least one value, all in 0..1")
    order = np.argsort(probability, kind="stable")
    p, y = probability[order], event[order]
    starts = _starts(p, bins)
    expected = np.add.reduceat(p, starts)
    happened = np.add.reduceat(y.astype(np.float64), starts)
    ece = float(np.abs(happened - expected).sum() / p.size)
    null = _null(p, starts, expected, np.random.default_rng(seed), replicates)
    count = np.diff(starts, append=p.size)
    return CalibrationEstimate(
        ece=ece,
        n=p.size,
        # Equal sums may differ by rounding errors; a tie counts as at least as large.
        p_value=(1 + int((null >= ece - 1e-12).sum())) / (1 + replicates),
        null_mean=float(null.mean()),
        bins=tuple(
            Bin(count=int(size), probability=float(mass / size), observed=float(events / size))
            for size, mass, events in zip(count, expected, happened, strict=True)
        ),
    )


def _starts(p: NDArray[np.float64], bins: int) -> NDArray[np.intp]:
    """Return the start of each bin of sorted ``p`` (n,); ties stay in the bin of their first example."""
    first = np.searchsorted(p, p, side="left")
    number = first * bins // p.size
    return np.flatnonzero(np.concatenate(([True], number[1:] != number[:-1])))


def _null(
    p: NDArray[np.float64],
    starts: NDArray[np.intp],
    expected: NDArray[np.float64],
    rng: np.random.Generator,
    replicates: int,
) -> NDArray[np.float64]:
    """Return calibration errors of labels drawn from the predicted probabilities (replicates,)."""
    chunk = max(1, _CHUNK // p.size)
    errors = []
    for start in range(0, replicates, chunk):
        events = rng.random((min(chunk, replicates - start), p.size)) < p
        happened = np.add.reduceat(events, starts, axis=1, dtype=np.int64)
        errors.append(np.abs(happened - expected).sum(axis=1) / p.size)
    return np.concatenate(errors)
