"""Monitoring reports and alerts."""

from __future__ import annotations

from enum import StrEnum

from pytest_mlops.records.base import Count, Flag, Number, Record, Seconds, Share, Text, Timestamp

__all__ = [
    "Alert",
    "AlertSeverity",
    "AlertType",
    "DriftDetection",
    "ModelPerformance",
    "MonitoringReport",
    "PerformanceMetric",
]


class PerformanceMetric(Record):
    """Resource usage and traffic at one time."""

    timestamp: Timestamp
    cpu_usage: Number
    """CPU usage, in percent."""
    memory_usage: Number
    """Memory usage, in percent."""
    request_count: Count
    error_count: Count
    avg_latency: Seconds
    """Mean latency, in seconds."""


class DriftDetection(Record):
    """Drift of the data from the reference."""

    drift_detected: Flag
    drift_score: Number
    affected_features: tuple[Text, ...] = ()
    timestamp: Timestamp


class ModelPerformance(Record):
    """Performance of the model in production; ``None`` without labels."""

    accuracy: Share | None = None
    precision: Share | None = None
    recall: Share | None = None
    f1_score: Share | None = None
    timestamp: Timestamp


class AlertType(StrEnum):
    """Kind of alert."""

    HIGH_CPU_USAGE = "high_cpu_usage"
    HIGH_MEMORY_USAGE = "high_memory_usage"
    HIGH_ERROR_RATE = "high_error_rate"
    DATA_DRIFT = "data_drift"
    LOW_ACCURACY = "low_accuracy"
    SERVICE_UNAVAILABLE = "service_unavailable"


class AlertSeverity(StrEnum):
    """Severity of an alert."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Alert(Record):
    """One alert."""

    alert_id: Text
    alert_type: AlertType
    severity: AlertSeverity
    message: str
    timestamp: Timestamp


class MonitoringReport(Record):
    """Result of one monitoring tick of a deployment."""

    deployment_id: Text
    performance_metrics: tuple[PerformanceMetric, ...] = ()
    drift_detection: DriftDetection
    model_performance: ModelPerformance
    alerts: tuple[Alert, ...] = ()
    timestamp: Timestamp
