"""One configuration's run: what is settled before the tests, and what they bring.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.gate.tally import RunTally
from pytest_mlops.verdict import Decision

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from pytest_mlops.config.load import LoadedConfig
    from pytest_mlops.errors import IoError
    from pytest_mlops.evidence.digest import ArtifactDigest
    from pytest_mlops.evidence.keys import SigningKey
    from pytest_mlops.gate.narrowing import Narrowing
    from pytest_mlops.gate.worker_config import WorkerSettings
    from pytest_mlops.records.integration import IntegrationResult, Provenance
    from pytest_mlops.records.model import ModelVersion
    from pytest_mlops.records.policy import Policy
    from pytest_mlops.verdict import Context

__all__ = ["CONFIG_RUNS_KEY", "ConfigRun", "GateRun", "RunEvents", "share_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class GateRun:
    """What a run is judged under.

    Attributes:
        run_id: Names this run, so that no record of another can stand in for its own.
        path: Where the record goes.
        folder: Folder of ``mlops.yaml``, or the one the run was started in.
        named: The configuration that ``--mlops-config`` names; ``None``: the nearest one is looked for.
        gates: Folder whose tests it gates, where it is one of several configurations; ``None``: every test.
        artifact: The model's files and their digest, where the configuration names any.
    """

    run_id: str
    path: Path
    folder: Path
    config: LoadedConfig | None
    context: Context
    policy: Policy
    model_version: ModelVersion | None
    artifact: tuple[Path, ArtifactDigest] | None
    narrowing: Narrowing
    provenance: Provenance
    started: datetime
    named: Path | None = None
    gates: Path | None = None


@dataclass(kw_only=True, slots=True)
class RunEvents:
    """What happened to the run as a whole."""

    collection_errors: dict[str, None] = field(default_factory=dict)
    lost_workers: list[str] = field(default_factory=list)
    interrupted: str | None = None
    skipped_files: dict[str, str] = field(default_factory=dict)
    """Files with model tests that were skipped as a whole -> why."""
    unmarked: dict[str, None] = field(default_factory=dict)
    """Tests without the marker that recorded evidence."""
    left_out: tuple[str, ...] = ()
    """Files and model tests that pytest did not collect."""
    stopped: bool = False
    """The run ended early because of ``-x`` or ``--maxfail``."""


@dataclass(kw_only=True, slots=True, eq=False)
class ConfigRun:
    """What the controller collects for one configuration."""

    run: GateRun
    settings: WorkerSettings
    key: SigningKey | None = None
    """Signs the statement about the record."""
    tally: RunTally = field(default_factory=RunTally)
    events: RunEvents = field(default_factory=RunEvents)
    record: IntegrationResult | None = None
    write_error: IoError | None = None
    warnings: list[str] = field(default_factory=list)
    """What went wrong after the record was written, and changes nothing in it."""

    @property
    def blocked(self) -> bool:
        """Whether the exit code has to report a block."""
        decided = self.record is not None and self.record.decision is Decision.ALLOW
        return not decided or self.write_error is not None


CONFIG_RUNS_KEY: pytest.StashKey[list[ConfigRun]] = pytest.StashKey()
"""The runs of the controller, which decide on the exit code at the very end."""


def share_of(plan: dict[str, Any], belongs: Callable[[str], bool]) -> dict[str, Any]:
    """Return the part of an ``evidence_source.make_plan`` whose node ids belong to one config run."""
    return {
        "marks": plan["marks"],
        "tests": {node_id: mark for node_id, mark in plan["tests"].items() if belongs(node_id)},
        "deselected": [node_id for node_id in plan["deselected"] if belongs(node_id)],
        "files": plan["files"],
    }
