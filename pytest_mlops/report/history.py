"""The history of a model as its trends need it, read from the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.errors import NotRegistered, StoreError
from pytest_mlops.report.trends import ruled_keys, run_point

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.report.trends import RunPoint

__all__ = ["RUNS", "read_history"]

RUNS = 50
"""The newest of a model's runs that are shown."""


def read_history(record: IntegrationResult, folder: Path, *, url: str | None = None) -> list[RunPoint]:
    """Return the newest recorded runs of the model that a record is about; none for a record without one.

    Args:
        record: The record.
        folder: Of the project, whose ``.mlops/store.db`` is read unless the environment says otherwise.
        url: Of another store.

    Raises:
        StoreError: there is no store, it cannot be read, or the ``ops`` extra is not installed.
        EvidenceError: a record in it is not what was recorded.
    """
    from pytest_mlops.store.engine import open_store, store_exists  # noqa: PLC0415 -- of the ops extra
    from pytest_mlops.store.history import get_result, list_results  # noqa: PLC0415

    if record.model_version is None:
        return []
    if not store_exists(url, folder=folder):
        raise StoreError("there is no store here, so no run is recorded; leave the history out")
    keys = ruled_keys(record)
    found = []
    with open_store(url, folder=folder) as store:
        page = list_results(store, model_id=record.model_version.model_id, limit=RUNS)
        for entry in page.entries:
            try:
                point = run_point(get_result(store, entry.run_id), keys)
            except NotRegistered:  # pruned by somebody meanwhile
                continue
            if point is not None:
                found.append(point)
    return found
