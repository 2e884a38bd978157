"""Replicas that are no longer requested: drained, ended with all that they started."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_mlops.serving.processes import (
    GATEWAY,
    SUPERVISOR,
    find_marked,
    owned_of,
    read_json,
    runs,
    send_signal,
    started_by,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    import psutil

    from pytest_mlops.serving.processes import Owned
    from pytest_mlops.state.paths import Layout

__all__ = ["Departure", "marked_as", "unknown", "unwanted"]


@dataclass(kw_only=True)
class Departure:
    """A replica on its way out, with everything that it started.

    First it is left alone for as long as it has requests under way. Then it is asked to end (SIGTERM); what
    is left of it after its grace is killed.

    Attributes:
        name: As ``production.7.0``.
        owned: Its process; ``None`` where it has none.
        left_behind: Looks for processes with its marks, whatever has become of their parent.
        path: Its file.
        grace: Seconds from SIGTERM to SIGKILL.
        since: When it was first unwanted, seconds since the epoch.
        asked_at: When it was asked to end.
    """

    name: str
    owned: Owned | None
    left_behind: Callable[[], list[psutil.Process]]
    path: Path
    grace: float
    since: float
    asked_at: float | None = None
    _family: list[psutil.Process] = field(default_factory=list)

    @property
    def is_draining(self) -> bool:
        """Whether it was not asked to end yet."""
        return self.asked_at is None

    def push(self, now: float, *, quiet: bool, drain: float) -> bool:
        """Bring it nearer to its end; tell whether nothing is left of it.

        Args:
            now: Seconds since the epoch.
            quiet: Whether it has no request under way, and gets no more.
            drain: Seconds after which requests are waited for no longer.
        """
        if self.asked_at is None:
            alive = self.owned is not None and self.owned.alive
            if alive and not quiet and now - self.since < drain:
                return False
            self._ask(now)
        self._family = [process for process in self._family if runs(process)]
        if not self._family:
            self._family = self.left_behind()
            if not self._family:
                # Asked for last: a child that has ended is a zombie until then.
                return self.owned is None or not self.owned.alive
            send_signal(self._family, signal.SIGTERM)
        if self.asked_at is not None and now - self.asked_at >= self.grace:
            send_signal(self._family, signal.SIGKILL)
        return False

    def _ask(self, now: float) -> None:
        self.asked_at = now
        family = [] if self.owned is None or not self.owned.alive else started_by(self.owned.process)
        known = {process.pid for process in family}
        self._family = family + [process for process in self.left_behind() if process.pid not in known]
        send_signal(self._family, signal.SIGTERM)


_GRACE = 10.0


def unwanted(
    layout: Layout, *, wanted: Collection[str], spared: Collection[str], now: float
) -> list[Departure]:
    """Return the replicas that have a file and that nobody wants; the files of dead ones are removed.

    Args:
        layout: Where the files lie.
        wanted: Names of the replicas that are.
        spared: Deployments that are left as they are.
        now: Seconds since the epoch.
    """
    found = []
    for path in layout.replicas.glob("[!.]*.json"):
        values = read_json(path) or {}
        deployment = str(values.get("deployment_id"))
        name = f"{deployment}.{values.get('index')}"
        ours = layout.replica(name) == path
        if ours and (name in wanted or deployment in spared):
            continue
        owned = owned_of(values, layout, deployment, name)
        if owned is None:
            path.unlink(missing_ok=True)
            continue
        found.append(
            Departure(
                name=name,
                owned=owned,
                left_behind=partial(marked_as, layout, name, str(values.get("port"))),
                path=path,
                grace=_grace_of(values),
                since=now,
            )
        )
    return found


def unknown(
    layout: Layout, *, known: Collection[tuple[str, str]], spared: Collection[str]
) -> list[psutil.Process]:
    """Return the processes of replicas that no file names, as where a supervisor died while it started one.

    Args:
        layout: Where the files lie.
        known: Name and port of replicas that need no file.
        spared: Deployments that are left as they are.
    """
    files = [read_json(path) or {} for path in layout.replicas.glob("[!.]*.json")]
    written = {(f"{each.get('deployment_id')}.{each.get('index')}", str(each.get("port"))) for each in files}
    return [
        each.process
        for each in find_marked(layout.root)
        if each.marker not in {GATEWAY, SUPERVISOR, *spared}
        and (each.replica, each.port) not in {*known, *written}
    ]


def marked_as(layout: Layout, replica: str, port: str) -> list[psutil.Process]:
    """Return the processes that carry the marks of one start of a replica, orphans too."""
    found = find_marked(layout.root)
    return [each.process for each in found if (each.replica, each.port) == (replica, port)]


def _grace_of(values: dict[str, Any]) -> float:
    grace = values.get("stop_grace")
    return float(grace) if isinstance(grace, int | float) and grace >= 0 else _GRACE
