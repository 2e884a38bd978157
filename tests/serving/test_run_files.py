"""Files of processes are read in the version that they were written in, or refused in one message."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.errors import SerializationError
from pytest_mlops.serving.processes import GATEWAY, PORT, REPLICA, Identity, marks
from pytest_mlops.serving.run_files import (
    DownFile,
    GatewayFile,
    LockFile,
    ReplicaFile,
    SupervisorFile,
    read_gateway,
    read_lock,
    read_replica,
    read_replicas,
    read_supervisor,
    require_known_versions,
)
from pytest_mlops.serving.versioned import VERSION, decode, encode, load, save
from pytest_mlops.state.paths import Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# As written before there was a version.
GATEWAY_1 = (
    '{"pid": 22392, "born": 847.84, "host": "127.0.0.1", "port": 23374, "control_port": 40253, '
    '"token": "s3cret", "started_at": "2026-11-28T12:37:04.672416+00:00"}'
)
SUPERVISOR_1 = (
    '{"pid": 22378, "born": 846.78, "started_at": 1795869423.9150367, "command": ["/usr/bin/python3", "-m", '
    '"pytest_mlops", "up", "--foreground"]}'
)
LOCK_1 = '{"pid": 22378, "born": 846.78}'
REPLICA_1 = (
    '{"deployment_id": "production.2", "index": 0, "pid": 22400, "born": 848.94, "host": "127.0.0.1", '
    '"port": 26713, "started_at": 1795869425.0407424, "restarts": 0, "deaths": 0, "alive": true, '
    '"ready": true, "was_ready": true, "message": "", "death": "", "stop_grace": 1.0}'
)
DEAD_REPLICA_1 = (
    '{"deployment_id": "production.2", "index": 1, "pid": null, "born": null, "host": "127.0.0.1", '
    '"port": 0, "started_at": 0.0, "restarts": 1, "deaths": 1, "alive": false, "ready": false, '
    '"was_ready": false, "message": "exited with 1", "death": "exited with 1", "stop_grace": 1.0}'
)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(root=tmp_path)
    layout.replicas.mkdir(parents=True)
    return layout


@pytest.fixture
def marked(layout: Layout) -> Iterator[Callable[..., int]]:
    """Start a process that carries marks of the environment; return its number."""
    started: list[subprocess.Popen[bytes]] = []

    def start(marker: str, **more: str) -> int:
        code = "import time; print(flush=True); time.sleep(600)"
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", code],
            env={**os.environ, **marks(layout.root, marker), **more},
            stdout=subprocess.PIPE,
        )
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process.pid

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_files_of_the_first_version_are_understood(layout: Layout) -> None:
    layout.gateway.write_text(GATEWAY_1)
    layout.supervisor.write_text(SUPERVISOR_1)
    layout.supervisor_lock.write_text(LOCK_1)
    layout.replica("production.2.0").write_text(REPLICA_1)
    layout.replica("production.2.1").write_text(DEAD_REPLICA_1)
    gateway, supervisor, lock = (
        read_gateway(layout),
        read_supervisor(layout),
        read_lock(layout.supervisor_lock),
    )
    assert gateway is not None
    assert supervisor is not None
    assert lock is not None
    assert (gateway.version, gateway.port, gateway.control_port) == (1, 23374, 40253)
    assert gateway.identity == Identity(pid=22392, process_start=847.84)
    assert lock.identity == supervisor.identity == Identity(pid=22378, process_start=846.78)
    assert supervisor.command[-1] == "--foreground"
    first, second = read_replicas(layout)
    assert (first.name, first.identity, first.ready) == (
        "production.2.0",
        Identity(pid=22400, process_start=848.94),
        True,
    )
    assert (second.identity, second.death) == (None, "exited with 1")


@pytest.mark.parametrize(
    ("record", "first"),
    [
        (decode(GatewayFile, GATEWAY_1.encode(), source=""), GATEWAY_1),
        (decode(SupervisorFile, SUPERVISOR_1.encode(), source=""), SUPERVISOR_1),
        (decode(LockFile, LOCK_1.encode(), source=""), LOCK_1),
        (decode(ReplicaFile, REPLICA_1.encode(), source=""), REPLICA_1),
        (DownFile(grace=3.0), '{"grace": 3.0}'),
    ],
    ids=["gateway", "supervisor", "lock", "replica", "down"],
)
def test_what_is_written_is_the_first_version_with_its_number(
    tmp_path: Path, record: LockFile | ReplicaFile | DownFile, first: str
) -> None:
    save(tmp_path / "file", record)
    assert json.loads((tmp_path / "file").read_bytes()) == {"version": VERSION, **json.loads(first)}
    assert json.loads(encode(record, version=1)) == json.loads(first)
    assert load(type(record), tmp_path / "file") == record.model_copy(update={"version": VERSION})


def test_a_newer_version_is_refused_with_what_to_do(layout: Layout) -> None:
    newer = {"version": VERSION + 1, "pid": 1, "started_by": "ada"}
    for path in (layout.gateway, layout.supervisor, layout.replica("production.2.0")):
        path.write_text(json.dumps(newer))
    message = (
        rf"\.json: got version {VERSION + 1}, written by a newer pytest-mlops; expected 1 to {VERSION}\. "
        r"Use the newer one here, or end what runs with pytest-mlops down and start it with pytest-mlops up$"
    )
    for read in (read_gateway, read_supervisor, read_replicas):
        with pytest.raises(SerializationError, match=message):
            read(layout)


def test_the_holder_of_a_lock_of_a_newer_version_is_not_known(layout: Layout) -> None:
    layout.supervisor_lock.write_text(json.dumps({"version": VERSION + 1, "pid": 1}))
    assert read_lock(layout.supervisor_lock) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "\0",
        "[" * 100_000,
        REPLICA_1.replace("22400", '"x"'),
        REPLICA_1.replace("22400", "-1"),
        REPLICA_1.replace("848.94", "1e400"),
        REPLICA_1.replace("true", "1"),
        REPLICA_1.replace('"index": 0, ', ""),
        REPLICA_1.replace('"index": 0, ', '"index": 0, "more": 1, '),
        REPLICA_1.replace("{", '{"version": "2", '),
        REPLICA_1.replace("{", '{"version": 0, '),
    ],
)
def test_what_is_no_file_of_a_replica_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "replica.json"
    path.write_text(text)
    assert read_replica(path) is None


def test_a_file_is_for_its_owner_alone_where_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "gateway.json"
    abandoned = tmp_path / f".gateway.json.{os.getpid()}.tmp"
    abandoned.touch(mode=0o666)
    save(path, DownFile(), mode=0o600)
    assert path.stat().st_mode & 0o777 == 0o600
    assert not abandoned.exists()


def test_newer_files_of_processes_that_are_gone_are_removed(layout: Layout) -> None:
    for path in (layout.gateway, layout.replica("production.2.0")):
        path.write_text(json.dumps({"version": VERSION + 1}))
    layout.replica("production.2.1").write_text(DEAD_REPLICA_1)
    require_known_versions(layout)
    assert not layout.gateway.exists()
    assert [each.name for each in read_replicas(layout)] == ["production.2.1"]


@pytest.mark.parametrize(
    ("path", "marker", "environ"),
    [
        (lambda layout: layout.gateway, GATEWAY, {}),
        (
            lambda layout: layout.replica("production.2.0"),
            "production.2",
            {REPLICA: "production.2.0", PORT: "1"},
        ),
    ],
    ids=["gateway", "replica"],
)
def test_newer_files_of_processes_that_run_are_refused(
    layout: Layout,
    marked: Callable[..., int],
    path: Callable[[Layout], Path],
    marker: str,
    environ: dict[str, Any],
) -> None:
    marked(marker, **environ)
    path(layout).write_text(json.dumps({"version": VERSION + 1}))
    with pytest.raises(SerializationError, match=f"{path(layout).name}: got version {VERSION + 1}"):
        require_known_versions(layout)
    assert path(layout).exists()
