"""Replicas that are no longer requested: they drain, then end with all that they started."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from pytest_mlops.serving.processes import (
    GATEWAY,
    SUPERVISOR,
    find_marked,
    owned_by,
    runs,
    send_signal,
    started_by,
)
from pytest_mlops.serving.run_files import read_replica, read_replicas

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    import psutil

    from pytest_mlops.serving.processes import Owned
    from pytest_mlops.state.paths import Layout

__all__ = ["DrainingReplica", "find_marked_as", "find_orphans", "find_unrequested"]


@dataclass(kw_only=True)
class DrainingReplica:
    """A replica that gets no new requests, with everything that it started.

    First it runs on for as long as it has requests under way. Then it is asked to end (SIGTERM); what is left
    of it after its grace is killed.

    Attributes:
        name: As ``production.7.0``.
        owned: Its process; ``None`` where it has none.
        find_processes: Finds the processes with its marks, whatever has become of their parent.
        path: Its file.
        grace: Seconds from SIGTERM to SIGKILL.
        since: When it began to drain, seconds since the epoch.
        terminated_at: When it was asked to end.
    """

    name: str
    owned: Owned | None
    find_processes: Callable[[], list[psutil.Process]]
    path: Path
    grace: float
    since: float
    terminated_at: float | None = None
    _family: list[psutil.Process] = field(default_factory=list)

    @property
    def is_draining(self) -> bool:
        """Whether it was not asked to end yet."""
        return self.terminated_at is None

    def advance(self, now: float, *, idle: bool, drain: float) -> bool:
        """Take the next step that is due; return whether nothing is left of it.

        Args:
            now: Seconds since the epoch.
            idle: Whether it has no request under way, and gets no more.
            drain: Seconds after which requests are waited for no longer.
        """
        if self.terminated_at is None:
            alive = self.owned is not None and self.owned.alive
            if alive and not idle and now - self.since < drain:
                return False
            self._terminate(now)
        self._family = [process for process in self._family if runs(process)]
        if not self._family:
            self._family = self.find_processes()
            if not self._family:
                # Asked for last: a child that has ended is a zombie until then.
                return self.owned is None or not self.owned.alive
            send_signal(self._family, signal.SIGTERM)
        if self.terminated_at is not None and now - self.terminated_at >= self.grace:
            send_signal(self._family, signal.SIGKILL)
        return False

    def _terminate(self, now: float) -> None:
        self.terminated_at = now
        family = [] if self.owned is None or not self.owned.alive else started_by(self.owned.process)
        known = {process.pid for process in family}
        self._family = family + [process for process in self.find_processes() if process.pid not in known]
        send_signal(self._family, signal.SIGTERM)


def find_unrequested(
    layout: Layout, *, requested: Collection[str], spared: Collection[str], now: float
) -> list[DrainingReplica]:
    """Return the replicas that have a file and are not requested; the files of dead ones are removed.

    Args:
        layout: Where the files lie.
        requested: Names of the replicas that are.
        spared: Deployments that are left as they are.
        now: Seconds since the epoch.
    """
    found = []
    for path in layout.replicas.glob("[!.]*.json"):
        file = read_replica(path)
        if file is None:
            path.unlink(missing_ok=True)
            continue
        ours = layout.replica(file.name) == path
        if ours and (file.name in requested or file.deployment_id in spared):
            continue
        port = str(file.port)
        owned = owned_by(file.identity, layout.root, file.deployment_id, replica=file.name, port=port)
        if owned is None:
            path.unlink(missing_ok=True)
            continue
        found.append(
            DrainingReplica(
                name=file.name,
                owned=owned,
                find_processes=partial(find_marked_as, layout, file.name, port),
                path=path,
                grace=file.stop_grace,
                since=now,
            )
        )
    return found


def find_orphans(
    layout: Layout, *, known: Collection[tuple[str, str]], spared: Collection[str]
) -> list[psutil.Process]:
    """Return the processes of replicas that no file names, as where a supervisor died while it started one.

    Args:
        layout: Where the files lie.
        known: Name and port of replicas that need no file.
        spared: Deployments that are left as they are.
    """
    in_files = {(file.name, str(file.port)) for file in read_replicas(layout)}
    return [
        each.process
        for each in find_marked(layout.root)
        if each.marker not in {GATEWAY, SUPERVISOR, *spared}
        and (each.replica, each.port) not in {*known, *in_files}
    ]


def find_marked_as(layout: Layout, replica: str, port: str) -> list[psutil.Process]:
    """Return the processes that carry the marks of one start of a replica, orphans too."""
    found = find_marked(layout.root)
    return [each.process for each in found if (each.replica, each.port) == (replica, port)]
