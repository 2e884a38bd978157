"""Requests and answers are logged to Parquet files, whatever the disk does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn, of the ops extra")
pytest.importorskip("httptools", reason="needs httptools, of the ops extra")
pytest.importorskip("pyarrow", reason="needs pyarrow, of the ops extra")

import pyarrow.parquet as pq

from pytest_mlops.records.serving import PredictionLogSettings
from pytest_mlops.serving.gateway.parquet import SCHEMA, prune
from pytest_mlops.serving.gateway.prediction_log import LogRow, PredictionLog
from pytest_mlops.serving.gateway_protocol import LogFate
from tests.serving.gateway.conftest import route, shadow
from tests.serving.gateway.test_proxy import echo
from tests.serving.gateway.test_shadow import saying

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.serving.gateway.conftest import Backends, Gateway


def rows_of(folder: Path, **expected: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.parquet")):
        found += pq.read_table(path).to_pylist()
    return [row for row in found if all(row[key] == value for key, value in expected.items())]


def logged(gateway: Gateway, count: int, **expected: object) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 60
    while len(rows := rows_of(gateway.root / "predictions", **expected)) < count:
        assert time.monotonic() < deadline, (rows, gateway.log)
        time.sleep(0.05)
    return rows


def row(n: int = 0, *, size: int = 10) -> LogRow:
    return LogRow(
        time=1_700_000_000_000_000 + n, request_id=f"r{n}", deployment_id="dep", version="m@1",
        replica="dep.0", method="POST", path="/predict", status=200, latency_ms=1.5, shadow=bool(n % 2),
        request=b"q" * size, request_cut=False, response=b"a" * size, response_cut=True,
        content_type="application/json",
    )  # fmt: skip


def settings(**values: Any) -> PredictionLogSettings:
    return PredictionLogSettings.model_validate({"rotate_seconds": 0.2} | values)


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_row_holds_the_request_and_its_answer(gateway: Gateway, backends: Backends, name: str) -> None:
    gateway.put(route(name, backends.serve(echo)))
    before = datetime.now(UTC)
    answer = gateway.client.post(
        "/predict?a=1",
        content=b'{"x": 1}',
        headers={"X-Request-Id": f"{name}-r", "Content-Type": "application/json"},
    )
    (found,) = logged(gateway, 1, deployment_id=name)
    assert list(found) == SCHEMA.names
    assert before - timedelta(seconds=1) < found["time"] < datetime.now(UTC)
    assert 0 < found["latency_ms"] < 5000
    del found["time"], found["latency_ms"]
    assert found == {
        "request_id": f"{name}-r", "deployment_id": name, "version": f"model@{name}", "replica": f"{name}.0",
        "method": "POST", "path": "/predict?a=1", "status": 200, "shadow": False, "request": b'{"x": 1}',
        "request_cut": False, "response": answer.content, "response_cut": False,
        "content_type": "application/json",
    }  # fmt: skip


def test_long_bodies_are_cut_and_marked(gateway: Gateway, backends: Backends, name: str) -> None:
    gateway.put(route(name, backends.serve(echo)))
    gateway.client.post("/", content=b"b" * 5000)
    gateway.client.post("/", content=iter([b"c" * 3000, b"d" * 3000]))
    first, second = sorted(logged(gateway, 2, deployment_id=name), key=lambda each: str(each["time"]))
    assert (first["request"], first["request_cut"], first["response_cut"]) == (b"b" * 2048, True, True)
    assert (second["request"], second["request_cut"]) == (b"c" * 2048, True)
    assert len(first["response"]) == 2048


def test_failures_and_copies_are_logged_as_such(gateway: Gateway, backends: Backends, name: str) -> None:
    gateway.put(route(name, 9), shadows=(shadow(f"{name}-dark", backends.serve(saying(b"1", status=500))),))
    assert gateway.client.get("/").status_code == 502
    (failed,) = logged(gateway, 1, deployment_id=name)
    assert (failed["status"], failed["shadow"], failed["response"]) == (0, False, b"")
    (copy,) = logged(gateway, 1, deployment_id=f"{name}-dark")
    assert (copy["status"], copy["shadow"], copy["response"]) == (500, True, b"1")
    assert copy["request_id"] == failed["request_id"]


def test_a_path_that_is_no_text_is_logged(gateway: Gateway, backends: Backends, name: str) -> None:
    gateway.put(route(name, backends.serve(saying(b"1"))))
    answer = gateway.exchange(
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: \xff\xfe\r\n\r\n"
    )
    assert b" 200 " in answer
    (found,) = logged(gateway, 1, deployment_id=name)
    assert found["content_type"] == "\\xff\\xfe"


def test_a_share_is_logged_by_request_id(own: Callable[..., Gateway], backends: Backends) -> None:
    gateway = own({"log": {"sample": 0.5, "rotate_seconds": 0.2}}).start()
    gateway.put(route("dep", backends.serve(saying(b"1"))))
    for n in [*range(100), *range(100)]:
        gateway.client.get("/", headers={"X-Request-Id": f"id-{n}"})
    assert gateway.stop() == 0
    ids = [each["request_id"] for each in rows_of(gateway.root / "predictions")]
    assert 60 <= len(ids) <= 140
    assert all(ids.count(each) == 2 for each in ids)


def test_no_log_no_files(own: Callable[..., Gateway], backends: Backends) -> None:
    gateway = own({"log": None}).start()
    gateway.put(route("dep", backends.serve(saying(b"1"))))
    assert gateway.client.get("/").content == b"1"
    assert gateway.status()["log"]["written"] == 0
    assert gateway.stop() == 0
    assert not (gateway.root / "predictions").exists()


def test_files_have_at_most_so_many_rows_and_no_row_is_lost(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, settings(rotate_rows=300, rotate_seconds=60.0))
    for n in range(1000):
        log.offer(row(n))
    log.start()
    log.close()
    tables = [pq.read_table(path) for path in sorted(tmp_path.glob("*.parquet"))]
    assert sorted(table.num_rows for table in tables) == [100, 300, 300, 300]
    assert all(table.schema.equals(SCHEMA) for table in tables)
    found = [
        LogRow(**{**each, "time": int(each["time"].timestamp() * 1e6 + 0.5)}) for each in rows_of(tmp_path)
    ]
    assert sorted(found) == sorted(row(n) for n in range(1000))
    assert log.fate() == LogFate(written=1000, files=4)


def test_a_file_is_closed_after_its_time(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, settings())
    log.start()
    log.offer(row())
    until(lambda: log.written == 1)
    assert len(rows_of(tmp_path)) == 1
    log.close()


def test_a_file_is_closed_when_that_is_asked_for(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, settings(rotate_seconds=60.0))
    log.start()
    log.offer(row())
    until(lambda: log._open is not None)
    log.rotate()
    until(lambda: log.files == 1)
    log.offer(row(1))
    until(lambda: log.buffered == 1 and not log._rows)
    assert log.files == 1
    log.close()
    assert log.files == 2


def test_an_open_file_is_hidden(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, settings(rotate_seconds=60.0))
    log.start()
    log.offer(row())
    until(lambda: any(tmp_path.iterdir()))
    assert all(path.name.startswith(".") and path.name.endswith(".tmp") for path in tmp_path.iterdir())
    assert log.buffered == 1
    log.close()
    assert len(rows_of(tmp_path)) == 1


def test_what_the_buffer_has_no_room_for_is_counted(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, settings(buffer=5))
    for n in range(8):
        log.offer(row(n))
    assert (log.buffered, log.dropped) == (5, 3)
    log.start()
    log.close()
    assert (log.written, log.dropped) == (5, 3)


def test_the_buffer_is_bounded_in_bytes_too(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, settings(max_body=16 * 1024 * 1024))
    for n in range(10):
        log.offer(row(n, size=8 * 1024 * 1024))
    assert (log.buffered, log.dropped) == (8, 2)
    log.start()
    until(lambda: log.buffered == 0 and log.written == 8)
    log.offer(row(size=8 * 1024 * 1024))
    log.close()
    assert (log.written, log.dropped) == (9, 2)


def test_a_folder_that_cannot_be_written_loses_rows_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "predictions"
    folder.write_bytes(b"a file where a folder should be")
    log = PredictionLog(folder, settings())
    log.start()
    log.offer(row(1))
    until(lambda: log.failures == 1)
    assert "cannot write predictions" in caplog.text
    folder.unlink()
    log.offer(row(2))
    until(lambda: log.written >= 1)
    log.close()
    assert log.written + log.dropped == 2
    assert rows_of(folder)


def test_old_files_are_removed(tmp_path: Path) -> None:
    old, new, other = (tmp_path / each for each in ("old.parquet", "new.parquet", "old.txt"))
    for path in (old, new, other):
        path.write_bytes(b"x")
    for path in (old, other):
        os.utime(path, (time.time() - 3 * 86400,) * 2)
    prune(tmp_path, days=2.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.parquet", "old.txt"]


def test_unfinished_files_of_the_dead_are_removed_and_those_of_the_living_are_not(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    gone = tmp_path / f".20260101T000000Z-{dead.pid}-1.parquet.tmp"
    kept = tmp_path / f".20260101T000000Z-{os.getppid()}-1.parquet.tmp"
    earlier = tmp_path / f".20260101T000000Z-{os.getpid()}-1.parquet.tmp"
    gone.write_bytes(b"PAR1")
    earlier.write_bytes(b"PAR1")
    kept.write_bytes(b"PAR1")
    log = PredictionLog(tmp_path, settings())
    log.start()
    log.close()
    assert not gone.exists()
    assert not earlier.exists()
    assert kept.exists()


def test_a_file_cut_by_kill_9_is_never_seen(own: Callable[..., Gateway], backends: Backends) -> None:
    import signal

    gateway = own({"log": {"rotate_seconds": 60.0, "rotate_rows": 100}}).start()
    gateway.put(route("dep", backends.serve(saying(b"1"))))
    for _ in range(250):
        gateway.client.get("/")
    gateway.wait(lambda status: status["log"]["written"] == 200)
    gateway.stop(signal.SIGKILL)
    assert len(rows_of(gateway.root / "predictions")) == 200


FULL_DISK = """
    import os, sys, time
    from pathlib import Path
    from pytest_mlops.serving.gateway.prediction_log import PredictionLog
    sys.path.insert(0, os.getcwd())
    from tests.serving.gateway.test_prediction_log import row, rows_of, settings, until

    folder = Path(sys.argv[1])
    ballast = folder.parent / "ballast"
    ballast.write_bytes(os.urandom(900 * 1024))
    log = PredictionLog(folder, settings())
    log.start()
    for n in range(300):
        log.offer(row(n, size=10)._replace(request=os.urandom(4000)))
    until(lambda: log.failures >= 1)
    assert not list(folder.glob("*.parquet")), "a file that is not whole has a name"
    lost = log.dropped
    assert lost > 0
    ballast.unlink()
    for n in range(10):
        log.offer(row(n))
    until(lambda: log.written >= 10)
    log.close()
    assert log.written + log.dropped == 310
    assert len(rows_of(folder)) == log.written
    print("held")
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare")
def test_a_full_disk_stops_the_log_until_there_is_room(tmp_path: Path) -> None:
    mount = 'mount -t tmpfs -o size=1m tmpfs $0 && mkdir $0/predictions && exec $1 -c "$2" $0/predictions'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", mount, tmp_path, sys.executable, textwrap.dedent(FULL_DISK)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if "permitted" in done.stderr or "permission denied" in done.stderr.lower():
        pytest.skip("a file system of our own is not permitted here")
    assert done.stdout == "held\n", done.stderr
    assert "No space left" in done.stderr
