"""A config run: one configuration's share of a run, up to its record.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_mlops.gate.seal import Events
from pytest_mlops.gate.tally import RunTally
from pytest_mlops.verdict import Decision

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_mlops.errors import IoError
    from pytest_mlops.evidence.keys import SigningKey
    from pytest_mlops.gate.run import GateRun
    from pytest_mlops.gate.worker_config import WorkerSettings
    from pytest_mlops.records.integration import IntegrationResult

__all__ = ["ConfigRun", "share_of"]


@dataclass(kw_only=True, slots=True, eq=False)
class ConfigRun:
    """What the controller gathers for one configuration."""

    run: GateRun
    settings: WorkerSettings
    key: SigningKey | None = None
    """Signs what the record says."""
    tally: RunTally = field(default_factory=RunTally)
    events: Events = field(default_factory=lambda: Events(collection_errors={}, lost_workers=[]))
    record: IntegrationResult | None = None
    write_error: IoError | None = None
    warnings: list[str] = field(default_factory=list)
    """What went wrong after the record was written, and changes nothing in it."""

    @property
    def blocked(self) -> bool:
        """Whether the exit code has to say so."""
        decided = self.record is not None and self.record.decision is Decision.ALLOW
        return not decided or self.write_error is not None


def share_of(plan: dict[str, Any], belongs: Callable[[str], bool]) -> dict[str, Any]:
    """Return the part of a plan, see ``source.make_plan``, whose node ids belong to one config run."""
    return {
        "marks": plan["marks"],
        "tests": {node_id: mark for node_id, mark in plan["tests"].items() if belongs(node_id)},
        "deselected": [node_id for node_id in plan["deselected"] if belongs(node_id)],
    }
