"""One component's contribution to the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_mlops.verdict import Verdict

__all__ = ["GateFinding", "at_least", "at_most"]


@dataclass(frozen=True, kw_only=True, slots=True)
class GateFinding:
    """A verdict on one component, with its sentence.

    Attributes:
        verdict: The component's verdict.
        text: Why.
        missing: Evidence is not there because nobody made it, as in a run narrowed to a part of the tests.
    """

    verdict: Verdict
    text: str
    missing: bool = False


def at_least(value: float, threshold: float) -> bool:
    """Compare in decimal, inclusively: ``0.80 + 0.05`` is at least ``0.85``."""
    return _decimal(value) >= _decimal(threshold)


def at_most(value: float, threshold: float) -> bool:
    """Compare in decimal, inclusively: ``0.1 + 0.2`` is at most ``0.3``."""
    return _decimal(value) <= _decimal(threshold)


def _decimal(value: float) -> Decimal:
    # Twelve significant digits hold every threshold that people write and no float's rounding error.
    return Decimal(f"{value:.12g}")
