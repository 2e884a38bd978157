"""Trends of the scores and of metrics with rules over the recorded runs of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.errors import NotRegistered, StoreError
from pytest_mlops.names import metric_title
from pytest_mlops.report.series import interval_of
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult, RuleResult

__all__ = [
    "METRICS_DRAWN",
    "RUNS",
    "RunPoint",
    "Trend",
    "TrendPoint",
    "all_trends",
    "read_history",
    "ruled_keys",
    "run_point",
]


METRICS_DRAWN = 30
"""Maximum number of metrics with a trend, those whose rules did not pass first."""

Key = tuple[str, str, str | None]
"""Metric, slice and data set."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunMetric:
    """A metric in one run: value, interval and worst verdict of its rules."""

    value: float | None
    lower: float | None
    upper: float | None
    verdict: Verdict | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunPoint:
    """Scores and metrics of one run.

    Attributes:
        run_id: Identifier of the run.
        version: Identifier of the tested version.
        ended: End of the run, UTC.
        verdict: Verdict of the run.
        scores: Coverage, pass rate and quality score, 0..1; ``None`` for an unknown score.
        estimates: Key -> metric, for the requested metrics that were measured.
    """

    run_id: str
    version: str
    ended: datetime
    verdict: Verdict
    scores: tuple[float | None, float | None, float | None]
    estimates: Mapping[Key, RunMetric]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrendPoint:
    """One run in a trend; ``ended`` is formatted as ``2026-11-23 12:00:05``, UTC.

    ``verdict`` is the verdict on the metric; for a score it is the verdict of the run.
    """

    run_id: str
    version: str
    ended: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trend:
    """A score or metric over the runs, the oldest first.

    Attributes:
        title: Name of the score or metric.
        points: One point per run that recorded it.
        runs: Total number of runs.
        limits: Thresholds of the current policy.
        score: Whether this is a score of the run, 0..1, rather than a metric.
    """

    title: str
    points: tuple[TrendPoint, ...]
    runs: int
    limits: tuple[float, ...]
    score: bool = False

    @property
    def drawn(self) -> bool:
        """Whether any point has a value."""
        return any(point.value is not None for point in self.points)


def ruled_keys(record: IntegrationResult) -> tuple[Key, ...]:
    """Return the metrics that have rules on their value, those with the worst verdicts first."""
    return tuple(_verdicts(record))[:METRICS_DRAWN]


def run_point(record: IntegrationResult, keys: Sequence[Key]) -> RunPoint | None:
    """Return scores and metrics of a record; ``None`` for a run without a model version or a verdict."""
    if record.model_version is None or record.partial is not None:
        return None
    verdicts, requested = _verdicts(record), set(keys)
    estimates = {}
    for found in record.measurements:
        if found.key in requested:
            lower, upper = interval_of(found)
            estimates[found.key] = RunMetric(
                value=found.value, lower=lower, upper=upper, verdict=verdicts.get(found.key)
            )
    return RunPoint(
        run_id=record.run_id,
        version=record.model_version.version_id,
        ended=record.timestamp,
        verdict=record.verdict,
        scores=(record.coverage, record.pass_rate, record.quality_score),
        estimates=estimates,
    )


def all_trends(record: IntegrationResult, history: Sequence[RunPoint]) -> list[Trend]:
    """Return the trends up to a record: the three scores, then the metrics with rules.

    Args:
        record: The record; it is included even if the history does not contain it.
        history: Recorded runs of the same model, in any order.
    """
    keys = ruled_keys(record)
    own = run_point(record, keys)
    if own is None:
        return []
    runs = sorted({**{one.run_id: one for one in history}, own.run_id: own}.values(), key=_when)
    gate = record.policy.gate
    bounds = (gate.min_coverage, gate.min_pass_rate, gate.min_quality_score)
    scores = [
        Trend(
            title=title,
            points=tuple(_point(one, one.scores[index], verdict=one.verdict) for one in runs),
            runs=len(runs),
            limits=(bounds[index],),
            score=True,
        )
        for index, title in enumerate(("coverage", "pass rate", "quality score"))
    ]
    return scores + [_metric(record, key, runs) for key in keys]


def _metric(record: IntegrationResult, key: Key, runs: Sequence[RunPoint]) -> Trend:
    points = tuple(
        _point(one, found.value, found.lower, found.upper, found.verdict)
        for one in runs
        if (found := one.estimates.get(key)) is not None
    )
    named = {rule.name: rule for rule in record.policy.rules}
    rules = [named[one.rule] for one in record.rules if _key(one) == key and one.rule in named]
    limits = {limit for rule in rules for limit in (rule.min, rule.max) if limit is not None}
    return Trend(title=metric_title(*key), points=points, runs=len(runs), limits=tuple(sorted(limits)))


def _point(
    run: RunPoint,
    value: float | None,
    lower: float | None = None,
    upper: float | None = None,
    verdict: Verdict | None = None,
) -> TrendPoint:
    return TrendPoint(
        run_id=run.run_id,
        version=run.version,
        ended=f"{run.ended:%Y-%m-%d %H:%M:%S}",
        value=value,
        lower=lower,
        upper=upper,
        verdict=verdict,
    )


def _when(run: RunPoint) -> tuple[datetime, str]:
    return run.ended, run.run_id


def _verdicts(record: IntegrationResult) -> dict[Key, Verdict]:
    """Return the worst verdict of every metric with rules on its value, the worst first."""
    changes = {rule.name for rule in record.policy.rules if rule.compares}
    measured = {found.key for found in record.measurements}
    found: dict[Key, Verdict] = {}
    for result in record.rules:
        key = _key(result)
        if result.rule not in changes and key in measured:
            found[key] = max(result.verdict, found.get(key, Verdict.PASS), key=lambda one: one.rank)
    return dict(sorted(found.items(), key=lambda pair: -pair[1].rank))


def _key(result: RuleResult) -> Key:
    return (result.metric, result.slice, result.dataset)


RUNS = 50
"""Maximum number of runs, the newest ones."""


def read_history(record: IntegrationResult, folder: Path, *, url: str | None = None) -> list[RunPoint]:
    """Return the newest recorded runs of the record's model; none for a record without a model version.

    Args:
        record: The record.
        folder: Project folder; its ``.mlops/store.db`` is read unless the environment names another store.
        url: URL of another store.

    Raises:
        StoreError: there is no store, it cannot be read, or the ``ops`` extra is not installed.
        EvidenceError: a stored record does not match its digest.
    """
    from pytest_mlops.store.engine import open_store, store_exists  # noqa: PLC0415 -- of the ops extra
    from pytest_mlops.store.history import get_result, list_results  # noqa: PLC0415

    if record.model_version is None:
        return []
    if not store_exists(url, folder=folder):
        raise StoreError(
            f"there is no store in {folder}, so no runs are recorded; add history: {{}} to mlops.yaml to "
            "record runs, or create the report without history"
        )
    keys = ruled_keys(record)
    found = []
    with open_store(url, folder=folder) as store:
        page = list_results(store, model_id=record.model_version.model_id, limit=RUNS)
        for entry in page.entries:
            try:
                point = run_point(get_result(store, entry.run_id), keys)
            except NotRegistered:  # pruned since the list was read
                continue
            if point is not None:
                found.append(point)
    return found
