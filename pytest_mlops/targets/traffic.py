"""Traffic of deployments: its counts, and their JSON as the gateway states it and the journal keeps it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DeploymentTraffic", "Traffic"]

_HISTOGRAMS = ("latency", "shadow_latency")


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentTraffic:
    """What one deployment's traffic has come to; within an epoch, counts never fall.

    Attributes:
        requests: Answered or failed, copies of shadow traffic apart.
        errors: Answers of 500 and above, and requests without a whole answer.
        latency: Upper bound in milliseconds -> requests that took at most that and more than the bound
            before; the last bound is infinite. Failed requests count in none.
        shadow_requests: Copies that were answered or failed.
        shadow_errors: Copies that failed, as ``errors``.
        shadow_latency: As ``latency``, of the copies.
        shadow_differences: Copies whose answer was not that of the version that the client got.
    """

    requests: int
    errors: int
    latency: Mapping[float, int]
    shadow_requests: int = 0
    shadow_errors: int = 0
    shadow_latency: Mapping[float, int] | None = None
    shadow_differences: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return a JSON object; histograms as ``[[bound, count], …]``, the infinite bound as null."""
        values = asdict(self)
        for key in _HISTOGRAMS:
            counts = values[key]
            if counts is not None:
                values[key] = [[None if math.isinf(bound) else bound, n] for bound, n in counts.items()]
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the counts that a JSON object states."""
        fields = dict(values)
        for key in _HISTOGRAMS:
            pairs = fields.get(key)
            if pairs is not None:
                fields[key] = {math.inf if bound is None else float(bound): n for bound, n in pairs}
        return cls(**fields)


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """Traffic of all deployments, counted by one process that may be started again.

    Attributes:
        epoch: Changes when the counts begin at 0 again.
        deployments: Deployment -> counts since then.
    """

    epoch: str
    deployments: Mapping[str, DeploymentTraffic]

    def as_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        counts = {name: each.as_json() for name, each in self.deployments.items()}
        return {"epoch": self.epoch, "arms": counts}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the traffic that :meth:`as_json` stated."""
        counts = {name: DeploymentTraffic.from_json(each) for name, each in values["arms"].items()}
        return cls(epoch=values["epoch"], deployments=counts)
