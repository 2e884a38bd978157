"""The probes of a local environment: health, golden predictions, consistency, staging and pruning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.rollout.fingerprint import compare, recorded_facts, serving_facts
from pytest_mlops.rollout.golden import read_golden, replay
from pytest_mlops.rollout.staging import prune_releases, stage
from pytest_mlops.serving.health.engine import LISTENS, check_health
from pytest_mlops.serving.health.environment import check_environment
from pytest_mlops.serving.health.lookups import run_probes
from pytest_mlops.serving.health.probe import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_mlops.records.deployment import Consistency
    from pytest_mlops.records.environment import DeploymentEnvironment
    from pytest_mlops.records.health import HealthStatus
    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.state.paths import Layout
    from pytest_mlops.state.plan import DeploymentPlan
    from pytest_mlops.targets.protocol import Replica

__all__ = ["LocalProbes"]

_QUICK = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalProbes:
    """The :class:`~pytest_mlops.rollout.context.Probes` of a target whose replicas this machine reaches.

    Attributes:
        layout: Where the environment's files lie.
        project: Folder of ``mlops.yaml``.
    """

    layout: Layout
    project: Path

    def environment(
        self, environment: DeploymentEnvironment, record: IntegrationResult
    ) -> tuple[HealthStatus, Consistency]:
        """Check the environment, and compare it with the one that the version was tested in."""
        health = check_environment(environment, self.layout.root, folder=self.project)
        version, serve = record.model_version, environment.serve
        dependencies = () if version is None else version.metadata.dependencies
        tested = recorded_facts(record.provenance, dependencies)
        here = {} if serve is None else serving_facts(serve.command, dependencies, folder=self.project)
        return health, compare(tested, here)

    def stage(self, plan: DeploymentPlan) -> None:
        """Copy the version's files to its release."""
        stage(plan)

    def health(
        self, plan: DeploymentPlan, replicas: Sequence[Replica], *, seconds: float, quick: bool = False
    ) -> HealthStatus:
        """Probe replicas; one without a check of its own has to listen at the least."""
        endpoints = [Endpoint(host=each.host, port=each.port, folder=plan.project) for each in replicas]
        checks = plan.service_checks or (LISTENS,)
        pace = _QUICK if quick else None
        return run_probes(check_health(checks, endpoints, seconds=seconds, pace=pace))

    def replay(self, plan: DeploymentPlan, replica: Replica) -> str:
        """Ask a replica the golden requests."""
        settings = plan.environment.golden
        if settings is None:
            return "the environment declares no golden predictions"
        host = f"[{replica.host}]" if ":" in replica.host else replica.host
        url = f"http://{host}:{replica.port}{settings.path}"
        return replay(read_golden(plan.golden), url, settings)

    def prune(self, plan: DeploymentPlan, keep: Callable[[], frozenset[str]]) -> None:  # noqa: ARG002 -- of its environment
        """Remove the releases that are not kept."""
        prune_releases(self.layout, keep)
