"""Lock, ports, logs, limits: what a supervisor is made of."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from pytest_mlops.errors import ConflictError, TaskError
from pytest_mlops.records.environment import EnvironmentConfig
from pytest_mlops.serving.supervisor import limits
from pytest_mlops.serving.supervisor.limits import cores_for, not_enforced, over_memory, thread_counts
from pytest_mlops.serving.supervisor.lock import hold_lock, is_locked, lock_holder
from pytest_mlops.serving.supervisor.logs import last_line, rotate
from pytest_mlops.serving.supervisor.ports import free_port, require_free
from pytest_mlops.serving.supervisor.processes import (
    Identity,
    Owned,
    find_marked,
    lives,
    marks,
    read_marks,
    spawn,
    spawn_detached,
)
from pytest_mlops.state.paths import layout_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Owned]:
    environ = {**os.environ, **marks(tmp_path, "production.1"), "MLOPS_REPLICA": "production.1.0"}
    argv = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
    owned = spawn(argv, folder=tmp_path, environ=environ, log=tmp_path / "logs" / "x.log")
    yield owned
    assert owned.child is not None
    owned.child.kill()
    owned.child.wait()


def test_a_lock_is_held_once_and_says_by_whom(tmp_path: Path) -> None:
    path = tmp_path / "run" / "lock"
    assert not is_locked(path)
    with hold_lock(path):
        assert is_locked(path)
        holder = lock_holder(path)
        assert holder is not None
        assert holder.pid == os.getpid()
        with pytest.raises(ConflictError, match=f"runs already .process {os.getpid()}"), hold_lock(path):
            pass
    assert not is_locked(path)
    assert lock_holder(path) is None  # whatever its file still says


def test_a_lock_that_is_only_asked_for_keeps_nobody_out(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with hold_lock(path):
        pass
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            is_locked(path)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(50):
            with hold_lock(path):
                pass
    finally:
        over.set()
        asking.join()


def test_a_free_port_is_none_that_outgoing_connections_are_given() -> None:
    given = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
    ports = {free_port("127.0.0.1") for _ in range(20)}
    assert max(ports) < int(given.split()[0])
    assert len(ports) > 10


def test_a_port_that_somebody_listens_on_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            TaskError, match=rf"cannot listen on 127\.0\.0\.1:{port}: Address already in use; end"
        ):
            require_free("127.0.0.1", port)
    require_free("127.0.0.1", 0)


def test_a_long_log_is_moved_aside_while_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old\n" * 10)
        rotate(log, most=39)
        writer.write(b"new\n")
    assert log.read_bytes() == b"new\n"
    assert (tmp_path / "x.log.1").read_bytes() == b"old\n" * 10
    rotate(log, most=39)
    assert log.read_bytes() == b"new\n"
    rotate(tmp_path / "none.log")


def test_a_log_that_cannot_be_copied_is_cut_all_the_same(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(b"x" * 100)
    (tmp_path / "x.log.1").mkdir()
    rotate(log, most=10)
    assert log.read_bytes() == b""


@pytest.mark.parametrize(
    ("data", "after", "line"),
    [
        (b"one\ntwo\n\n", 0, "two"),
        (b"", 0, ""),
        (b"before\n", 7, ""),
        (b"before\nnow\n", 7, "now"),
        (b"cut\n", 100, "cut"),
        (b"\x1b[31mred\xff\n", 0, "[31mred\ufffd"),
        (b"x" * 9000, 0, "x" * 200),
    ],
)
def test_the_last_words_are_the_last_line_that_can_be_read(
    tmp_path: Path, data: bytes, after: int, line: str
) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(data)
    assert last_line(log, after=after) == line


def test_the_last_words_of_nobody_are_none(tmp_path: Path) -> None:
    assert last_line(tmp_path / "none.log") == ""


@pytest.mark.parametrize(
    ("limit", "index", "cores"),
    [
        (None, 0, None),
        ("500m", 0, {2}),
        ("500m", 1, {3}),
        ("2", 1, {5, 7}),
        ("3", 1, {7, 2, 3}),
        ("64", 0, {2, 3, 5, 7}),
    ],
)
def test_replicas_take_their_cores_one_beside_the_other(
    limit: str | None, index: int, cores: set[int] | None
) -> None:
    found = cores_for(EnvironmentConfig(cpu_limit=limit), index, [7, 5, 3, 2])
    assert found == cores


def test_libraries_make_as_many_threads_as_there_are_cores() -> None:
    assert thread_counts(EnvironmentConfig()) == {}
    counts = thread_counts(EnvironmentConfig(cpu_limit="1500m"))
    assert set(counts.values()) == {"2"}
    assert "OMP_NUM_THREADS" in counts


def test_what_is_not_enforced_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not_enforced(EnvironmentConfig(cpu_limit="2", memory_limit="1Gi")) == ""
    assert not_enforced(EnvironmentConfig(cpu_limit="1500m")) == "cpu_limit 1500m is kept as 2 whole cores"
    assert not_enforced(EnvironmentConfig(gpu_limit="1")) == "gpu_limit 1 is not enforced"
    monkeypatch.delattr(os, "sched_setaffinity")
    assert "sets thread counts only" in not_enforced(EnvironmentConfig(cpu_limit="2"))


def test_memory_of_what_is_gone_is_none_too_much() -> None:
    gone = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process = psutil.Process(gone.pid)
    gone.wait()
    assert over_memory(EnvironmentConfig(memory_limit="1k"), process) is None
    assert limits.over_memory(EnvironmentConfig(), psutil.Process()) is None
    assert over_memory(EnvironmentConfig(memory_limit="1k"), psutil.Process()) is not None


def test_a_process_is_known_by_its_marks(tmp_path: Path, sleeper: Owned) -> None:
    deadline = time.monotonic() + 5
    while (found := read_marks(sleeper.process, tmp_path)) is None:  # until it has become the program
        assert time.monotonic() < deadline
    assert (found.marker, found.replica) == ("production.1", "production.1.0")
    assert read_marks(sleeper.process, tmp_path / "other") is None
    (tmp_path / "link").symlink_to(tmp_path)
    assert [each.process.pid for each in find_marked(tmp_path / "link")] == [sleeper.process.pid]


def test_a_process_is_known_by_its_number_and_its_start(sleeper: Owned) -> None:
    identity = sleeper.identity
    assert lives(identity)
    assert not lives(Identity(pid=identity.pid, born=identity.born - 5))
    assert not lives(None)
    sleeper.process.kill()
    deadline = time.monotonic() + 5
    while lives(identity):
        assert time.monotonic() < deadline
    assert sleeper.exit_code == -9


@pytest.mark.parametrize("values", [None, {}, {"pid": 1}, {"pid": None, "born": 1}, {"pid": [], "born": 1}])
def test_what_names_no_process_is_none(values: dict[str, object] | None) -> None:
    assert Identity.of(values) is None


@pytest.mark.parametrize("name", ["a/b.1.0", "../../x.1.0", ".hidden.1.0", "x" * 300, "ü.1.0"])
def test_a_name_that_is_no_good_file_name_stays_within_its_folder(tmp_path: Path, name: str) -> None:
    layout = layout_of(tmp_path, "production")
    for path, folder in ((layout.replica(name), layout.replicas), (layout.log(name), layout.logs)):
        assert path.parent == folder
        assert path.name.startswith("process-")
    assert layout.replica("production.7.0").name == "production.7.0.json"


def test_an_address_that_nobody_can_listen_on_has_no_free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="Cannot assign requested address"):
        free_port("192.0.2.1")
    monkeypatch.setattr("pytest_mlops.serving.supervisor.ports._EPHEMERAL", Path("/nowhere"))
    assert 0 < free_port("127.0.0.1") < 65536


def test_a_program_whose_folder_is_gone_is_started_as_its_log_says(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        spawn(["true"], folder=tmp_path / "gone", environ={}, log=tmp_path / "x.log")
    spawn_detached(
        [sys.executable, "-S", "-c", "print('here')"], folder=tmp_path, environ={}, log=tmp_path / "x.log"
    )
    deadline = time.monotonic() + 10
    while last_line(tmp_path / "x.log") != "here":
        assert time.monotonic() < deadline
