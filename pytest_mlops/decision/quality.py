"""Quality score: the weighted mean of metrics, tests and code; it can only block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.decision.finding import GateFinding, at_least
from pytest_mlops.names import ALL, BINARY
from pytest_mlops.records.integration import CodeQuality, PartStatus, QualityPart, QualityReport
from pytest_mlops.records.measurement import Measurement
from pytest_mlops.records.policy import QualityMetric
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_mlops.decision.lookup import Measurements
    from pytest_mlops.records.policy import Policy, QualitySettings

__all__ = ["Quality", "measure_quality"]

# Default weights; the weights of components that were not measured are left out.
COMPONENT_WEIGHTS = {"metrics": 0.4, "tests": 0.3, "code": 0.3}
METRIC_WEIGHTS = {"accuracy": 0.4, "precision": 0.2, "recall": 0.2, "f1": 0.2}

MAX_FINDINGS_PER_KLOC = 20.0
"""Ruff findings per 1,000 lines with score 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Quality:
    """The quality score with its parts."""

    value: float | None
    report: QualityReport
    findings: tuple[GateFinding, ...]


def measure_quality(
    policy: Policy,
    measurements: Measurements,
    *,
    pass_rate: float | None,
    unsettled: bool,
    code: CodeQuality,
    code_problems: Mapping[str, str],
    declared: Mapping[str, float],
    release: bool,
) -> Quality:
    """Compute the quality score and compare it with its threshold.

    Args:
        policy: Weights and threshold.
        measurements: Recorded metrics.
        pass_rate: β, the score of the component ``tests``.
        unsettled: Whether inconclusive tests ran, so that a missing pass rate is UNDECIDED.
        code: Measured code quality.
        code_problems: Unusable code reports -> reason.
        declared: Metrics declared in the model's metadata; reported, but not counted.
        release: Whether a metric that is only declared is missing evidence.
    """
    settings = policy.quality
    metrics, gaps = _metric_parts(settings, measurements, declared, release=release)
    code_parts = _code_parts(code)
    scores = {"metrics": _mean(metrics), "tests": pass_rate, "code": _mean(code_parts)}
    gaps += [
        GateFinding(verdict=Verdict.INCOMPLETE, text=f"code quality: {text}")
        for _, text in sorted(code_problems.items())
    ]
    absent = Verdict.UNDECIDED if unsettled else Verdict.INCOMPLETE
    components, component_gaps = _components(settings, scores, absent)
    gaps += component_gaps
    value = _mean(components)
    report = QualityReport(components=tuple(components), metrics=tuple(metrics), code=tuple(code_parts))
    return Quality(
        value=value, report=report, findings=(_finding(value, policy.gate.min_quality_score, absent), *gaps)
    )


def _metric_parts(
    settings: QualitySettings, measurements: Measurements, declared: Mapping[str, float], *, release: bool
) -> tuple[list[QualityPart], list[GateFinding]]:
    named = settings.metrics is not None
    chosen = settings.metrics or {
        name: QualityMetric(weight=weight) for name, weight in METRIC_WEIGHTS.items()
    }
    parts, gaps = [], []
    # Sorted, since a parsed record has sorted keys and must lead to the same report.
    for name, metric in sorted(chosen.items()):
        part = _metric_part(name, metric, measurements, declared)
        parts.append(part)
        tolerated = part.status == "declared" and not release
        if named and part.score is None and not tolerated:
            # An unusable recorded value is not explained by a narrowed run.
            missing = part.status != "measured"
            text = f"quality: {part.note}"
            gaps.append(GateFinding(verdict=Verdict.INCOMPLETE, text=text, missing=missing))
    return parts, gaps


def _metric_part(
    name: str, metric: QualityMetric, measurements: Measurements, declared: Mapping[str, float]
) -> QualityPart:
    found = _recorded(name, metric.dataset, measurements)
    if len(found) > 1:
        return _worst([_measured_part(metric, each) for each in found], found)
    if found:
        return _measured_part(metric, found[0])
    if name in declared:
        note = f"{name} is declared as {declared[name]:g}, but not measured, so it does not count"
        return QualityPart(
            name=name, weight=metric.weight, status="declared", value=declared[name], note=note
        )
    missing = str(measurements.find(name, ALL, metric.dataset))
    return QualityPart(name=name, weight=metric.weight, status="absent", note=missing)


