"""The history of runs in the store: listing it, and recording a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.config.load import load_sections
from pytest_mlops.config.models import HistorySettings
from pytest_mlops.errors import EvidenceError
from pytest_mlops.operations.project import open_project_store
from pytest_mlops.operations.verify import verify_file
from pytest_mlops.registry.proof import UNTRUSTED
from pytest_mlops.store.history import list_results, record_result
from pytest_mlops.store.log import default_actor

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from pathlib import Path

    from pytest_mlops.operations.project import Project
    from pytest_mlops.store.history import HistoryEntry, HistoryPage
    from pytest_mlops.verdict import Verdict

__all__ = ["list_runs", "record_run"]


def list_runs(
    project: Project,
    *,
    model: str | None = None,
    verdict: Verdict | None = None,
    since: datetime | None = None,
    limit: int = 20,
) -> HistoryPage:
    """Return recorded runs, newest first.

    Args:
        project: The project.
        model: Of this model only.
        verdict: With this verdict only.
        since: Of this time or later only.
        limit: At most this many.

    Raises:
        StoreError: there is no store, or it cannot be read.
    """
    absent = "no run is recorded; record one, or add history to mlops.yaml"
    with open_project_store(project, absent=absent) as store:
        return list_results(store, model_id=model, verdict=verdict, since=since, limit=limit)


def record_run(
    project: Project, record: Path, *, keep: int | None = None, max_age: timedelta | None = None
) -> HistoryEntry:
    """Verify a record and keep it in the history; recording it again changes nothing.

    Args:
        project: The project.
        record: The record.
        keep: Results kept of its model; by default as the configuration says.
        max_age: Age at which results go; by default as the configuration says.

    Raises:
        ConfigError: what the configuration says of the history is wrong.
        ConflictError: the run was recorded with another record.
        EvidenceError: the record cannot be trusted, or an untrusted pull request made it.
        StoreError: the store cannot be written.
    """
    verified = verify_file(record).record
    if verified.provenance.trust == UNTRUSTED:
        raise EvidenceError(
            f"run {verified.run_id} is from an untrusted pull request, so its record may be "
            "forged; such runs never enter the history"
        )
    declared = None if project.config is None else load_sections(project.config, ("history",)).history
    settings = declared or HistorySettings()
    with open_project_store(project) as store:
        return record_result(
            store,
            verified,
            actor=default_actor(),
            keep=keep or settings.keep,
            max_age=settings.max_age if max_age is None else max_age,
        )
