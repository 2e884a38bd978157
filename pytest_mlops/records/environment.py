"""Deployment environments: where a version may run, and on what terms."""

from __future__ import annotations

from enum import StrEnum

from pytest_mlops.records.base import Count, Positive, Record, Seconds, Text

__all__ = [
    "AutoScalingConfig",
    "DeploymentEnvironment",
    "EnvironmentConfig",
    "HealthCheck",
    "HealthCheckType",
    "ResourceConfig",
]


class AutoScalingConfig(Record):
    """Bounds and targets of automatic scaling."""

    min_replicas: Count
    max_replicas: Count
    target_cpu_utilization: Positive
    """Percent."""
    target_memory_utilization: Positive
    """Percent."""
    scale_up_cooldown: Seconds
    scale_down_cooldown: Seconds


class EnvironmentConfig(Record):
    """Limits and size of a service."""

    cpu_limit: Text
    memory_limit: Text
    gpu_limit: Text | None = None
    replicas: Count
    auto_scaling: AutoScalingConfig


class ResourceConfig(Record):
    """Resources that a service asks for."""

    cpu_requests: Text
    memory_requests: Text
    gpu_requests: Text | None = None
    storage_requests: Text


class HealthCheckType(StrEnum):
    """How a health check probes."""

    HTTP = "http"
    TCP = "tcp"
    COMMAND = "command"
    CUSTOM = "custom"


class HealthCheck(Record):
    """One probe of a service."""

    name: Text
    check_type: HealthCheckType
    endpoint: Text | None = None
    """URL, ``host:port`` or command; for ``custom`` an import path."""
    interval: Seconds
    timeout: Seconds
    failure_threshold: Count


class DeploymentEnvironment(Record):
    """One place where a version may run."""

    environment_id: Text
    name: Text
    config: EnvironmentConfig
    resources: ResourceConfig
    health_checks: tuple[HealthCheck, ...] = ()