def _recorded(name: str, dataset: str | None, measurements: Measurements) -> list[Measurement]:
    """Return what was recorded of a metric: one number, or one for each data set.

    Precision, recall and f1 mean the binary forms, and for more than two labels the ``_macro`` forms.
    """
    found = []
    for one in (name, f"{name}_macro") if name in BINARY else (name,):
        single = measurements.find(one, ALL, dataset)
        if isinstance(single, Measurement):
            found.append(single)
        elif dataset is None:
            found += measurements.on_every_dataset(one, ALL)
    return found


def _worst(parts: Sequence[QualityPart], found: Sequence[Measurement]) -> QualityPart:
    """Return the part with the lowest score over data sets; a missing score is the lowest."""
    worst = min(parts, key=lambda part: -1.0 if part.score is None else part.score)
    if worst.score is None:
        return worst
    names = ", ".join(sorted(str(each.dataset) for each in found))
    note = f"the lowest over the data sets {names}"
    return worst.model_copy(update={"note": f"{worst.note}; {note}" if worst.note else note})


def _measured_part(metric: QualityMetric, found: Measurement) -> QualityPart:
    name = found.name
    if found.value is None:
        note = f"{found.title} is undefined: {found.undefined}"
        return QualityPart(name=name, weight=metric.weight, status="measured", note=note)
    score, note = _scale(found.value, metric)
    if score is None:
        note = f"{found.title} = {found.value:g} {note}"
    return QualityPart(
        name=name, weight=metric.weight, status="measured", value=found.value, score=score, note=note
    )


def _scale(value: float, metric: QualityMetric) -> tuple[float | None, str]:
    if metric.best is None or metric.worst is None:
        if 0 <= value <= 1:
            return value, ""
        return None, "is not in 0..1; set its scale with best: and worst:"
    share = (value - metric.worst) / (metric.best - metric.worst)
    return min(1.0, max(0.0, share)), f"scaled from {metric.worst:g} (0) to {metric.best:g} (1)"


def _code_parts(code: CodeQuality) -> list[QualityPart]:
    parts = []
    if code.line_coverage is not None:
        parts.append(("line coverage", code.line_coverage, code.line_coverage))
    if code.findings_per_kloc is not None:
        score = 1 - min(1.0, code.findings_per_kloc / MAX_FINDINGS_PER_KLOC)
        parts.append(("ruff findings per 1,000 lines", code.findings_per_kloc, score))
    if code.simple_functions is not None:
        parts.append(("functions of complexity 10 or less", code.simple_functions, code.simple_functions))
    return [
        QualityPart(name=name, weight=1.0, status="measured", value=value, score=score)
        for name, value, score in parts
    ]


def _components(
    settings: QualitySettings, scores: Mapping[str, float | None], absent: Verdict
) -> tuple[list[QualityPart], list[GateFinding]]:
    """Return the weighted components, and findings for configured components that were not measured."""
    weights = (
        COMPONENT_WEIGHTS if settings.weights is None else settings.weights.model_dump(exclude_none=True)
    )
    parts, gaps = [], []
    for name, weight in weights.items():
        score = scores[name]
        status: PartStatus = "absent" if score is None else "measured"
        note = (
            "" if score is not None else "not measured, so the weights of the other components are rescaled"
        )
        parts.append(
            QualityPart(name=name, weight=weight, status=status, value=score, score=score, note=note)
        )
        if score is None and settings.weights is not None:
            text = f"quality: the component {name} has weight {weight:g} and was not measured"
            verdict = absent if name == "tests" else Verdict.INCOMPLETE
            gaps.append(GateFinding(verdict=verdict, text=text, missing=name != "code"))
    return parts, gaps


def _mean(parts: Sequence[QualityPart]) -> float | None:
    counted = [(part.weight, part.score) for part in parts if part.score is not None]
    total = sum(weight for weight, _ in counted)
    return sum(weight * score for weight, score in counted) / total if counted else None


def _finding(value: float | None, threshold: float, absent: Verdict) -> GateFinding:
    if value is None:
        text = "no component of the quality score was measured"
        return GateFinding(verdict=absent, text=text, missing=True)
    if at_least(value, threshold):
        return GateFinding(verdict=Verdict.PASS, text=f"quality score {value:.3g} meets {threshold:g}")
    return GateFinding(verdict=Verdict.FAIL, text=f"quality score {value:.3g} is below {threshold:g}")
