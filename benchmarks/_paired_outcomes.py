"""Chances of PASS, FAIL and UNDECIDED for paired right/wrong outcomes, by exact enumeration."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.stats import mcnemar, paired_share

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Chances", "Outcomes", "chances", "outcomes"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcomes:
    """The outcomes of n examples that carry all but 1e-12 of the probability.

    Attributes:
        gained: Examples that the candidate alone gets right (G, 1).
        lost: Examples that the baseline alone gets right (1, L).
        probability: Of each pair (G, L); 0 where the two exceed n.
    """

    gained: NDArray[np.int64]
    lost: NDArray[np.int64]
    probability: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chances:
    """Probabilities of the three verdicts."""

    passes: float
    fails: float

    @property
    def undecided(self) -> float:
        """What is left."""
        return max(0.0, 1 - self.passes - self.fails)


def outcomes(n: int, discordance: float, difference: float) -> Outcomes:
    """Return the trinomial distribution of (gained, lost).

    Args:
        n: Number of examples.
        discordance: ψ, the probability that exactly one model is right.
        difference: True difference of the accuracies, in -ψ..ψ.

    Raises:
        ValueError: No such pair of models exists.
    """
    if not (0 < discordance <= 1 and abs(difference) <= discordance):
        raise ValueError(f"a difference of {difference} needs a discordance of that much or more, at most 1")
    gain, loss = (discordance + difference) / 2, (discordance - difference) / 2
    b, c = _range(n, gain)[:, None], _range(n, loss)[None, :]
    return Outcomes(gained=b, lost=c, probability=_trinomial(n, b, c, gain, loss))


def chances(
    found: Outcomes, n: int, *, margin: float, alpha_pass: float = 0.05, alpha_block: float = 0.01
) -> Chances:
    """Return the chances of the verdicts of one test: PASS by the bound, else FAIL by McNemar's mid-p.

    Args:
        found: What can come out.
        n: Number of examples.
        margin: The loss that is allowed.
        alpha_pass: One minus the confidence of the bound.
        alpha_block: Level of the test for a regression.
    """
    b, c = np.broadcast_arrays(found.gained, found.lost)
    live = found.probability > 0
    weight = found.probability[live]
    passes = paired_share.not_below(b[live], c[live], n, margin, 1 - alpha_pass)
    fails = ~passes & (mcnemar.mid_p(b[live], c[live]) <= alpha_block)
    return Chances(passes=float(weight[passes].sum()), fails=float(weight[fails].sum()))


def _range(n: int, p: float) -> NDArray[np.int64]:
    reach = 9 * math.sqrt(n * p) + 30
    return np.arange(max(0, math.floor(n * p - reach)), min(n, math.ceil(n * p + reach)) + 1)


def _trinomial(
    n: int, b: NDArray[np.int64], c: NDArray[np.int64], gain: float, loss: float
) -> NDArray[np.float64]:
    from scipy.special import gammaln, xlogy  # noqa: PLC0415 -- costs 0.2 s

    rest = n - b - c
    possible = np.maximum(rest, 0)
    # A share that is 0 but for rounding, as 1 - 0.9 - 0.1, must not become negative.
    log = gammaln(n + 1) - gammaln(b + 1) - gammaln(c + 1) - gammaln(possible + 1)
    log += xlogy(b, gain) + xlogy(c, loss) + xlogy(possible, max(0.0, 1 - gain - loss))
    return np.where(rest < 0, 0.0, np.exp(log))
