"""Counts of traffic as JSON: what the gateway says, and what the journal keeps."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pytest_mlops.targets.protocol import ArmCounts, Traffic

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["arm_as_json", "arm_from_json", "traffic_as_json", "traffic_from_json"]

_HISTOGRAMS = ("latency", "shadow_latency")


def traffic_as_json(traffic: Traffic) -> dict[str, Any]:
    """Return traffic as a JSON object."""
    return {"epoch": traffic.epoch, "arms": {name: arm_as_json(arm) for name, arm in traffic.arms.items()}}


def traffic_from_json(values: Mapping[str, Any]) -> Traffic:
    """Return the traffic that a JSON object states."""
    arms = {name: arm_from_json(arm) for name, arm in values["arms"].items()}
    return Traffic(epoch=values["epoch"], arms=arms)


def arm_as_json(arm: ArmCounts) -> dict[str, Any]:
    """Return counts as a JSON object; histograms as ``[[bound, count], …]``, the infinite bound as null."""
    values = asdict(arm)
    for key in _HISTOGRAMS:
        counts = values[key]
        if counts is not None:
            values[key] = [[None if math.isinf(bound) else bound, n] for bound, n in counts.items()]
    return values


def arm_from_json(values: Mapping[str, Any]) -> ArmCounts:
    """Return the counts that a JSON object states."""
    fields = dict(values)
    for key in _HISTOGRAMS:
        pairs = fields.get(key)
        if pairs is not None:
            fields[key] = {math.inf if bound is None else float(bound): n for bound, n in pairs}
    return ArmCounts(**fields)
