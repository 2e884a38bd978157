"""Settings of the framework as a whole."""

from __future__ import annotations

from pytest_mlops.records.base import Record, Seconds, Share

__all__ = ["FrameworkConfig"]


class FrameworkConfig(Record):
    """Thresholds and times of :class:`pytest_mlops.MLOpsFramework`."""

    min_coverage: Share = 0.8
    min_quality_score: Share = 0.7
    max_deployment_time: Seconds = 300.0
    health_check_timeout: Seconds = 30.0
    """Deadline of one health verdict."""
    monitoring_interval: Seconds = 60.0
    """Tick of ``watch``."""
