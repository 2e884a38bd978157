"""Files: errors of the operating system become errors of the package."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.errors import EvidenceError, IoError
from pytest_mlops.files import OsErrorsAs, read_bytes

if TYPE_CHECKING:
    from pathlib import Path


def test_an_error_of_the_system_is_raised_as_ours_with_its_reason(tmp_path: Path) -> None:
    with (
        pytest.raises(IoError, match=r"^cannot open it: No such file or directory$") as caught,
        OsErrorsAs(IoError, "cannot open it"),
    ):
        (tmp_path / "none").open()
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_an_error_without_a_number_keeps_its_text() -> None:
    with pytest.raises(IoError, match=r"^cannot: late$"), OsErrorsAs(IoError, "cannot"):
        raise OSError("late")


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), OsErrorsAs(IoError, "cannot"):
        raise KeyError("x")


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_bytes(path, limit=5) == b"12345"
    with pytest.raises(EvidenceError, match="the limit is 4"):
        read_bytes(path, limit=4)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(EvidenceError, match="pipe"):
        read_bytes(tmp_path / "pipe", limit=5)
