"""The plan of a deployment: written once, when it begins, and read by every process that carries it out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, ValidationError

from pytest_mlops.errors import SerializationError
from pytest_mlops.records.base import Digest, Label, Record, Text, Timestamp
from pytest_mlops.records.environment import DeploymentEnvironment
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.records.serving import ServeSettings
from pytest_mlops.text import describe_problems

if TYPE_CHECKING:
    from pytest_mlops.records.health import HealthCheck

__all__ = ["DeploymentPlan", "Source", "read_plan"]


class Source(Record):
    """Where the evidence and the model lay when the deployment began."""

    record: Text
    """The integration result, an absolute path."""
    record_digest: Digest
    """SHA-256 of the record's bytes as they were verified."""
    model: Text
    """The model's file or folder, an absolute path."""
    envelope: Text | None = None
    """The signed envelope, where it does not stand beside the record."""


class DeploymentPlan(Record):
    """One act of deploying one version to one environment."""

    deployment_id: Text
    number: Annotated[int, Field(strict=True, ge=1)]
    """Counts the deployments of the environment."""
    environment: DeploymentEnvironment
    """As it was declared when the deployment began."""
    serve: ServeSettings
    """How the version is served."""
    model_version: ModelVersion
    digest: Digest
    """Of the model's bytes that were tested."""
    run_id: Text
    """The run whose record is the ticket."""
    model_id: Label | None = None
    """The model that the environment is for; ``None`` where it names none."""
    project: Text
    """Folder of ``mlops.yaml``, an absolute path."""
    release: Text
    """Folder that the version is staged in, an absolute path."""
    source: Source
    rollback_from: Text | None = None
    """The deployment that this one rolls back."""
    actor: Text
    """Who asked for it."""
    created_at: Timestamp

    @property
    def version(self) -> str:
        """The version for people: ``credit-risk@2026.11.0``."""
        return f"{self.model_version.model_id}@{self.model_version.version_id}"

    @property
    def model(self) -> Path:
        """The staged model, a file or a folder."""
        return Path(self.release) / "model" / Path(self.source.model).name

    @property
    def record(self) -> Path:
        """The staged record."""
        return Path(self.release) / "evidence" / "integration-result.json"

    @property
    def golden(self) -> Path:
        """The staged golden predictions, where the environment has any."""
        return Path(self.release) / "golden.json"

    @property
    def folder(self) -> Path:
        """Folder that replicas run in."""
        return Path(self.release) / "code" if self.serve.code else Path(self.project)

    @property
    def replicas(self) -> int:
        """Processes that serve the version."""
        return self.environment.config.replicas

    @property
    def service_checks(self) -> tuple[HealthCheck, ...]:
        """Health checks of each replica."""
        return tuple(check for check in self.environment.health_checks if check.target == "service")


def read_plan(text: str) -> DeploymentPlan:
    """Return a plan from its JSON.

    Raises:
        SerializationError: it is none; the message says what is wrong first.
    """
    try:
        return DeploymentPlan.model_validate_json(text)
    except ValidationError as error:
        message = f"the plan of a deployment cannot be read: {describe_problems(error)}"
        raise SerializationError(message) from error
