"""Log files are rotated by size, and read for their last line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlops.serving.logs import last_line, rotate

if TYPE_CHECKING:
    from pathlib import Path


def test_a_long_log_is_moved_aside_while_its_writer_writes(tmp_path: Path) -> None:
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
def test_the_last_line_is_the_last_that_can_be_read(
    tmp_path: Path, data: bytes, after: int, line: str
) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(data)
    assert last_line(log, after=after) == line


def test_a_log_that_is_not_there_has_no_last_line(tmp_path: Path) -> None:
    assert last_line(tmp_path / "none.log") == ""
