"""Log files of the processes: what goes into them, their rotation, their last line."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LOG_BYTES", "last_line", "log_to_stderr", "rotate"]

LOG_BYTES = 10 * 1024 * 1024
"""Size from which on a log is moved aside; one older file is kept."""

_END_BYTES = 4096
_LINE = 200


def log_to_stderr() -> None:
    """Print what this process logs to standard error, which its starter keeps in a file; times are UTC."""
    formatter = logging.Formatter(
        "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("pytest_mlops").setLevel(logging.INFO)


def rotate(log: Path, most: int = LOG_BYTES) -> None:
    """Move a log aside, to ``NAME.1``, once it is longer than ``most`` bytes.

    Its writer holds it open, so that it is copied and cut: what is written in between is lost. On a full disk
    it is cut without a copy, so that it does not fill the rest.
    """
    with contextlib.suppress(OSError):
        if log.stat().st_size <= most:
            return
        with contextlib.suppress(OSError):
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        os.truncate(log, 0)  # its writer appends


def last_line(log: Path, *, after: int = 0) -> str:
    """Return the last line of a log that is not blank, in printable characters, at most 200 of them.

    Args:
        log: The file.
        after: Bytes at its beginning that do not count.
    """
    try:
        with log.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            stream.seek(max(after if after <= size else 0, size - _END_BYTES))
            lines = stream.read(_END_BYTES).decode(errors="replace").split("\n")
    except OSError:
        return ""
    text = next((line for line in reversed(lines) if line.strip()), "")
    return "".join(each for each in text.strip() if each.isprintable())[:_LINE]
