"""Model versions and their metadata."""

from __future__ import annotations

from pytest_mlops.records.base import Count, Digest, Number, Positive, Record, Seconds, Share, Text, Timestamp

__all__ = ["ModelMetadata", "ModelMetrics", "ModelVersion", "TrainingConfig"]


class ModelMetrics(Record):
    """Metrics declared by the model's author, not measured by the gate."""

    accuracy: Share | None = None
    """Share of correct predictions, 0..1."""
    precision: Share | None = None
    """Precision, 0..1."""
    recall: Share | None = None
    """Recall, 0..1."""
    f1_score: Share | None = None
    """Harmonic mean of precision and recall, 0..1."""
    training_time: Seconds | None = None
    """Training time, in seconds."""
    inference_time: Seconds | None = None
    """Time of one prediction, in seconds."""
    model_size: Count | None = None
    """Model size, in bytes."""
    other: dict[str, Number] = {}
    """Other declared metrics, by name."""


class TrainingConfig(Record):
    """Training settings of a version."""

    dataset_path: Text | None = None
    """Location of the training data."""
    validation_split: Share | None = None
    """Share of the training data held out for validation, 0..1."""
    batch_size: Count | None = None
    """Examples per gradient step."""
    epochs: Count | None = None
    """Number of passes over the training data."""
    learning_rate: Positive | None = None
    """Initial learning rate."""
    early_stopping_patience: Count | None = None
    """Epochs without improvement after which training stopped."""


class ModelMetadata(Record):
    """Declared metadata of a version."""

    algorithm: Text | None = None
    hyperparameters: dict[str, Number] = {}
    metrics: ModelMetrics = ModelMetrics()
    data_version: Text | None = None
    training_config: TrainingConfig = TrainingConfig()
    dependencies: tuple[Text, ...] = ()
    """Requirement specifiers, such as ``scikit-learn>=1.7``."""


class ModelVersion(Record):
    """One version of a model."""

    version_id: Text
    model_id: Text
    artifact_path: Text | None = None
    """File or folder, relative to the folder of ``mlops.yaml``."""
    digest: Digest | None = None
    """SHA-256 over file names and contents of the artifact (see ``evidence/digest.py``)."""
    metadata: ModelMetadata = ModelMetadata()
    created_at: Timestamp | None = None
    parent_version: Text | None = None
    tags: tuple[Text, ...] = ()
