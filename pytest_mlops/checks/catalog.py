"""Built-in checks by name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_mlops.checks.base import Check

__all__ = ["BUILT_IN", "built_in_checks", "find_check"]

BUILT_IN = {
    "calibration": "Calibration",
    "data_contract": "DataContract",
    "determinism": "Determinism",
    "directional": "Directional",
    "fairness": "Fairness",
    "invariance": "Invariance",
    "latency": "Latency",
    "leakage": "Leakage",
    "memory": "Memory",
    "metric_floor": "MetricFloor",
    "minimum_functionality": "MinimumFunctionality",
    "model_size": "ModelSize",
    "robustness": "Robustness",
    "slice_floor": "SliceFloor",
}
"""Name of a check and of its module -> class; a module is imported when its check is named."""


def find_check(name: str, extra: Mapping[str, type[Check]] | None = None) -> type[Check] | None:
    """Return the class of a check; ``None`` for an unknown name.

    Args:
        name: The value of ``check:``.
        extra: Checks that plugins define, by name.
    """
    if extra and name in extra:
        return extra[name]
    if name not in BUILT_IN:
        return None
    found: type[Check] = getattr(import_module(f"pytest_mlops.checks.{name}"), BUILT_IN[name])
    return found


def built_in_checks() -> dict[str, type[Check]]:
    """Return every built-in check, by name."""
    return {name: cls for name in BUILT_IN if (cls := find_check(name)) is not None}
