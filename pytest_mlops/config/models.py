"""The shape of ``mlops.yaml``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Literal

from pydantic import Field, field_validator

from pytest_mlops.config.entries import CheckEntry, EnvironmentEntry
from pytest_mlops.config.reserved import Reserved
from pytest_mlops.records.base import Label, Number, Record, Text
from pytest_mlops.records.model import ModelMetadata, ModelMetrics, ModelVersion, TrainingConfig
from pytest_mlops.records.policy import (
    BaselineSettings,
    GateSettings,
    Policy,
    QualitySettings,
    Requirement,
    Waiver,
)
from pytest_mlops.records.rule import Rule

__all__ = ["Config", "HistorySettings", "ModelSettings"]


class ModelSettings(Record):
    """The model under test."""

    id: Label
    """Name of the model, the same for all its versions."""
    version: Label
    """Name of this version; quote it, because YAML reads 2026.10 as the number 2026.1."""
    artifact: Text | None = None
    """File or folder with the model's bytes, at or below the folder of ``mlops.yaml``."""
    algorithm: Text | None = None
    """Kind of model, such as ``gradient boosting``."""
    hyperparameters: dict[str, Number] = {}
    """Name -> value used in training."""
    metrics: ModelMetrics = ModelMetrics()
    """Declared metrics: shown as declared, never counted as measured."""
    data_version: Text | None = None
    """Version of the training data."""
    training: TrainingConfig = TrainingConfig()
    """How it was trained."""
    dependencies: tuple[Text, ...] = ()
    """Packages it needs, as requirement specifiers such as ``scikit-learn>=1.7``."""
    parent: Text | None = None
    """The version that this one was made from."""
    tags: tuple[Text, ...] = ()
    """Tags to find it by."""

    @field_validator("artifact")
    @classmethod
    def _stays_inside(cls, value: str | None) -> str | None:
        if value is None:
            return None
        # Both notations, so that a file means the same on every system.
        windows = PureWindowsPath(value)
        if PurePosixPath(value).is_absolute() or windows.drive or windows.root:
            raise ValueError(f"{value} is absolute; expected a path relative to the folder of mlops.yaml")
        if ".." in windows.parts:
            raise ValueError(f"{value} contains '..'; expected a path inside the folder of mlops.yaml")
        return value

    def model_version(self) -> ModelVersion:
        """Return the record of this version; its digest is taken where the files are read."""
        return ModelVersion(
            model_id=self.id,
            version_id=self.version,
            artifact_path=self.artifact,
            metadata=ModelMetadata(
                algorithm=self.algorithm,
                hyperparameters=self.hyperparameters,
                metrics=self.metrics,
                data_version=self.data_version,
                training_config=self.training,
                dependencies=self.dependencies,
            ),
            parent_version=self.parent,
            tags=self.tags,
        )


class HistorySettings(Record):
    """Retention of the runs that the gate records in the store."""

    keep: Annotated[int, Field(strict=True, ge=1)] = 1000
    """Number of runs kept for each model; the oldest are removed, except evidence of aliases and pins."""
    max_age_days: Annotated[float, Field(strict=True, gt=0, le=100_000)] | None = None
    """Days after which a run is removed, with the same exceptions; by default never."""

    @property
    def max_age(self) -> timedelta | None:
        """The age at which a run is removed."""
        return None if self.max_age_days is None else timedelta(days=self.max_age_days)


class Config(Record):
    """A whole ``mlops.yaml``."""

    version: Literal[1] = 1
    """Version of this format."""
    model: ModelSettings | None = None
    """The model version under test."""
    requirements: tuple[Requirement, ...] = ()
    """The behaviour that coverage is measured on."""
    gate: GateSettings = GateSettings()
    """Thresholds of pass rate, coverage and quality, and the decision when evidence does not suffice."""
    quality: QualitySettings = QualitySettings()
    """Components of the quality score."""
    rules: tuple[Rule, ...] = ()
    """Bounds on recorded metrics."""
    checks: tuple[CheckEntry, ...] = ()
    """Ready-made model tests, each with its fixtures."""
    baseline: BaselineSettings = BaselineSettings()
    """The version that rules on changes compare with."""
    waivers: tuple[Waiver, ...] = ()
    """Failing rules and tests that a named person accepts until a date."""
    environments: dict[str, EnvironmentEntry] = {}
    """Name -> what the environment demands of a version, and how it serves it."""
    history: HistorySettings | None = None
    """With this section (``history: {}`` is enough) every run of the gate is recorded in the store, except
    runs of untrusted pull requests."""
    monitor: Reserved = Reserved()
    """Monitoring of a version that serves; not available yet."""
    automate: Reserved = Reserved()
    """Automated operations; not available yet."""

    @field_validator("version", mode="before")
    @classmethod
    def _known_format(cls, value: object) -> object:
        # As a literal alone it would take true and 1.0 for 1.
        if type(value) is not int or value != 1:
            raise ValueError(f"expected 1, the only format that this pytest-mlops reads; got {value}")
        return value

    def policy(self, *, accept_waived: bool = False) -> Policy:
        """Return the policy that this file declares."""
        return Policy(
            requirements=self.requirements,
            gate=self.gate,
            quality=self.quality,
            rules=self.rules,
            waivers=self.waivers,
            baseline=self.baseline,
            accept_waived=accept_waived,
            configured=True,
        )
