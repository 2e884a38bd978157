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
    """Status of a deployment."""

    DEPLOYING = "deploying"
    RUNNING = "running"
    FAILED = "failed"
    STOPPED = "stopped"


class Deployment(Record):
    """One version in one environment."""

    deployment_id: Text
    model_version: ModelVersion
    environment: DeploymentEnvironment
    status: DeploymentStatus
    digest: Digest | None = None
    """Digest of the model's bytes, which are the tested ones."""
    run_id: Text | None = None
    """The run whose record is its ticket."""
    message: str = ""
    """Reason for its status."""
    created_at: Timestamp
    updated_at: Timestamp


class Consistency(Record):
    """Consistency (γ) of an environment with the one in which the version was tested."""

    share: Share | None = None
    """Share of equal facts among those known on both sides; ``None`` if there are none."""
    equal: Annotated[int, Field(strict=True, ge=0)] = 0
    compared: Annotated[int, Field(strict=True, ge=0)] = 0
    differences: tuple[str, ...] = ()
    """``name: tested with …, here …`` for every fact that differs."""
    unknown: tuple[str, ...] = ()
    """Facts that are known on one side only."""


class HealthRate(Record):
    """Share of the health probes that succeeded (δ), with its lower confidence bound."""

    successes: Annotated[int, Field(strict=True, ge=0)]
    probes: Annotated[int, Field(strict=True, ge=0)]
    share: Share | None
    lower: Share | None
    """One-sided 95 % Clopper-Pearson bound; ``None`` without a probe."""


class DeploymentResult(Record):
    """Result of one deployment."""

    success: Flag
    deployment: Deployment
    health_status: HealthStatus
    consistency: Consistency | None = None
    health_rate: HealthRate | None = None
    bound: Share | None = None
    """γ·δ with the lower bound of δ: a lower bound of the probability of a successful deployment."""
    duration: Seconds
    timestamp: Timestamp
