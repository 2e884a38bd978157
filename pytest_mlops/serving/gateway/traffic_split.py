"""How traffic is split: in turn by weight, or a share drawn by request id."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["WeightedChoice", "drawn"]


class WeightedChoice:
    """Chooses names so that each is chosen its share of the times, at every moment and not only on average.

    A name's credit is what its share of the choices so far comes to, less how often it was chosen; the name
    with the largest is chosen next. Credits sum to 0; of two names none is ever off by as much as one choice,
    and of n none was ever chosen a whole time too often.

    Args:
        weights: Name -> weight; names with 0 are never chosen.
        before: The choice that this one takes over from. A name keeps its credit, so that a small weight
            gets its share of a table that changes all the time, too.
    """

    def __init__(self, weights: Mapping[str, float], *, before: WeightedChoice | None = None) -> None:
        total = sum(weights.values())
        self._shares = {name: weight / total for name, weight in weights.items() if weight > 0}
        known = before.credits() if before is not None else {}
        kept = {name: known.get(name, 0.0) for name in self._shares}
        surplus = sum(kept.values()) / len(kept) if kept else 0.0
        self._credits: dict[str, float] = {name: credit - surplus for name, credit in kept.items()}

    def __bool__(self) -> bool:
        return bool(self._shares)

    def credits(self) -> Mapping[str, float]:
        """Return name -> how many times it was chosen too seldom."""
        return self._credits

    def next(self) -> str:
        """Return the name whose turn it is.

        Raises:
            LookupError: there is none to choose from.
        """
        if len(self._shares) == 1:
            return next(iter(self._shares))
        if not self._shares:
            raise LookupError("there are no deployments to choose from")
        for name, share in self._shares.items():
            self._credits[name] += share
        chosen = max(self._credits, key=self._credits.__getitem__)  # of equals the table's first
        self._credits[chosen] -= 1.0
        return chosen


def drawn(identity: str, share: float, *, salt: str) -> bool:
    """Return whether a request is among a share of all.

    Args:
        identity: Id of the request.
        share: 0 to 1.
        salt: What it is drawn for; draws with different salts are independent.
    """
    if share >= 1:
        return True
    digest = blake2b(identity.encode(), digest_size=8, key=salt.encode()[:64]).digest()
    return int.from_bytes(digest) < share * 2.0**64
