"""Processes are identified by their marks, number and start."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.serving.logs import last_line
from pytest_mlops.serving.processes import (
    Identity,
    Owned,
    find_marked,
    lives,
    marks,
    read_marks,
    spawn,
    spawn_detached,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Owned]:
    environ = {**os.environ, **marks(tmp_path, "production.1"), "MLOPS_REPLICA": "production.1.0"}
    argv = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
    owned = spawn(argv, folder=tmp_path, environ=environ, log=tmp_path / "logs" / "x.log")
    yield owned
    assert owned.child is not None
    owned.child.kill()
    owned.child.wait()


def test_a_process_is_known_by_its_marks(tmp_path: Path, sleeper: Owned) -> None:
    deadline = time.monotonic() + 60
    while (found := read_marks(sleeper.process, tmp_path)) is None:  # until it has become the program
        assert time.monotonic() < deadline
    assert (found.marker, found.replica) == ("production.1", "production.1.0")
    assert read_marks(sleeper.process, tmp_path / "other") is None
    (tmp_path / "link").symlink_to(tmp_path)
    assert [each.process.pid for each in find_marked(tmp_path / "link")] == [sleeper.process.pid]


def test_a_process_is_known_by_its_number_and_its_start(sleeper: Owned) -> None:
    identity = sleeper.identity
    assert lives(identity)
    assert not lives(Identity(pid=identity.pid, process_start=identity.process_start - 5))
    assert not lives(None)
    sleeper.process.kill()
    deadline = time.monotonic() + 60
    while lives(identity):
        assert time.monotonic() < deadline
    assert sleeper.exit_code == -9


def test_a_program_whose_folder_is_gone_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        spawn(["true"], folder=tmp_path / "gone", environ={}, log=tmp_path / "x.log")
    spawn_detached(
        [sys.executable, "-S", "-c", "print('here')"], folder=tmp_path, environ={}, log=tmp_path / "x.log"
    )
    deadline = time.monotonic() + 60
    while last_line(tmp_path / "x.log") != "here":
        assert time.monotonic() < deadline
