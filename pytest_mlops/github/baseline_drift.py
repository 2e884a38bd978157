"""Baseline drift: losses that add up over many runs, each within its margin."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.records.rule import Rule

__all__ = ["SUSTAINED", "baseline_drift", "staleness"]

SUSTAINED = 3
"""Runs in a row that a value has to be reached in, so that one lucky run is not taken for the best."""


def baseline_drift(record: IntegrationResult, history: Sequence[IntegrationResult]) -> tuple[str, ...]:
    """Return a message for each metric that lost more since its best than one step may lose.

    The best is the one sustained: the greatest value that ``SUSTAINED`` good runs in a row all reached. Rules
    with a margin compare with the last run only, and do not notice this.

    Args:
        record: The run that is judged.
        history: Earlier good runs, the newest first.
    """
    found = (_drift_of(rule, record, history) for rule in record.policy.rules)
    return tuple(message for message in found if message is not None)


def staleness(last: IntegrationResult, now: datetime, most: int = 30) -> str | None:
    """Return a message where the last good run is more than ``most`` days old."""
    days = (now - last.timestamp).days
    if days <= most:
        return None
    return f"the baseline was measured {days} days ago; the current quality of its branch is not known"


def _drift_of(rule: Rule, record: IntegrationResult, history: Sequence[IntegrationResult]) -> str | None:
    lower = rule.lower_is_better
    margin = rule.max_delta if lower else rule.min_delta
    if margin is None:
        return None
    # From here on greater is better.
    sign = -1.0 if lower else 1.0
    now = _value(record, rule)
    values = [value for one in history if (value := _value(one, rule)) is not None]
    windows = [values[start : start + SUSTAINED] for start in range(len(values) - SUSTAINED + 1)]
    best = max((min(sign * value for value in window) for window in windows), default=None)
    if now is None or best is None:
        return None
    lost = best - sign * now
    if lost <= abs(margin):
        return None
    return (
        f"{rule.name}: {now:.4g} now, {sign * best:.4g} sustained over {SUSTAINED} earlier runs; "
        f"one step may lose {abs(margin):g}, all steps together lost {lost:.4g}"
    )


def _value(record: IntegrationResult, rule: Rule) -> float | None:
    key = (rule.metric, rule.slice)
    values = [
        measurement.value
        for measurement in record.measurements
        if (measurement.name, measurement.slice) == key and rule.dataset in {None, measurement.dataset}
    ]
    return values[0] if len(values) == 1 else None
