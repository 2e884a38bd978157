"""Requested state of an environment, read from the store in a thread of its own."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import bindparam, select

from pytest_mlops.errors import MLOpsError, SerializationError
from pytest_mlops.records.deployment import DeploymentStatus
from pytest_mlops.state.plan import read_plan
from pytest_mlops.state.pointer import NOWHERE, Pointer, read_pointer
from pytest_mlops.store.prepared import Prepared
from pytest_mlops.store.schema import deployments, pointers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection, Row

    from pytest_mlops.state.plan import DeploymentPlan
    from pytest_mlops.store.engine import Store

__all__ = ["MOST_REPLICAS", "Requested", "RequestedReader", "Snapshot", "StoreWatch", "count_death"]

MOST_REPLICAS = 1000
"""Replicas of one deployment that are started at the most, whatever its row requests."""

_log = logging.getLogger(__name__)

_columns = deployments.c
_REQUESTED = Prepared(
    select(_columns.deployment_id, _columns.wanted, _columns.tries).where(
        _columns.environment == bindparam("environment"), _columns.wanted > bindparam("none")
    )
)
_UNDER_WAY = Prepared(
    select(_columns.number)
    .where(_columns.environment == bindparam("environment"), _columns.status == bindparam("deploying"))
    .limit(1)
)
_REVISION = Prepared(select(pointers.c.revision).where(pointers.c.environment == bindparam("environment")))
_BODY = Prepared(select(_columns.body).where(_columns.deployment_id == bindparam("name")))


@dataclass(frozen=True, kw_only=True, slots=True)
class Requested:
    """One deployment that has to run.

    Attributes:
        plan: What it is made of.
        replicas: How many processes.
        restart_budget: Restart budget that is left; ``None``: no limit.
    """

    plan: DeploymentPlan
    replicas: int
    restart_budget: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """Requested state at one moment.

    Attributes:
        requested: Name of each deployment that has to run.
        pointer: Which of them serve.
        unreadable: Deployments that are requested and whose plan cannot be read: they stay as they are.
        under_way: Whether a deployment is being carried out, or was left unfinished.
    """

    requested: Mapping[str, Requested] = field(default_factory=dict)
    pointer: Pointer = NOWHERE
    unreadable: frozenset[str] = frozenset()
    under_way: bool = False


@dataclass(kw_only=True)
class RequestedReader:
    """Reads the requested state of an environment; plans never change, so each is read once.

    Attributes:
        store: The store.
        environment: The environment.
    """

    store: Store
    environment: str
    _plans: dict[str, DeploymentPlan | None] = field(default_factory=dict)
    _pointer: Pointer | None = None
    _refused: int | None = None

    def read(self) -> Snapshot:
        """Return what has to run, and the pointer; a row that cannot be read touches no other.

        Raises:
            StoreError: the store failed.
        """
        with self.store.read() as connection:
            rows = _REQUESTED.run(connection, {"environment": self.environment, "none": 0}).all()
            pointer = self._read_pointer(connection)
            deploying = {"environment": self.environment, "deploying": DeploymentStatus.DEPLOYING.value}
            under_way = _UNDER_WAY.run(connection, deploying).first() is not None
            plans = {row.deployment_id: self._plan(connection, row.deployment_id) for row in rows}
        self._plans = plans
        requested = {row.deployment_id: each for row in rows if (each := _requested(row, plans)) is not None}
        unreadable = frozenset(plans) - frozenset(requested)
        return Snapshot(requested=requested, pointer=pointer, unreadable=unreadable, under_way=under_way)

    def _read_pointer(self, connection: Connection) -> Pointer:
        """Return the pointer; one that cannot be read leaves the traffic where it goes."""
        revision = _REVISION.run(connection, {"environment": self.environment}).scalar() or 0
        before = self._pointer
        if before is not None and before.revision == revision:
            return before
        if self._refused != revision:
            try:
                self._pointer = _sane(read_pointer(connection, self.environment))
            except (ValueError, TypeError, RecursionError) as error:
                self._refused = revision
                _log.error("the traffic stays where it goes: pointer %d cannot be read: %s", revision, error)
        return self._pointer or NOWHERE

    def _plan(self, connection: Connection, name: str) -> DeploymentPlan | None:
        if name in self._plans:
            return self._plans[name]
        try:
            plan = read_plan(str(_BODY.run(connection, {"name": name}).scalar()))
        except (SerializationError, RecursionError) as error:
            _log.error("%s stays as it is: %s", name, error)
            return None
        if plan.deployment_id != name or plan.environment.environment_id != self.environment:
            _log.error(
                "%s stays as it is: got a plan of %s in %s; expected %s in %s",
                name,
                plan.deployment_id,
                plan.environment.environment_id,
                name,
                self.environment,
            )
            return None
        return plan


def count_death(store: Store, deployment_id: str) -> None:
    """Take one restart from the budget of a deployment that has any left; a blessed one has no budget."""
    with store.write() as connection:
        connection.execute(
            deployments.update()
            .where(_columns.deployment_id == deployment_id, _columns.tries > 0)
            .values(tries=_columns.tries - 1)
        )


def _requested(row: Row[Any], plans: Mapping[str, DeploymentPlan | None]) -> Requested | None:
    plan = plans[row.deployment_id]
    # SQLite keeps whatever is put into a column of integers.
    if plan is None or not isinstance(row.wanted, int) or not isinstance(row.tries, int | None):
        return None
    return Requested(plan=plan, replicas=min(row.wanted, MOST_REPLICAS), restart_budget=row.tries)


def _sane(pointer: Pointer) -> Pointer:
    for kind in (pointer.weights, pointer.shadow):
        if not isinstance(kind, dict):
            raise TypeError(f"got {kind!r:.100}; expected deployments with their parts of the traffic")
        for name, part in kind.items():
            if isinstance(part, bool) or not isinstance(part, int | float) or not 0 <= part < math.inf:
                raise ValueError(f"got {part!r:.100} for {name}; expected a number of 0 or more")
    return pointer


# On SQLite a check takes some microseconds, and to wake up for it costs the most: so it is done more often
# where something was written lately, as more is likely to follow. On a server it is some statements over the
# network.
_PAUSE, _PAUSE_WHILE_BUSY, _PAUSE_OF_SERVER = 0.02, 0.005, 0.2
_BUSY_SECONDS = 1.0
_PAUSE_OF_OUTAGE = 0.25
_LONGEST = 2.0


@dataclass(kw_only=True)
class StoreWatch:
    """Keeps the last snapshot of the requested state, and counts deaths in the store; use it in ``with``.

    Attributes:
        reader: Reads snapshots.
        wake: Set whenever there is a new snapshot.
    """

    reader: RequestedReader
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
        self._thread = threading.Thread(target=self._watch_loop, name="store", daemon=True)
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
        """Count the death of a replica in the store, as soon as that can be written."""
        self._deaths.append(deployment_id)

    def uncounted(self) -> Counter[str]:
        """Return deployment -> deaths that the snapshot does not know of."""
        return Counter(self._deaths)

    def _watch_loop(self) -> None:
        server = not self.reader.store.url.startswith("sqlite")
        while not self._stop.is_set():
            try:
                with self.reader.store.changes() as changed:
                    while not self._stop.is_set():
                        self._check(changed)
                        # Ending may wait for one pause; an event would take twice the time each time.
                        time.sleep(_PAUSE_OF_SERVER if server else self._pause())
            except Exception as error:  # noqa: BLE001 -- whatever it is, the store may be well the next time
                self._note_outage(error)
                self._stop.wait(_PAUSE_OF_OUTAGE)

    def _check(self, changed: Callable[[], bool]) -> None:
        # Asked first: what is written while the snapshot is read is a change for the next check.
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
            _log.info("the store is back")

    def _pause(self) -> float:
        lately = time.monotonic() - self._changed_at < _BUSY_SECONDS
        return _PAUSE_WHILE_BUSY if lately else _PAUSE

    def _note_outage(self, error: Exception) -> None:
        if not self._outage:
            kind = "" if isinstance(error, MLOpsError) else f"{type(error).__name__}: "
            _log.error("everything stays as it is, since the store failed: %s%s", kind, error)
        self._outage = True
