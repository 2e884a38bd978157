"""What one attempt of one test recorded, until a report carries it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_mlops.names import metric_title

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_mlops.gate.marks import ModelTestMark

__all__ = ["Sink", "second_writer"]


@dataclass(kw_only=True, slots=True)
class Sink:
    """Recorded evidence in JSON types, and the keys it claims."""

    node_id: str
    mark: ModelTestMark
    recorded: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """``measurements``, ``arrays`` or ``artifacts`` -> what was recorded of it since the last report."""
    keys: list[tuple[str, str, str | None]] = field(default_factory=list)

    def add(self, kind: str, entries: Iterable[dict[str, Any]]) -> None:
        """Add evidence of one kind."""
        self.recorded.setdefault(kind, []).extend(entries)

    def forget(self, owners: dict[tuple[str, str, str | None], str]) -> None:
        """Drop what came in, and give its keys back, since another attempt replaces this one."""
        for key in self.keys:
            owners.pop(key, None)
        self.keys.clear()
        self.recorded = {}

    def drain(self) -> dict[str, Any] | None:
        """Return what was recorded since the last call; ``None`` for nothing."""
        recorded, self.recorded = self.recorded, {}
        return recorded or None


def second_writer(key: tuple[str, str, str | None], first: str, second: str) -> str:
    """Return the message for two recording calls that used one key."""
    who = f"by {first} and again by {second}" if first != second else f"twice by {first}"
    return (
        f"{metric_title(*key)} was recorded {who}; a number has one writer. "
        "Give one of them another name, slice or dataset"
    )
