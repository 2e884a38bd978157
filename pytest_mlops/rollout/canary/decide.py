"""From settings and tallies to PROMOTE, ROLLBACK or HOLD."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.rollout.canary import messages, sequential, single_look
from pytest_mlops.rollout.canary.exposure import exposures, problem, totals
from pytest_mlops.rollout.canary.judgement import (
    LARGEST,
    CanaryEvidence,
    CanaryFinding,
    CanaryJudgement,
    CanaryVerdict,
)
from pytest_mlops.stats.multiplicity import holm
from pytest_mlops.stats.rate_ratio import estimate, interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_mlops.records.serving import JudgeSettings
    from pytest_mlops.rollout.canary.exposure import Exposure
    from pytest_mlops.rollout.canary.tally import StepTally

__all__ = ["judge"]


def judge(settings: JudgeSettings, steps: Sequence[StepTally]) -> CanaryJudgement:
    """Judge a canary by what its steps came to, the newest last.

    ``ROLLBACK`` where one metric, or the mean of all, has evidence enough that the new version is worse;
    ``PROMOTE`` where every metric has evidence enough that it is not harmful and both versions answered
    ``min_requests`` in the newest step; ``HOLD`` otherwise, also where there is nothing to judge by. Under
    ``sequential`` it may be asked at any time and any number of times; under ``single_look`` once a step.
    """
    usable: dict[str, tuple[Exposure, ...]] = {
        name: exposures(name, steps) for name in settings.metrics if not problem(name, steps)
    }
    weighed = _weigh(settings, usable, len(steps))
    findings = tuple(
        _finding(settings, name, usable[name], *weighed[name])
        if name in usable
        else CanaryFinding(metric=name, verdict=CanaryVerdict.HOLD, message=f"{name}: {problem(name, steps)}")
        for name in settings.metrics
    )
    if reasons := _rollback_reasons(settings, findings):
        return CanaryJudgement(verdict=CanaryVerdict.ROLLBACK, findings=findings, reasons=reasons)
    missing = [finding.message for finding in findings if finding.verdict is not CanaryVerdict.PROMOTE]
    if all(name in usable for name in settings.metrics):
        missing += messages.too_few(settings, steps)
    if missing:
        return CanaryJudgement(verdict=CanaryVerdict.HOLD, findings=findings, reasons=tuple(missing))
    reasons = tuple(finding.message for finding in findings)
    return CanaryJudgement(verdict=CanaryVerdict.PROMOTE, findings=findings, reasons=reasons)


def _weigh(
    settings: JudgeSettings, usable: Mapping[str, Sequence[Exposure]], steps: int
) -> dict[str, tuple[CanaryEvidence, CanaryEvidence]]:
    """Return the evidence of each usable metric to roll back and to promote."""
    if settings.mode == "sequential":
        worst = len(settings.metrics) / settings.alpha_rollback
        return {
            name: (
                CanaryEvidence(value=_e(sequential.log_e_rollback(settings, counts)), threshold=worst),
                CanaryEvidence(
                    value=_e(sequential.log_e_promote(settings, counts)), threshold=1 / settings.alpha_promote
                ),
            )
            for name, counts in usable.items()
        }
    level = single_look.rollback_level(settings, steps)
    p_values = [
        single_look.p_rollback(settings, usable[name]) if name in usable else 1.0 for name in settings.metrics
    ]
    adjusted = dict(zip(settings.metrics, holm(p_values), strict=True))
    return {
        name: (
            CanaryEvidence(value=float(adjusted[name]), threshold=level, sequential=False),
            CanaryEvidence(
                value=single_look.p_promote(settings, counts),
                threshold=settings.alpha_promote,
                sequential=False,
            ),
        )
        for name, counts in usable.items()
    }


def _e(log_e: float) -> float:
    return math.exp(log_e) if log_e < math.log(LARGEST) else LARGEST


def _finding(
    settings: JudgeSettings,
    name: str,
    steps: Sequence[Exposure],
    rollback: CanaryEvidence,
    promote: CanaryEvidence,
) -> CanaryFinding:
    verdict = CanaryVerdict.HOLD
    if rollback.met:
        verdict = CanaryVerdict.ROLLBACK
    elif promote.met:
        verdict = CanaryVerdict.PROMOTE
    shown = steps if settings.mode == "sequential" else steps[-1:]
    both = totals(shown)
    compared = [step.events(step.realised) for step in shown if 0 < step.realised < 1]
    ratio = estimate(compared)
    lower, upper = interval(compared, settings.alpha_promote)
    finding = CanaryFinding(
        metric=name,
        verdict=verdict,
        message="",
        baseline_bad=int(both.baseline_bad),
        baseline_requests=int(both.baseline_requests),
        canary_bad=int(both.canary_bad),
        canary_requests=int(both.canary_requests),
        ratio=_finite(ratio),
        lower=lower if ratio is not None else None,
        upper=_finite(upper),
        rollback=rollback,
        promote=promote,
    )
    return messages.with_message(settings, finding, shown)


def _finite(value: float | None) -> float | None:
    return None if value is None or value > LARGEST else value


def _rollback_reasons(settings: JudgeSettings, findings: Sequence[CanaryFinding]) -> tuple[str, ...]:
    worse = tuple(each.message for each in findings if each.verdict is CanaryVerdict.ROLLBACK)
    if worse or settings.mode != "sequential":
        return worse
    # A metric that cannot be judged counts as an e-value of 0.
    mean = float(np.sum([each.rollback.value for each in findings if each.rollback])) / len(findings)
    bar = 1 / settings.alpha_rollback
    if mean < bar:
        return ()
    return (
        f"all metrics together: the mean of their evidence against it is {mean:.3g} of {bar:.3g}",
        *(each.message for each in findings),
    )
