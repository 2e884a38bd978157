"""The lease: one process at a time may act on an environment, and one that lost it can write nothing.

A lease ends when its holder gives it back, does not renew it in time, or is seen to be dead. Each holder gets
a fence, a number greater than all before; :meth:`Lease.write` lets a change in only while the store still
holds the writer's fence, so that one who was suspended and wakes up late changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import psutil
from sqlalchemy import select

from pytest_mlops.errors import ConflictError, StoreError
from pytest_mlops.state.process_start import process_start_time
from pytest_mlops.store.schema import leases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Row

    from pytest_mlops.store.engine import Store

__all__ = ["LEASE_SECONDS", "Holder", "Lease", "LeaseState", "acquire", "lease_state"]

LEASE_SECONDS = 15.0
"""Seconds that a lease lasts without being renewed.

Clocks of machines that share a store may differ by a part of this. If they differ by more, a lease may be
taken early, and the fence still keeps its former holder out.
"""

_RENEWALS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """A process that holds a lease.

    Attributes:
        actor: Who runs it.
        host: Name of its machine.
        pid: Its process id there.
        started: Its start time, which tells it from another process with its id.
    """

    actor: str
    host: str
    pid: int
    started: float

    @classmethod
    def here(cls, actor: str) -> Self:
        """Return this process."""
        return cls(
            actor=actor,
            host=socket.gethostname(),
            pid=os.getpid(),
            started=process_start_time(os.getpid()) or 0.0,
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the holder that ``str`` wrote."""
        actor, host, pid, started = text.rsplit(" ", 3)
        return cls(actor=actor, host=host, pid=int(pid), started=float(started))

    def __str__(self) -> str:
        return f"{self.actor} {self.host} {self.pid} {self.started!r}"

    def is_dead(self) -> bool:
        """Tell whether the process is known to be gone; of another machine's nothing is known."""
        if self.host != socket.gethostname():
            return False
        try:
            return process_start_time(self.pid) != self.started or (
                psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE
            )
        except psutil.NoSuchProcess:
            return True
        except psutil.Error:
            return False


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaseState:
    """A lease as the store has it."""

    holder: Holder
    fence: int
    acquired_at: float
    expires_at: float

    def is_held(self, now: float) -> bool:
        """Tell whether its holder may still act."""
        return self.expires_at > now and not self.holder.is_dead()


@dataclass(kw_only=True, slots=True)
class Lease:
    """A lease that this process holds; a thread renews it until :meth:`release`, or the end of ``with``.

    Attributes:
        name: What may be acted on.
        fence: Number of this holder.
        holder: This process.
    """

    store: Store
    name: str
    fence: int
    holder: Holder
    seconds: float
    clock: Callable[[], float]
    _over: threading.Event = field(default_factory=threading.Event)
    _lost: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._renew_on, name=f"lease {self.name}", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection whose changes are written together, and only if the lease is still ours.

        Raises:
            ConflictError: another process holds it now.
            StoreError: the store failed; nothing was written.
        """
        with self.store.write() as connection:
            self._require(connection)
            yield connection

    def require(self) -> None:
        """Make sure that the lease is still ours, as far as this process knows, without asking the store.

        Raises:
            ConflictError: it is not.
        """
        if self._lost.is_set():
            raise self._gone()

    def release(self) -> None:
        """Give the lease back; one that another process took meanwhile is left alone."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with contextlib.suppress(StoreError, ConflictError), self.write() as connection:
            connection.execute(
                leases.update().where(leases.c.name == self.name).values(expires_at=self.clock())
            )

    def renew(self) -> None:
        """Prolong the lease.

        Raises:
            ConflictError: another process holds it now.
            StoreError: the store failed; it may work again in time.
        """
        with self.write() as connection:
            now = self.clock()
            connection.execute(
                leases.update()
                .where(leases.c.name == self.name)
                .values(renewed_at=now, expires_at=now + self.seconds)
            )

    def _renew_on(self) -> None:
        while not self._over.wait(self.seconds / _RENEWALS):
            try:
                self.renew()
            except ConflictError:
                self._lost.set()
                return
            except StoreError:
                continue  # the fence keeps us out if it does not work again in time

    def _require(self, connection: Connection) -> None:
        row = _locked(connection, self.name)
        if row is None or row.fence != self.fence:
            self._lost.set()
            raise self._gone()

    def _gone(self) -> ConflictError:
        return ConflictError(
            f"the lease on {self.name} was lost: another process took over while this one did "
            "not answer, and resumes the deployment; see pytest-mlops status"
        )


def acquire(
    store: Store,
    name: str,
    *,
    actor: str,
    seconds: float = LEASE_SECONDS,
    clock: Callable[[], float] = time.time,
) -> Lease:
    """Take a lease that no process holds.

    Args:
        store: The store.
        name: What is to be acted on, as the name of an environment.
        actor: Who asks.
        seconds: How long it lasts without being renewed.
        clock: The time, seconds since the epoch.

    Raises:
        ConflictError: another process holds it; the message says which, and since when.
        StoreError: the store failed.
    """
    holder = Holder.here(actor)
    with store.write() as connection:
        now = clock()
        row = _locked(connection, name)
        values = {"holder": str(holder), "acquired_at": now, "renewed_at": now, "expires_at": now + seconds}
        if row is None:
            fence = 1
            connection.execute(leases.insert().values(name=name, fence=fence, **values))
        else:
            state = _state(row)
            if state.is_held(now):
                raise _held(name, state, now)
            fence = state.fence + 1
            connection.execute(leases.update().where(leases.c.name == name).values(fence=fence, **values))
    return Lease(store=store, name=name, fence=fence, holder=holder, seconds=seconds, clock=clock)


def lease_state(connection: Connection, name: str) -> LeaseState | None:
    """Return a lease as the store has it; ``None`` if it was never held."""
    row = connection.execute(select(leases).where(leases.c.name == name)).first()
    return None if row is None else _state(row)


def _locked(connection: Connection, name: str) -> Row[tuple[object, ...]] | None:
    return connection.execute(select(leases).where(leases.c.name == name).with_for_update()).first()


def _state(row: Row[tuple[object, ...]]) -> LeaseState:
    return LeaseState(
        holder=Holder.parse(row.holder),
        fence=row.fence,
        acquired_at=row.acquired_at,
        expires_at=row.expires_at,
    )


def _held(name: str, state: LeaseState, now: float) -> ConflictError:
    holder = state.holder
    return ConflictError(
        f"{name} is being changed by {holder.actor} on {holder.host} (process {holder.pid}, for "
        f"{now - state.acquired_at:.0f} s); wait until it ends, or stop it with "
        f"pytest-mlops abort. Should the process hang, its lease ends in {state.expires_at - now:.0f} s"
    )
