"""Deployments and their results."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from pytest_mlops.records.base import Digest, Flag, Record, Seconds, Share, Text, Timestamp
from pytest_mlops.records.environment import DeploymentEnvironment
from pytest_mlops.records.health import HealthStatus
from pytest_mlops.records.model import ModelVersion

__all__ = ["Consistency", "Deployment", "DeploymentResult", "DeploymentStatus", "HealthRate"]


class DeploymentStatus(StrEnum):
    """State of a deployment."""

    DEPLOYING = "deploying"
    RUNNING = "running"
    FAILED = "failed"
    STOPPED = "stopped"


class Deployment(Record):
    """One model version in one environment."""

    deployment_id: Text
    model_version: ModelVersion
    environment: DeploymentEnvironment
    status: DeploymentStatus
    digest: Digest | None = None
    """Digest of the model's files, equal to that of the tested files."""
    run_id: Text | None = None
    """Run whose record is the ticket of the deployment."""
    message: str = ""
    """Reason for the status."""
    created_at: Timestamp
    updated_at: Timestamp


class Consistency(Record):
    """Consistency γ of a deployment environment with the test environment, fact by fact."""

    share: Share | None = None
    """Share of equal facts among those known in both environments; ``None`` if there are none."""
    equal: Annotated[int, Field(strict=True, ge=0)] = 0
    compared: Annotated[int, Field(strict=True, ge=0)] = 0
    differences: tuple[str, ...] = ()
    """``name: tested with …, here …`` for every fact that differs."""
    unknown: tuple[str, ...] = ()
    """Facts known in only one of the environments."""


class HealthRate(Record):
    """Share δ of successful health probes, with its lower confidence bound."""

    successes: Annotated[int, Field(strict=True, ge=0)]
    probes: Annotated[int, Field(strict=True, ge=0)]
    share: Share | None
    lower: Share | None
    """One-sided 95 % Clopper-Pearson lower bound; ``None`` without probes."""


class DeploymentResult(Record):
    """Result of one deployment operation."""

    success: Flag
    deployment: Deployment
    health_status: HealthStatus
    consistency: Consistency | None = None
    health_rate: HealthRate | None = None
    bound: Share | None = None
    """Lower bound γ·δ of the probability of a successful deployment, from the lower bound of δ."""
    duration: Seconds
    timestamp: Timestamp
