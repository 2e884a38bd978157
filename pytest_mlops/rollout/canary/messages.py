"""What the judge found, as messages."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_mlops.rollout.canary import sequential
from pytest_mlops.rollout.canary.exposure import totals
from pytest_mlops.rollout.canary.judgement import CanaryVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.records.serving import JudgeSettings
    from pytest_mlops.rollout.canary.exposure import Exposure
    from pytest_mlops.rollout.canary.judgement import CanaryEvidence, CanaryFinding
    from pytest_mlops.rollout.canary.tally import StepTally

__all__ = ["too_few", "with_message"]


def with_message(settings: JudgeSettings, finding: CanaryFinding, steps: Sequence[Exposure]) -> CanaryFinding:
    """Return the finding with its numbers and what follows from them as its message."""
    counts = (
        f"{finding.metric}: {finding.canary_bad:,} of {finding.canary_requests:,} with the new version, "
        f"{finding.baseline_bad:,} of {finding.baseline_requests:,} with the old one"
    )
    return replace(finding, message=f"{counts}{_ratio(finding)}; {_outcome(settings, finding, steps)}")


def too_few(settings: JudgeSettings, steps: Sequence[StepTally]) -> list[str]:
    """Return a message for each version that has not answered enough requests in the newest step."""
    newest = steps[-1]
    return [
        f"the {name} version has answered {counts.requests} requests in this step; "
        f"{settings.min_requests:,} are needed"
        for name, counts in (("old", newest.baseline), ("new", newest.canary))
        if counts.requests < settings.min_requests
    ]


def _ratio(finding: CanaryFinding) -> str:
    if not finding.baseline_bad and not finding.canary_bad:
        return ""
    upper = "any" if finding.upper is None else f"{finding.upper:.3g}"
    between = f"({finding.lower or 0.0:.3g} to {upper})"
    if finding.ratio is None:
        return f", only the new version has any {between}"
    return f", {finding.ratio:.3g} times the rate {between}"


def _outcome(settings: JudgeSettings, finding: CanaryFinding, steps: Sequence[Exposure]) -> str:
    rollback, promote = finding.rollback, finding.promote
    if rollback is None or promote is None:  # pragma: no cover -- a finding with counts has both
        return "open"
    if finding.verdict is CanaryVerdict.ROLLBACK:
        return f"worse than {settings.acceptable_ratio:g} times the rate, by {_strength(rollback)}"
    not_harmful = f"below {settings.harmful_ratio:g} times the rate"
    if settings.tolerable_rate:
        not_harmful += f" or below {settings.tolerable_rate:.3g} of the requests"
    if finding.verdict is CanaryVerdict.PROMOTE:
        return f"{not_harmful}, by {_strength(promote)}"
    return (
        f"not known to be {not_harmful}, by {_strength(promote)}, nor worse, by {_strength(rollback)}"
        f"{_advice(settings, steps, rollback)}"
    )


def _strength(evidence: CanaryEvidence) -> str:
    if evidence.sequential:
        return f"evidence of {evidence.value:.3g} where {evidence.threshold:.3g} is needed"
    return f"a p value of {evidence.value:.2g} where at most {evidence.threshold:.2g} does"


def _advice(settings: JudgeSettings, steps: Sequence[Exposure], rollback: CanaryEvidence) -> str:
    both = totals(steps)
    hopeless = 0 < both.baseline_requests <= settings.harmful_ratio * both.baseline_bad
    note = (
        f"; {both.baseline_bad / both.baseline_requests:.0%} of the old version's are bad, of which there "
        f"can be no {settings.harmful_ratio:g} times as many"
        if hopeless
        else ""
    )
    if not rollback.sequential:
        return note
    factor = sequential.factor_to_decide(settings, steps, rollback.threshold)
    if factor is None:
        return f"{note}; no number of requests would decide soon, if everything stays as it is"
    requests = _rounded((factor - 1) * both.requests)
    events = _rounded((factor - 1) * (both.baseline_bad + both.canary_bad))
    bad = f" with {events:,} bad ones" if events else ""
    return f"{note}; about {requests:,} more requests{bad} would decide if everything stays as it is"


def _rounded(value: float) -> int:
    """Round up to two digits."""
    if value <= 0:
        return 0
    unit = 10.0 ** max(0, math.floor(math.log10(value)) - 1)
    return int(math.ceil(value / unit) * unit)
