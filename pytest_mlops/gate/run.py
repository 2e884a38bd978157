"""A run of the gate: everything that is settled before the first test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from pytest_mlops.config.load import LoadedConfig
    from pytest_mlops.evidence.digest import ArtifactDigest
    from pytest_mlops.gate.narrowing import Narrowing
    from pytest_mlops.records.integration import Provenance
    from pytest_mlops.records.model import ModelVersion
    from pytest_mlops.records.policy import Policy
    from pytest_mlops.verdict import Context

__all__ = ["GateRun"]


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
