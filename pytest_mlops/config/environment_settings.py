"""The shape of an entry of ``environments:``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from pytest_mlops.config.reserved import Reserved
from pytest_mlops.records.environment import (
    DeploymentEnvironment,
    EnvironmentConfig,
    ResourceConfig,
    ServiceLimits,
)
from pytest_mlops.records.health import HealthCheck
from pytest_mlops.records.serving import GatewaySettings, GoldenSettings, RolloutSettings, ServeSettings
from pytest_mlops.records.ticket import TicketPolicy

__all__ = ["EnvironmentSettings"]


class ServiceSettings(ServiceLimits):
    """Limits and size of a service."""

    auto_scaling: Reserved = Reserved()
    """Bounds and targets of automatic scaling; not available yet."""

    def environment_config(self) -> EnvironmentConfig:
        """Return the record of what is declared here."""
        return EnvironmentConfig(**{name: getattr(self, name) for name in ServiceLimits.model_fields})


class EnvironmentSettings(TicketPolicy):
    """What one environment demands of a version, in addition to ``gate``, and how it serves it."""

    target: Literal["local"] = "local"
    """Where replicas run: ``local``, processes of this machine."""
    serve: ServeSettings | None = None
    """The process that serves a version; without it, nothing can be deployed here."""
    config: ServiceSettings = ServiceSettings()
    """Limits and size of the service."""
    resources: ResourceConfig = ResourceConfig()
    """Resources that must be free before a version is deployed."""
    health_checks: tuple[HealthCheck, ...] = ()
    """Probes of every replica, and of what else the environment needs."""
    golden: GoldenSettings | None = None
    """Known requests and answers, checked before a version gets any traffic."""
    gateway: GatewaySettings = GatewaySettings()
    """The address that clients connect to."""
    rollout: RolloutSettings = RolloutSettings()
    """How traffic moves from the old version to the new one."""

    def ticket_policy(self) -> TicketPolicy:
        """Return what a version must show before it is deployed here."""
        return TicketPolicy(**{name: getattr(self, name) for name in TicketPolicy.model_fields})

    def environment(self, name: str) -> DeploymentEnvironment:
        """Return the environment that is declared here."""
        fields = DeploymentEnvironment.model_fields.keys() - {"environment_id", "name", "policy", "config"}
        return DeploymentEnvironment(
            environment_id=name,
            name=name,
            policy=self.ticket_policy(),
            config=self.config.environment_config(),
            **{field: getattr(self, field) for field in fields},
        )

    @model_validator(mode="after")
    def _target_has_gpus(self) -> Self:
        if self.config.gpu_limit is not None or self.resources.gpu_requests is not None:
            raise ValueError(
                f"target: {self.target} can neither limit nor count GPUs; remove gpu_limit and gpu_requests, "
                "and count them by a health check with check_type: command"
            )
        return self

    @model_validator(mode="after")
    def _one_environment(self) -> Self:
        self.environment("environment")  # what its parts demand of each other
        return self
