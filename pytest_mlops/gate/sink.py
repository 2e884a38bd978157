"""The sink: what one attempt of one test recorded, until a report takes it along."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_mlops.gate.marks import ModelTestMark

__all__ = ["Sink"]


@dataclass(kw_only=True, slots=True)
class Sink:
    """Recorded evidence in JSON types, and the keys it claims."""

    node_id: str
    mark: ModelTestMark
    measurements: list[dict[str, Any]] = field(default_factory=list)
    arrays: list[dict[str, Any]] = field(default_factory=list)
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    keys: list[tuple[str, str, str | None]] = field(default_factory=list)

    def drain(self) -> dict[str, Any] | None:
        """Hand over what came in since the last call; ``None`` for nothing."""
        if not (self.measurements or self.arrays or self.artifacts):
            return None
        payload = {"measurements": self.measurements, "arrays": self.arrays, "artifacts": self.artifacts}
        self.measurements, self.arrays, self.artifacts = [], [], []
        return payload
