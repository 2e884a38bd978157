"""Replicas that nobody wants any more: they end once their requests are answered, or their time is over."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_mlops.serving.supervisor.processes import runs, send_signal, started_by

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import psutil

    from pytest_mlops.serving.supervisor.processes import Owned

__all__ = ["Departure"]


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
