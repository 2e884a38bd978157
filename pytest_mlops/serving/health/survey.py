"""One survey of the health of an environment with its replicas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.serving.health.engine import LISTENS, check_health, status_of
from pytest_mlops.serving.health.environment import environment_outcomes
from pytest_mlops.serving.health.lookups import run_probes
from pytest_mlops.serving.health.state import health_rate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_mlops.records.deployment import HealthRate
    from pytest_mlops.records.environment import DeploymentEnvironment
    from pytest_mlops.records.health import HealthCheck, HealthStatus
    from pytest_mlops.serving.health.probe import Endpoint
    from pytest_mlops.state.paths import Layout

__all__ = ["Survey", "survey"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What was seen.

    Attributes:
        environment: Checks of the environment itself, and room for one more version; ``None`` where it
            declares neither.
        service: Checks of the replicas; of no replica nothing is known.
        rate: δ of the service's probes.
    """

    environment: HealthStatus | None
    service: HealthStatus
    rate: HealthRate | None

    @property
    def is_healthy(self) -> bool:
        """Whether everything that was probed is healthy, and the service was probed."""
        return self.service.is_healthy and (self.environment is None or self.environment.is_healthy)

    @property
    def is_known(self) -> bool:
        """Whether anything was probed at all."""
        return bool(self.service.checks) or self.environment is not None


def survey(
    environment: DeploymentEnvironment,
    layout: Layout,
    replicas: Sequence[Endpoint],
    checks: Sequence[HealthCheck],
    *,
    folder: Path,
    seconds: float,
) -> Survey:
    """Probe everything once, within a time.

    Args:
        environment: The environment.
        layout: Where its files lie.
        replicas: Addresses of the replicas that run.
        checks: What is asked of each; of a service without checks, that it listens.
        folder: Folder of ``mlops.yaml``, which commands and functions run in.
        seconds: Deadline of each of the two verdicts.

    Raises:
        InvalidHealthCheck: a check cannot be carried out as written.
    """
    around = environment_outcomes(environment, layout.root, folder=folder, seconds=seconds)
    service = run_probes(check_health(tuple(checks) or (LISTENS,), replicas, seconds=seconds))
    return Survey(
        environment=status_of(around) if around else None,
        service=service,
        rate=health_rate(
            sum(check.successes for check in service.checks), sum(check.probes for check in service.checks)
        ),
    )
