"""Deployments: what runs where, and how it got there."""

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
    """Where a deployment stands."""

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
    """Of the model's bytes, which were the tested ones."""
    run_id: Text | None = None
    """The run whose record is its ticket."""
    message: str = ""
    """Why it stands where it stands."""
    created_at: Timestamp
    updated_at: Timestamp


class Consistency(Record):
    """How far an environment is what the version was tested in (γ), fact by fact."""

    share: Share | None = None
    """Share of the facts known on both sides that are equal; ``None`` where none is."""
    equal: Annotated[int, Field(strict=True, ge=0)] = 0
    compared: Annotated[int, Field(strict=True, ge=0)] = 0
    differences: tuple[str, ...] = ()
    """``name: tested with …, here …``, of every fact that differs."""
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
    """How one act of deploying ended."""

    success: Flag
    deployment: Deployment
    health_status: HealthStatus
    consistency: Consistency | None = None
    health_rate: HealthRate | None = None
    bound: Share | None = None
    """γ·δ, below which the probability of a successful deployment does not fall; of δ's lower bound."""
    duration: Seconds
    timestamp: Timestamp
