"""Recorded metrics grouped by data set, with interval and verdict for each slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.decision.estimates import estimate_of
from pytest_mlops.names import ALL, metric_title
from pytest_mlops.records.measurement import Binomial
from pytest_mlops.stats.interval import bounds
from pytest_mlops.verdict import Verdict, combine

if TYPE_CHECKING:
    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.records.measurement import Measurement
    from pytest_mlops.records.rule import Rule

__all__ = ["LEVEL", "MetricSeries", "Point", "all_series", "interval_of"]

LEVEL = 0.95
"""Two-sided confidence of the intervals."""

Key = tuple[str, str, str | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A metric on one slice.

    Attributes:
        slice: Name of the slice.
        value: The value; ``None`` if it is undefined, with the reason in ``note``.
        lower: Lower end of the two-sided interval; ``None`` without one.
        upper: Upper end of the interval.
        n: Sample size, if known; for a recall, the number of positives.
        least: Largest ``min`` of its rules.
        most: Smallest ``max`` of its rules.
        verdict: Worst verdict of its rules; ``None`` without rules.
        note: How it was computed.
    """

    slice: str
    value: float | None
    lower: float | None
    upper: float | None
    n: int | None
    least: float | None
    most: float | None
    verdict: Verdict | None
    note: str

    @property
    def concern(self) -> int:
        """Sort key: the rank of the verdict, -1 without rules."""
        return -1 if self.verdict is None else self.verdict.rank


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricSeries:
    """A metric on one data set: ``all`` first, then slices whose rules did not pass, then the rest."""

    title: str
    points: tuple[Point, ...]

    @property
    def verdict(self) -> Verdict | None:
        """Worst verdict of the points; ``None`` without rules."""
        known = [point.verdict for point in self.points if point.verdict is not None]
        return combine(known) if known else None

    @property
    def sliced(self) -> bool:
        """Whether there are slices besides ``all``."""
        return any(point.slice != ALL for point in self.points)


def all_series(record: IntegrationResult) -> list[MetricSeries]:
    """Return all recorded metrics, those whose rules did not pass first."""
    verdicts, rules = _rules(record)
    grouped: dict[tuple[str, str | None], list[Point]] = {}
    for found in record.measurements:
        point = _point(found, verdicts.get(found.key), rules.get(found.key, []))
        grouped.setdefault((found.name, found.dataset), []).append(point)
    series = [
        MetricSeries(title=metric_title(name, ALL, dataset), points=tuple(sorted(points, key=_order)))
        for (name, dataset), points in grouped.items()
    ]
    return sorted(series, key=lambda one: -max(point.concern for point in one.points))


def interval_of(found: Measurement) -> tuple[float | None, float | None]:
    """Return the ends of the two-sided interval at ``LEVEL``; ``None`` without an interval."""
    # The one-sided level whose two bounds form the two-sided interval.
    interval = bounds(estimate_of(found), (1 + LEVEL) / 2)
    return (None, None) if interval is None else (interval.lower, interval.upper)


def _order(point: Point) -> tuple[bool, int]:
    return point.slice != ALL, -point.concern


def _rules(record: IntegrationResult) -> tuple[dict[Key, Verdict], dict[Key, list[Rule]]]:
    """Return the worst verdict and the rules on the value for every key that has rules."""
    named = {rule.name: rule for rule in record.policy.rules}
    changes = {name for name, rule in named.items() if rule.compares}
    verdicts: dict[Key, Verdict] = {}
    rules: dict[Key, list[Rule]] = {}
    for result in record.rules:
        if result.rule in changes:
            continue
        key = (result.metric, result.slice, result.dataset)
        verdicts[key] = max(result.verdict, verdicts.get(key, Verdict.PASS), key=lambda one: one.rank)
        if result.rule in named:
            rules.setdefault(key, []).append(named[result.rule])
    return verdicts, rules


def _point(found: Measurement, verdict: Verdict | None, rules: list[Rule]) -> Point:
    lower, upper = interval_of(found)
    return Point(
        slice=found.slice,
        value=found.value,
        lower=lower,
        upper=upper,
        n=found.basis.trials if isinstance(found.basis, Binomial) else found.n,
        least=max((rule.min for rule in rules if rule.min is not None), default=None),
        most=min((rule.max for rule in rules if rule.max is not None), default=None),
        verdict=verdict,
        note=found.undefined or found.note or "",
    )
