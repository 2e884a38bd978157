"""The shape of an entry of ``environments:``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from pytest_mlops.records.environment import DeploymentEnvironment, EnvironmentConfig, ResourceConfig
from pytest_mlops.records.health import HealthCheck
from pytest_mlops.records.serving import GatewaySettings, GoldenSettings, RolloutSettings, ServeSettings
from pytest_mlops.records.ticket import TicketPolicy

__all__ = ["EnvironmentSettings"]


class EnvironmentSettings(TicketPolicy):
    """What one environment demands of a release besides what any run owes, and how it serves a version."""

    target: Literal["local"] = "local"
    """Where replicas run: ``local``, processes of this machine."""
    serve: ServeSettings | None = None
    """The process that serves a version; without it nothing can be deployed here."""
    config: EnvironmentConfig = EnvironmentConfig()
    """Limits and size of the service."""
    resources: ResourceConfig = ResourceConfig()
    """What must be free before a version is deployed."""
    health_checks: tuple[HealthCheck, ...] = ()
    """Probes of every replica, and of what the environment needs besides them."""
    golden: GoldenSettings | None = None
    """Known inputs and answers, asked before a version gets any traffic."""
    gateway: GatewaySettings = GatewaySettings()
    """What clients talk to."""
    rollout: RolloutSettings = RolloutSettings()
    """How traffic moves from the old version to the new one."""

    def ticket_policy(self) -> TicketPolicy:
        """Return what a version must show before it is deployed here."""
        return TicketPolicy(**{name: getattr(self, name) for name in TicketPolicy.model_fields})

    def environment(self, name: str) -> DeploymentEnvironment:
        """Return the environment that is declared here."""
        fields = DeploymentEnvironment.model_fields.keys() - {"environment_id", "name", "policy"}
        return DeploymentEnvironment(
            environment_id=name,
            name=name,
            policy=self.ticket_policy(),
            **{field: getattr(self, field) for field in fields},
        )

    @model_validator(mode="after")
    def _one_environment(self) -> Self:
        self.environment("environment")  # what its parts demand of each other
        return self
