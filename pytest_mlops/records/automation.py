"""Automation policies, actions and their results."""

from __future__ import annotations

from pytest_mlops.records.base import Count, Flag, Number, Positive, Record, Text, Timestamp

__all__ = [
    "AutomationActionResult",
    "AutomationResult",
    "RollbackAction",
    "RollbackPolicy",
    "ScalingAction",
    "ScalingPolicy",
    "UpdateAction",
    "UpdatePolicy",
]


class ScalingPolicy(Record):
    """Bounds and target of automatic scaling."""

    min_replicas: Count
    max_replicas: Count
    target_cpu_utilization: Positive
    """Target CPU utilisation, in percent."""


class UpdatePolicy(Record):
    """When to update to a newer version."""

    auto_update: Flag
    update_threshold: Number


class RollbackPolicy(Record):
    """When to roll back."""

    auto_rollback: Flag
    rollback_threshold: Number


class ScalingAction(Record):
    """Set the number of replicas."""

    deployment_id: Text
    target_replicas: Count
    reason: str


class UpdateAction(Record):
    """Update to another version."""

    deployment_id: Text
    new_version_id: Text
    reason: str


class RollbackAction(Record):
    """Roll back to an earlier version."""

    deployment_id: Text
    target_version_id: Text
    reason: str


class AutomationActionResult(Record):
    """Result of one action."""

    action_type: Text
    success: Flag
    message: str
    timestamp: Timestamp


class AutomationResult(Record):
    """Actions of one automation tick."""

    deployment_id: Text
    actions_executed: tuple[AutomationActionResult, ...] = ()
    timestamp: Timestamp
