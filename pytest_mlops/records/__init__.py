"""Frozen, validated records of the package, without I/O."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_mlops.records.automation import (
        AutomationActionResult,
        AutomationResult,
        RollbackAction,
        RollbackPolicy,
        ScalingAction,
        ScalingPolicy,
        UpdateAction,
        UpdatePolicy,
    )
    from pytest_mlops.records.deployment import Deployment, DeploymentResult, DeploymentStatus
    from pytest_mlops.records.environment import (
        AutoScalingConfig,
        DeploymentEnvironment,
        EnvironmentConfig,
        FrameworkConfig,
        ResourceConfig,
    )
    from pytest_mlops.records.health import HealthCheck, HealthCheckType, HealthState, HealthStatus
    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.records.model import ModelMetadata, ModelMetrics, ModelVersion, TrainingConfig
    from pytest_mlops.records.monitoring import (
        Alert,
        AlertSeverity,
        AlertType,
        DriftDetection,
        ModelPerformance,
        MonitoringReport,
        PerformanceMetric,
    )
    from pytest_mlops.records.policy import Policy
    from pytest_mlops.records.results import TestResult, TestResults

__all__ = [
    "Alert",
    "AlertSeverity",
    "AlertType",
    "AutoScalingConfig",
    "AutomationActionResult",
    "AutomationResult",
    "Deployment",
    "DeploymentEnvironment",
    "DeploymentResult",
    "DeploymentStatus",
    "DriftDetection",
    "EnvironmentConfig",
    "FrameworkConfig",
    "HealthCheck",
    "HealthCheckType",
    "HealthState",
    "HealthStatus",
    "IntegrationResult",
    "ModelMetadata",
    "ModelMetrics",
    "ModelPerformance",
    "ModelVersion",
    "MonitoringReport",
    "PerformanceMetric",
    "Policy",
    "ResourceConfig",
    "RollbackAction",
    "RollbackPolicy",
    "ScalingAction",
    "ScalingPolicy",
    "TestResult",
    "TestResults",
    "TrainingConfig",
    "UpdateAction",
    "UpdatePolicy",
]

# Imported on first use: building a model class takes time, and the gate needs only the records of a run.
_HOMES = {
    "pytest_mlops.records.automation": (
        "AutomationActionResult",
        "AutomationResult",
        "RollbackAction",
        "RollbackPolicy",
        "ScalingAction",
        "ScalingPolicy",
        "UpdateAction",
        "UpdatePolicy",
    ),
    "pytest_mlops.records.deployment": ("Deployment", "DeploymentResult", "DeploymentStatus"),
    "pytest_mlops.records.environment": (
        "AutoScalingConfig",
        "DeploymentEnvironment",
        "EnvironmentConfig",
        "FrameworkConfig",
        "ResourceConfig",
    ),
    "pytest_mlops.records.health": ("HealthCheck", "HealthCheckType", "HealthState", "HealthStatus"),
    "pytest_mlops.records.integration": ("IntegrationResult",),
    "pytest_mlops.records.model": ("ModelMetadata", "ModelMetrics", "ModelVersion", "TrainingConfig"),
    "pytest_mlops.records.monitoring": (
        "Alert",
        "AlertSeverity",
        "AlertType",
        "DriftDetection",
        "ModelPerformance",
        "MonitoringReport",
        "PerformanceMetric",
    ),
    "pytest_mlops.records.policy": ("Policy",),
    "pytest_mlops.records.results": ("TestResult", "TestResults"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a record on first use (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
