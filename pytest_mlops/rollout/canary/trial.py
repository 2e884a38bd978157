"""A trial: the traffic of both versions since a step began, kept in the journal for a takeover."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from pytest_mlops.errors import TaskError
from pytest_mlops.rollout.canary import CanaryVerdict, StepTally, VersionTally, judge, slow_bound, tally
from pytest_mlops.state.steps import Phase, Step
from pytest_mlops.targets.traffic import DeploymentTraffic, Traffic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_mlops.rollout.canary import CanaryJudgement
    from pytest_mlops.rollout.context import DeploymentContext
    from pytest_mlops.state.plan import DeploymentPlan
    from pytest_mlops.state.steps import Entry

__all__ = ["CanaryDecision", "Trial"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CanaryDecision:
    """What follows from the traffic so far."""

    promotes: bool
    rolls_back: bool
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _StepStart:
    """Where the step in progress began."""

    index: int
    at: float
    share: float
    traffic: Traffic
    slow_ms: float | None


@dataclass(kw_only=True)
class Trial:
    """The steps of one rollout.

    Attributes:
        context: Who carries it out.
        plan: The deployment.
        tallies: Of the steps that passed.
    """

    context: DeploymentContext
    plan: DeploymentPlan
    tallies: list[StepTally] = field(default_factory=list)
    _start: _StepStart | None = None
    _found: StepTally | None = None
    _last: CanaryJudgement | None = None

    @classmethod
    def resume(cls, context: DeploymentContext, plan: DeploymentPlan) -> Self:
        """Return the trial as far as the journal knows it."""
        trial = cls(context=context, plan=plan)
        for entry in context.journal(plan):
            trial._read(entry)
        return trial

    @property
    def passed(self) -> int:
        """Steps that are behind."""
        return len(self.tallies)

    def begin(self, index: int, *, weight: float | None) -> float:
        """Begin a step, or resume it where its counts continue; return when it began.

        Args:
            index: Of the step.
            weight: Percent of the traffic; ``None`` for shadow traffic.

        Raises:
            TaskError: the counts cannot be had.
        """
        traffic = self._traffic()
        start = self._start
        if start is not None and start.index == index and start.traffic.epoch == traffic.epoch:
            return start.at
        settings = self.plan.environment.rollout.judge
        bound = settings.slow_ms or slow_bound(self._of(traffic, self._stable()).latency)
        copied = self.plan.environment.rollout.shadow_share
        share = copied / (1 + copied) if weight is None else weight / 100
        self._start = _StepStart(
            index=index, at=self.context.now().timestamp(), share=share, traffic=traffic, slow_ms=bound
        )
        self._note({"begin": {**asdict(self._start), "traffic": traffic.as_json()}})
        return self._start.at

    def decide(self, *, over: bool) -> CanaryDecision:
        """Judge the traffic so far.

        Args:
            over: Whether the step's least time is over; ``single_look`` tests only then.
        """
        rollout = self.plan.environment.rollout
        if rollout.judge.mode == "single_look" and not over:
            return CanaryDecision(
                promotes=False, rolls_back=False, message="the one look is at the end of the step"
            )
        try:
            found = self._tally()
        except TaskError as error:
            return CanaryDecision(promotes=False, rolls_back=False, message=f"no counts: {error}")
        self._found = found
        judgement = judge(rollout.judge, [*self.tallies, found])
        if self._last is None or judgement.verdict is not self._last.verdict:
            self._note({"judgement": judgement.verdict.value, "reasons": list(judgement.reasons)})
        self._last = judgement
        return CanaryDecision(
            promotes=judgement.verdict is CanaryVerdict.PROMOTE,
            rolls_back=judgement.verdict is CanaryVerdict.ROLLBACK,
            message="; ".join(judgement.reasons),
        )

    def end(self) -> None:
        """End the step: it passed, by the counts of the last look."""
        if self._found is None:
            raise TaskError("nothing was judged, so no step can pass")
        found, self._found = self._found, None
        self.tallies.append(found)
        self._start = None
        self._note({"passed": asdict(found)})

    def note(self, reason: str) -> None:
        """Keep why the trial ended."""
        self._note({"ended": reason})

    def reasons(self) -> list[str]:
        """Return the reasons of the last judgement."""
        return [] if self._last is None else list(self._last.reasons)

    def _tally(self) -> StepTally:
        start = self._start
        if start is None:
            raise TaskError("no step has started")
        traffic = self._traffic()
        if traffic.epoch != start.traffic.epoch or self._knows_bound_now(start, traffic):
            # The gateway restarted, and what it counted before is lost; or there was nothing yet to
            # take the bound of slow answers from, which is fixed before the answers that it judges.
            self._start = None
            self.begin(start.index, weight=None if self._is_shadow() else start.share * 100)
            return self._tally()
        baseline = self._between(start, traffic, self._stable(), shadow=False)
        canary = self._between(start, traffic, self.plan.deployment_id, shadow=self._is_shadow())
        return StepTally(share=start.share, baseline=baseline, canary=canary)

    def _between(self, start: _StepStart, now: Traffic, name: str, *, shadow: bool) -> VersionTally:
        before, after = self._of(start.traffic, name), self._of(now, name)
        return tally(before, after, slow_above=start.slow_ms, shadow=shadow)

    def _knows_bound_now(self, start: _StepStart, traffic: Traffic) -> bool:
        unknown = "slow" in self.plan.environment.rollout.judge.metrics and start.slow_ms is None
        return unknown and slow_bound(self._of(traffic, self._stable()).latency) is not None

    def _stable(self) -> str:
        return str(self.context.pointer(self.plan).stable)

    def _is_shadow(self) -> bool:
        return self.plan.environment.rollout.strategy == "shadow"

    def _traffic(self) -> Traffic:
        return self.context.target.traffic()

    @staticmethod
    def _of(traffic: Traffic, name: str) -> DeploymentTraffic:
        return traffic.deployments.get(name, DeploymentTraffic(requests=0, errors=0, latency={}))

    def _note(self, detail: Mapping[str, Any]) -> None:
        self.context.note(self.plan, Step.SHIFT, Phase.NOTED, detail)

    def _read(self, entry: Entry) -> None:
        if entry.step is not Step.SHIFT or entry.phase is not Phase.NOTED:
            return
        if "begin" in entry.detail:
            begun = entry.detail["begin"]
            self._start = _StepStart(**{**begun, "traffic": Traffic.from_json(begun["traffic"])})
        elif "passed" in entry.detail:
            passed = entry.detail["passed"]
            self.tallies.append(
                StepTally(
                    share=passed["share"],
                    baseline=VersionTally(**passed["baseline"]),
                    canary=VersionTally(**passed["canary"]),
                )
            )
            self._start = None
