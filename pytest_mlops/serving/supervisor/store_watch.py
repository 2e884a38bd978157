"""Asks the store from a thread of its own, so that a store which hangs holds up nothing else."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from pytest_mlops.errors import MLOpsError
from pytest_mlops.serving.supervisor.requested import count_death

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_mlops.serving.supervisor.requested import Snapshot, WantedReader

__all__ = ["StoreWatch"]

# On SQLite a look takes some microseconds, and to wake up for it costs the most: so it is done more often
# where something was written lately, as more is likely to follow. On a server it is some statements over the
# network.
_PAUSE, _PAUSE_WHILE_BUSY, _PAUSE_OF_SERVER = 0.02, 0.005, 0.2
_BUSY_SECONDS = 1.0
_PAUSE_OF_OUTAGE = 0.25
_LONGEST = 2.0


@dataclass(kw_only=True)
class StoreWatch:
    """Keeps the last snapshot of what the store wants, and writes down deaths; use it in ``with``.

    Attributes:
        reader: Reads snapshots.
        say: Takes a line for the log.
        wake: Set whenever there is a new snapshot.
    """

    reader: WantedReader
    say: Callable[[str], None]
    wake: threading.Event
    _snapshot: Snapshot | None = None
    _deaths: deque[str] = field(default_factory=deque)
    _counted: int = 0
    _outage: bool = False
    _changed_at: float = -math.inf
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        # A daemon: one that waits for a database must not keep the process from its end.
        self._thread = threading.Thread(target=self._watch_on, name="store", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=_LONGEST)

    def latest(self) -> Snapshot | None:
        """Return the last snapshot; ``None`` before the first."""
        return self._snapshot

    def count_death(self, deployment_id: str) -> None:
        """Write down that a replica died, as soon as the store lets us."""
        self._deaths.append(deployment_id)

    def uncounted(self) -> Counter[str]:
        """Return deployment -> deaths that the snapshot does not know of."""
        return Counter(self._deaths)

    def _watch_on(self) -> None:
        server = not self.reader.store.url.startswith("sqlite")
        while not self._stop.is_set():
            try:
                with self.reader.store.changes() as changed:
                    while not self._stop.is_set():
                        self._look(changed)
                        # Ending may wait for one pause; an event would take twice the time each time.
                        time.sleep(_PAUSE_OF_SERVER if server else self._pause())
            except Exception as error:  # noqa: BLE001 -- whatever it is, the next look may find the store well
                self._note_outage(error)
                self._stop.wait(_PAUSE_OF_OUTAGE)

    def _look(self, changed: Callable[[], bool]) -> None:
        # Asked first: what is written while the snapshot is read is a change for the next look.
        if changed() or self._snapshot is None or self._counted or self._outage:
            before, self._snapshot = self._snapshot, self.reader.read()
            for _ in range(self._counted):
                self._deaths.popleft()
            self._counted = 0
            self._changed_at = time.monotonic()
            if self._snapshot != before:
                self.wake.set()
        # A death stays in the list until a snapshot knows of it, and is counted once.
        while self._counted < len(self._deaths):
            count_death(self.reader.store, self._deaths[self._counted])
            self._counted += 1
        if self._outage:
            self._outage = False
            self.say("the store is back")

    def _pause(self) -> float:
        lately = time.monotonic() - self._changed_at < _BUSY_SECONDS
        return _PAUSE_WHILE_BUSY if lately else _PAUSE

    def _note_outage(self, error: Exception) -> None:
        if not self._outage:
            words = str(error) if isinstance(error, MLOpsError) else f"{type(error).__name__}: {error}"
            self.say(f"everything stays as it is, since the store failed: {words}")
        self._outage = True
