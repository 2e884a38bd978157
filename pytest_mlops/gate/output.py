"""What a run leaves on disk: its record, the statement about it, its entry in the history."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_mlops.errors import IoError
from pytest_mlops.evidence.attest import remove_attestations, write_attestations
from pytest_mlops.files import write_atomically
from pytest_mlops.records.codec import dump

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.evidence.keys import SigningKey
    from pytest_mlops.gate.run import GateRun
    from pytest_mlops.records.integration import IntegrationResult

__all__ = ["discard_record", "keep_history", "write_attested", "write_record"]

LOCK_SECONDS = 5.0
"""How long to wait for a store that another process writes to; the verdict stands already."""


def discard_record(path: Path) -> None:
    """Remove an earlier run's record and all that attests it, so that none of it passes for this run's.

    Raises:
        IoError: one of the files is still there.
    """
    try:
        path.unlink(missing_ok=True)
    except NotADirectoryError:  # nothing lies below a file; writing the record will fail with a message
        return
    except OSError as error:
        # Nothing can be removed from the folder; to empty the file takes neither that right nor space.
        try:
            os.truncate(path, 0)
        except OSError:
            raise IoError(f"cannot remove the old record {path}: {error.strerror or error}") from error
    remove_attestations(path)


def write_record(run: GateRun, record: IntegrationResult) -> bytes:
    """Write ``record``, replacing any file at its path, and return its bytes.

    Raises:
        IoError: it could not be written; the record that stood there still stands.
    """
    data = dump(record).encode()
    write_atomically(run.path, data)
    return data


def write_attested(run: GateRun, record: IntegrationResult, key: SigningKey | None) -> None:
    """Write ``record`` and the statement about it, signed where there is a key.

    Raises:
        IoError: a file could not be written.
    """
    data = write_record(run, record)
    write_attestations(run.path, record, data, () if key is None else (key,))


def keep_history(run: GateRun, record: IntegrationResult) -> str | None:
    """Record a run in the store where ``mlops.yaml`` asks for it; return what went wrong.

    The code of an untrusted pull request can forge a record, so a run of it never enters the history.
    """
    settings = None if run.config is None else run.config.config.history
    if settings is None or run.provenance.trust == "untrusted-pr":
        return None
    try:
        # Here and not above: a run that keeps no history needs no database.
        from pytest_mlops.store.engine import open_store  # noqa: PLC0415
        from pytest_mlops.store.history import record_result  # noqa: PLC0415
        from pytest_mlops.store.log import default_actor  # noqa: PLC0415

        with open_store(folder=run.folder, timeout=LOCK_SECONDS) as store:
            record_result(store, record, actor=default_actor(), keep=settings.keep, max_age=settings.max_age)
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- the verdict stands, whatever the store does
        return f"this run is not in the history: {str(error) or type(error).__name__}"
    return None
