"""Deployment environments and the framework's settings."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pytest_mlops.records.base import Count, Positive, Record, Seconds, Share, Text
from pytest_mlops.records.health import HealthCheck
from pytest_mlops.records.quantity import Bytes, Cores
from pytest_mlops.records.serving import GatewaySettings, GoldenSettings, RolloutSettings, ServeSettings
from pytest_mlops.records.ticket import TicketPolicy

__all__ = [
    "AutoScalingConfig",
    "DeploymentEnvironment",
    "EnvironmentConfig",
    "FrameworkConfig",
    "ResourceConfig",
    "ServiceLimits",
]


class AutoScalingConfig(Record):
    """Bounds and targets of automatic scaling."""

    min_replicas: Count = 1
    """Minimum number of replicas."""
    max_replicas: Count = 1
    """Maximum number of replicas."""
    target_cpu_utilization: Positive = 80.0
    """Target CPU utilisation, in percent."""
    target_memory_utilization: Positive = 80.0
    """Target memory utilisation, in percent."""
    scale_up_cooldown: Seconds = 60.0
    """Seconds after a change before replicas are added."""
    scale_down_cooldown: Seconds = 300.0
    """Seconds after a change before replicas are removed."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"min_replicas {self.min_replicas} is above max_replicas {self.max_replicas}")
        return self


class ServiceLimits(Record):
    """Limits and size of a service."""

    cpu_limit: Cores | None = None
    """Maximum CPU cores of a replica, such as ``500m`` or ``2``."""
    memory_limit: Bytes | None = None
    """Maximum memory of a replica, such as ``512Mi``; a replica that exceeds it is restarted."""
    gpu_limit: Text | None = None
    """Maximum GPUs of a replica, for targets with GPUs."""
    replicas: Annotated[Count, Field(ge=1, le=1000)] = 1
    """Number of processes that serve a version."""


class EnvironmentConfig(ServiceLimits):
    """Limits, size and scaling of a service."""

    auto_scaling: AutoScalingConfig = AutoScalingConfig()
    """Bounds and targets of automatic scaling."""


class ResourceConfig(Record):
    """Resources that must be free before a version is deployed."""

    cpu_requests: Cores | None = None
    """CPU cores per replica, such as ``500m``."""
    memory_requests: Bytes | None = None
    """Memory per replica, such as ``256Mi``."""
    gpu_requests: Text | None = None
    """GPUs per replica, for targets with GPUs."""
    storage_requests: Bytes | None = None
    """Disk space for the version's files, such as ``1Gi``."""


class DeploymentEnvironment(Record):
    """An environment that versions are deployed to."""

    environment_id: Text
    name: Text
    config: EnvironmentConfig = EnvironmentConfig()
    resources: ResourceConfig = ResourceConfig()
    health_checks: tuple[HealthCheck, ...] = ()
    target: Literal["local"] = "local"
    serve: ServeSettings | None = None
    gateway: GatewaySettings = GatewaySettings()
    golden: GoldenSettings | None = None
    rollout: RolloutSettings = RolloutSettings()
    policy: TicketPolicy = TicketPolicy()

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = [check.name for check in self.health_checks]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two health checks are named {name}; expected unique names")
        return self


class FrameworkConfig(Record):
    """Thresholds and time limits of :class:`pytest_mlops.MLOpsFramework`; times in seconds."""

    min_coverage: Share = 0.8
    min_quality_score: Share = 0.7
    max_deployment_time: Seconds = 300.0
    health_check_timeout: Seconds = 30.0
    """Deadline of one health verdict, in seconds."""
    monitoring_interval: Seconds = 60.0
    """Interval between two monitoring ticks, in seconds."""
