"""Choice by weight: smooth weighted round-robin, whose credits outlive a change of the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["WeightedChoice"]


class WeightedChoice:
    """Chooses names so that after n choices each was chosen its share of n times, give or take less than one a name.

    A name's credit is what its share of the choices so far comes to, less how often it was chosen; the largest
    credit is chosen next. Credits sum to 0.

    Args:
        weights: Name -> weight; names with 0 are never chosen.
        before: The choice that this one takes over from: a name keeps its credit, so that not even a table that
            changes with every request can starve a small weight.
    """

    def __init__(self, weights: Mapping[str, float], *, before: WeightedChoice | None = None) -> None:
        total = sum(weights.values())
        self._shares = {name: weight / total for name, weight in weights.items() if weight > 0}
        credits = before._credits if before is not None else {}
        kept = {name: credits.get(name, 0.0) for name in self._shares}
        surplus = sum(kept.values()) / len(kept) if kept else 0.0
        self._credits = {name: credit - surplus for name, credit in kept.items()}

    def __bool__(self) -> bool:
        return bool(self._shares)

    def next(self) -> str:
        """Return the name whose turn it is.

        Raises:
            LookupError: there is none to choose from.
        """
        if len(self._shares) == 1:
            return next(iter(self._shares))
        if not self._shares:
            raise LookupError("nothing to choose from")
        credits = self._credits
        for name, share in self._shares.items():
            credits[name] += share
        # Of equal credits the first listed is taken, so that the order is the table's.
        chosen = max(credits, key=credits.__getitem__)
        credits[chosen] -= 1.0
        return chosen
