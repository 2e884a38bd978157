"""Automation: policies, the actions they lead to, and how those ended."""

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
    """When to scale."""

    min_replicas: Count
    max_replicas: Count
    target_cpu_utilization: Positive
    """Percent."""


class UpdatePolicy(Record):
    """When to move to a newer version."""

    auto_update: Flag
    update_threshold: Number


class RollbackPolicy(Record):
    """When to roll back."""

    auto_rollback: Flag
    rollback_threshold: Number


class ScalingAction(Record):
    """Change the number of replicas."""

    deployment_id: Text
    target_replicas: Count
    reason: str


class UpdateAction(Record):
    """Move to another version."""

    deployment_id: Text
    new_version_id: Text
    reason: str


class RollbackAction(Record):
    """Roll back to an earlier version."""

    deployment_id: Text
    target_version_id: Text
    reason: str


class AutomationActionResult(Record):
    """How one action ended."""

    action_type: Text
    success: Flag
    message: str
    timestamp: Timestamp


class AutomationResult(Record):
    """What one tick of automation did."""

    deployment_id: Text
    actions_executed: tuple[AutomationActionResult, ...] = ()
    timestamp: Timestamp
