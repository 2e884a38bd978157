"""The store's hash-chained log: reading it, and verifying that it is whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_mlops.errors import refuse
from pytest_mlops.operations.project import open_project_store
from pytest_mlops.store import log

if TYPE_CHECKING:
    from pytest_mlops.operations.project import Project
    from pytest_mlops.store.log import LogEntry, LogReport

__all__ = ["read_log", "verify_log"]

ABSENT = "there is no log"
_HASH = re.compile(r"[0-9a-f]{64}")


def verify_log(project: Project, *, head: str | None = None) -> LogReport:
    """Recompute the chain of hashes from the first entry to the last.

    Args:
        project: The project.
        head: A hash that the log had as its head once; it has to be part of it still.

    Raises:
        ConfigError: ``head`` is no hash.
        EvidenceError: the log does not hold.
        StoreError: there is no store, or it cannot be read.
    """
    if head is not None and _HASH.fullmatch(head) is None:
        refuse("--head", f"got {head!r:.80}; expected the head that `log verify` prints, 64 digits of 0-9a-f")
    with open_project_store(project, absent=ABSENT) as store, store.read() as connection:
        return log.verify_log(connection, head=head)


def read_log(
    project: Project,
    *,
    kind: str | None = None,
    subject: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> tuple[LogEntry, ...]:
    """Return entries of the log, oldest first; see :func:`pytest_mlops.store.log.read_log`.

    Raises:
        StoreError: there is no store, or it cannot be read.
    """
    with open_project_store(project, absent=ABSENT) as store, store.read() as connection:
        return tuple(log.read_log(connection, kind=kind, subject=subject, after=after, limit=limit))
