"""Findings, which the verdict combines, and exact comparison with thresholds."""

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
        missing: Whether evidence is missing because it was not produced, as in a narrowed run.
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
    # Twelve significant digits represent any written threshold, without the rounding error of a float.
    return Decimal(f"{value:.12g}")
