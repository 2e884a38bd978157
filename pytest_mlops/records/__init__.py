"""The vocabulary: frozen records, without I/O and without behaviour beyond validation."""

from __future__ import annotations

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
from pytest_mlops.records.deployment import Deployment, DeploymentResult, DeploymentStatus, HealthStatus
from pytest_mlops.records.environment import (
    AutoScalingConfig,
    DeploymentEnvironment,
    EnvironmentConfig,
    HealthCheck,
    HealthCheckType,
    ResourceConfig,
)
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
from pytest_mlops.records.settings import FrameworkConfig

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
