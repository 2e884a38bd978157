"""Model versions: what is tested, and what it says of itself."""

from __future__ import annotations

from pytest_mlops.records.base import Count, Digest, Number, Positive, Record, Seconds, Share, Text, Timestamp

__all__ = ["ModelMetadata", "ModelMetrics", "ModelVersion", "TrainingConfig"]


class ModelMetrics(Record):
    """Metrics that a model's author declares; never a measurement of ours."""

    accuracy: Share | None = None
    precision: Share | None = None
    recall: Share | None = None
    f1_score: Share | None = None
    training_time: Seconds | None = None
    """Seconds."""
    inference_time: Seconds | None = None
    """Seconds for one prediction."""
    model_size: Count | None = None
    """Bytes."""
    other: dict[str, Number] = {}
    """Declared metrics that have no field of their own, by name."""


class TrainingConfig(Record):
    """How the version was trained."""

    dataset_path: Text | None = None
    validation_split: Share | None = None
    batch_size: Count | None = None
    epochs: Count | None = None
    learning_rate: Positive | None = None
    early_stopping_patience: Count | None = None


class ModelMetadata(Record):
    """What a version says of itself."""

    algorithm: Text | None = None
    hyperparameters: dict[str, Number] = {}
    metrics: ModelMetrics = ModelMetrics()
    data_version: Text | None = None
    training_config: TrainingConfig = TrainingConfig()
    dependencies: tuple[Text, ...] = ()
    """Requirement specifiers, as ``scikit-learn>=1.7``."""


class ModelVersion(Record):
    """One version of one model."""

    version_id: Text
    model_id: Text
    artifact_path: Text | None = None
    """File or folder, relative to the folder of ``mlops.yaml``."""
    digest: Digest | None = None
    """SHA-256 over the artifact's names and bytes (see ``evidence/digest.py``)."""
    metadata: ModelMetadata = ModelMetadata()
    created_at: Timestamp | None = None
    parent_version: Text | None = None
    tags: tuple[Text, ...] = ()
