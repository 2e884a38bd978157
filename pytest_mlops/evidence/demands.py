"""Demands of an environment, put on top of the policy that a run was judged under."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.decision.judge import judge
from pytest_mlops.records.policy import Requirement
from pytest_mlops.verdict import Context

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_mlops.records.integration import GateJudgement, IntegrationResult
    from pytest_mlops.records.policy import Policy
    from pytest_mlops.records.ticket import TicketPolicy

__all__ = ["judge_under", "tightened"]

THRESHOLDS = ("min_pass_rate", "min_coverage", "min_quality_score")


def judge_under(
    record: IntegrationResult, demands: TicketPolicy, *, environment: str, now: datetime
) -> GateJudgement:
    """Judge recorded evidence as a release into an environment.

    Args:
        record: The evidence, and the policy it was gathered under.
        demands: What the environment demands.
        environment: Its name.
        now: The time; a waiver that has run out by then counts no more.
    """
    return judge(
        results=record.test_results,
        measurements=record.measurements,
        code_quality=record.code_quality,
        model_version=record.model_version,
        policy=tightened(record.policy, demands, environment),
        context=Context.RELEASE,
        today=max(record.timestamp, now).date(),
        comparison=record.comparison,
    )


def tightened(recorded: Policy, demands: TicketPolicy, environment: str) -> Policy:
    """Return the policy of a run with the demands of an environment added; nothing gets looser.

    Rules of the environment are named after it, and waivers of the run that borrow such a name do not count.
    """
    thresholds = {
        name: max(getattr(recorded.gate, name), getattr(demands, name) or 0.0) for name in THRESHOLDS
    }
    gate = {
        **thresholds,
        "require_evidence": demands.require_evidence or recorded.gate.require_evidence,
        "min_n": max(recorded.gate.min_n, demands.min_n or 1),
    }
    rules = [rule.model_copy(update={"id": f"{environment}: {rule.name}"}) for rule in demands.rules]
    names = {rule.name for rule in rules}
    return recorded.model_copy(
        update={
            "gate": recorded.gate.model_copy(update=gate),
            "accept_waived": demands.accept_waived,
            "requirements": (*recorded.requirements, *_added(recorded, demands)),
            "rules": (*recorded.rules, *rules),
            "waivers": tuple(waiver for waiver in recorded.waivers if waiver.rule not in names),
        }
    )


def _added(recorded: Policy, demands: TicketPolicy) -> tuple[Requirement, ...]:
    """Return the demanded cells that the run was not asked for, each as a requirement of its own."""
    known = {cell.title for cell in recorded.cells()}
    demanded = (cell for requirement in demands.requirements for cell in requirement.cells())
    return tuple(
        Requirement(
            capability=cell.capability,
            slices=(cell.slice,),
            datasets=() if cell.dataset is None else (cell.dataset,),
            weight=cell.weight,
        )
        for cell in demanded
        if cell.title not in known
    )
