"""One at a time acts on an environment; who lost the lease writes nothing more."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psutil
import pytest
from sqlalchemy import select

from pytest_mlops.errors import ConflictError
from pytest_mlops.state.lease import Holder, Lease, acquire, lease_state
from pytest_mlops.store.schema import leases

if TYPE_CHECKING:
    from pytest_mlops.store.engine import Store


class Now:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def now() -> Now:
    return Now()


def test_a_second_taker_learns_who_holds_it_and_since_when(store: Store, now: Now) -> None:
    acquire(store, "production", actor="ada", clock=now)
    now.now += 7
    with pytest.raises(ConflictError, match=rf"changed by ada on .* \(process {os.getpid()}, for 7 s\)"):
        acquire(store, "production", actor="ben", clock=now)


def test_another_environment_is_another_lease(store: Store, now: Now) -> None:
    acquire(store, "production", actor="ada", clock=now)
    assert acquire(store, "staging", actor="ben", clock=now).fence == 1


def test_each_holder_has_a_greater_fence(store: Store, now: Now) -> None:
    fences = []
    for _ in range(3):
        lease = acquire(store, "production", actor="ada", clock=now)
        fences.append(lease.fence)
        lease.release()
    assert fences == [1, 2, 3]


def test_one_that_was_not_renewed_in_time_is_taken_over(store: Store, now: Now) -> None:
    acquire(store, "production", actor="ada", seconds=15, clock=now)
    now.now += 15
    assert acquire(store, "production", actor="ben", clock=now).fence == 2


def test_a_renewed_lease_is_not_taken_over(store: Store, now: Now) -> None:
    lease = acquire(store, "production", actor="ada", seconds=15, clock=now)
    now.now += 10
    lease.renew()
    now.now += 10
    with pytest.raises(ConflictError):
        acquire(store, "production", actor="ben", clock=now)


def test_a_thread_renews_it_for_as_long_as_it_is_held(store: Store) -> None:
    with acquire(store, "production", actor="ada", seconds=0.3):
        time.sleep(0.6)
        with pytest.raises(ConflictError):
            acquire(store, "production", actor="ben")
    assert acquire(store, "production", actor="ben").fence == 2


def test_who_lost_it_writes_nothing_and_notices(store: Store, now: Now) -> None:
    old = acquire(store, "production", actor="ada", seconds=15, clock=now)
    now.now += 16
    acquire(store, "production", actor="ben", clock=now)

    with pytest.raises(ConflictError, match="another process took over"), old.write() as connection:
        connection.execute(leases.update().values(holder="ada again"))
    with store.read() as connection:
        holders = connection.execute(select(leases.c.holder)).scalars().all()
    assert [Holder.parse(each).actor for each in holders] == ["ben"]
    with pytest.raises(ConflictError):
        old.require()


def test_giving_back_what_another_process_took_changes_nothing(store: Store, now: Now) -> None:
    old = acquire(store, "production", actor="ada", seconds=15, clock=now)
    now.now += 16
    acquire(store, "production", actor="ben", clock=now)
    old.release()
    with pytest.raises(ConflictError, match="ben"):
        acquire(store, "production", actor="eve", clock=now)


def test_the_lease_of_a_process_that_died_here_is_taken_over_at_once(store: Store) -> None:
    script = (
        "import sys, os; from pytest_mlops.store.engine import open_store; "
        "from pytest_mlops.state.lease import acquire; "
        "acquire(open_store(sys.argv[1]), 'production', actor='ada', seconds=600); "
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, store.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(ConflictError, match="ada"):
            acquire(store, "production", actor="ben")
        process.kill()
        process.wait()
        assert acquire(store, "production", actor="ben").fence == 2


def test_a_process_with_the_id_of_a_dead_one_is_not_taken_for_it() -> None:
    own = psutil.Process()
    here = Holder.here("ada")
    assert not here.is_dead()
    assert Holder(actor="ada", host=here.host, pid=own.pid, started=here.started - 100).is_dead()


def test_nothing_is_said_of_a_process_on_another_machine() -> None:
    assert not Holder(actor="ada", host="elsewhere.invalid", pid=1, started=0.0).is_dead()


def test_a_holder_is_read_as_it_was_written() -> None:
    holder = Holder(actor="Ada L. of the team", host="h1", pid=7, started=1764188723.37)
    assert Holder.parse(str(holder)) == holder


def test_of_many_who_ask_at_once_one_gets_it(store: Store) -> None:
    def try_it(number: int) -> Lease | None:
        try:
            return acquire(store, "production", actor=f"actor {number}")
        except ConflictError:
            return None

    with ThreadPoolExecutor(8) as pool:
        got = [lease for lease in pool.map(try_it, range(16)) if lease is not None]
    assert len(got) == 1
    with store.read() as connection:
        state = lease_state(connection, "production")
    assert state is not None
    assert state.fence == got[0].fence == 1
