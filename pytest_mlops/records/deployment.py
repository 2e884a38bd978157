"""Deployments: what runs where, and how it got there."""

from __future__ import annotations

from enum import StrEnum

from pytest_mlops.records.base import Flag, Record, Seconds, Text, Timestamp
from pytest_mlops.records.environment import DeploymentEnvironment
from pytest_mlops.records.model import ModelVersion

__all__ = ["Deployment", "DeploymentResult", "DeploymentStatus", "HealthStatus"]


class DeploymentStatus(StrEnum):
    """Where a deployment stands."""

    DEPLOYING = "deploying"
    RUNNING = "running"
    FAILED = "failed"
    STOPPED = "stopped"


class HealthStatus(Record):
    """The answer of a health check."""

    is_healthy: Flag
    message: str


class Deployment(Record):
    """One version in one environment."""

    deployment_id: Text
    model_version: ModelVersion
    environment: DeploymentEnvironment
    status: DeploymentStatus
    created_at: Timestamp
    updated_at: Timestamp


class DeploymentResult(Record):
    """How one act of deploying ended."""

    success: Flag
    deployment: Deployment
    health_status: HealthStatus
    duration: Seconds
    timestamp: Timestamp
