"""The shape of ``mlops.yaml``."""

from __future__ import annotations

from typing import Literal

from pytest_mlops.records.base import Flag, Label, Number, Record, Text
from pytest_mlops.records.model import ModelMetadata, ModelMetrics, ModelVersion, TrainingConfig
from pytest_mlops.records.policy import GateSettings, Policy, QualitySettings, Requirement, Rule, Waiver

__all__ = ["Config", "EnvironmentSettings", "ModelSettings"]


class ModelSettings(Record):
    """The model under test."""

    id: Label
    version: Label
    artifact: Text | None = None
    """File or folder with the model's bytes, at or below the folder of ``mlops.yaml``."""
    algorithm: Text | None = None
    hyperparameters: dict[str, Number] = {}
    metrics: ModelMetrics = ModelMetrics()
    """Declared metrics: shown as declared, never counted as measured."""
    data_version: Text | None = None
    training: TrainingConfig = TrainingConfig()
    dependencies: tuple[Text, ...] = ()
    parent: Text | None = None
    """The version this one was made from."""
    tags: tuple[Text, ...] = ()

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


class EnvironmentSettings(Record):
    """What one environment demands of a release."""

    accept_waived: Flag = False
    """Whether a WAIVED verdict may be released here."""


class Config(Record):
    """A whole ``mlops.yaml``."""

    version: Literal[1] = 1
    """Version of this format."""
    model: ModelSettings | None = None
    requirements: tuple[Requirement, ...] = ()
    gate: GateSettings = GateSettings()
    quality: QualitySettings = QualitySettings()
    rules: tuple[Rule, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    environments: dict[str, EnvironmentSettings] = {}

    def policy(self, *, accept_waived: bool = False) -> Policy:
        """Return the policy that this file states."""
        return Policy(
            requirements=self.requirements,
            gate=self.gate,
            quality=self.quality,
            rules=self.rules,
            waivers=self.waivers,
            accept_waived=accept_waived,
            configured=True,
        )
