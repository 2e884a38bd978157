"""The log of predictions: a bounded buffer, emptied into Parquet files by a thread.

Readers see whole files only: one is written as ``.NAME.tmp`` and gets its name once it is closed. The end by
``kill -9`` loses the rows that wait and those of the open file; a power cut loses no closed file.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from pytest_mlops.serving.gateway.parquet import LogFile, prune, remove_abandoned
from pytest_mlops.serving.gateway_protocol import LogFate

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.records.serving import PredictionLogSettings

__all__ = ["LogRow", "PredictionLog"]

_MAX_BYTES = 128 * 1024 * 1024
_AT_ONCE = 512
_POLL = 0.2
_PRUNE_SECONDS = 3600.0
_PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
_log = logging.getLogger(__name__)


class LogRow(NamedTuple):
    """A row; its fields are the columns of the files. ``time`` is in microseconds since 1970, UTC."""

    time: int
    request_id: str
    deployment_id: str
    version: str
    replica: str
    method: str
    path: str
    status: int
    latency_ms: float
    shadow: bool
    request: bytes
    request_cut: bool
    response: bytes
    response_cut: bool
    content_type: str


class PredictionLog:
    """Takes rows from the event loop and never makes it wait.

    A disk that is full, or a folder that cannot be written, stops the log for a while, and not the serving:
    the rows of the open file are dropped, as are those for which the buffer has no room.

    Args:
        folder: Where the files go.
        settings: Sizes and times.

    Attributes:
        settings: As given.
        written: Rows of closed files.
        files: Closed files.
        failures: Times that writing failed.
    """

    def __init__(self, folder: Path, settings: PredictionLogSettings) -> None:
        self.settings = settings
        self.written = self.files = self.failures = 0
        self._folder = folder
        self._rows: deque[LogRow] = deque()
        # Two counts of each kind, one for either thread, so that no lock stands between them.
        self._bytes_in = self._bytes_out = 0
        self._refused = self._lost = 0
        self._open: LogFile | None = None
        self._streak = 0
        self._resume_at = self._prune_at = 0.0
        self._ending, self._rotating = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)

    @property
    def dropped(self) -> int:
        """Rows for which the buffer had no room, and those lost with a file that could not be written."""
        return self._refused + self._lost

    @property
    def buffered(self) -> int:
        """Rows that wait, and those of the open file."""
        opened = self._open
        return len(self._rows) + (opened.rows if opened is not None else 0)

    def fate(self) -> LogFate:
        """Return what became of the rows."""
        return LogFate(
            written=self.written,
            dropped=self.dropped,
            buffered=self.buffered,
            files=self.files,
            failures=self.failures,
        )

    def start(self) -> None:
        """Start the thread that writes."""
        self._thread.start()

    def offer(self, row: LogRow) -> None:
        """Take a row, or drop it where the buffer is full; called by the event loop."""
        size = len(row.request) + len(row.response)
        waiting = self._bytes_in - self._bytes_out
        if len(self._rows) >= self.settings.buffer or waiting + size > _MAX_BYTES:
            self._refused += 1
            return
        self._bytes_in += size
        self._rows.append(row)

    def rotate(self) -> None:
        """Have the open file closed soon, as before an end that may be cut short."""
        self._rotating.set()

    def close(self, *, timeout: float = 30.0) -> None:
        """Write what waits, close the open file and end the thread, in at most ``timeout`` seconds."""
        self._ending.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        remove_abandoned(self._folder)
        ending = False
        while not ending:
            ending = self._ending.wait(_POLL)
            try:
                self._work(ending=ending)
            except Exception as error:  # noqa: BLE001 -- serving continues whatever becomes of the log
                self._fail(error)

    def _work(self, *, ending: bool) -> None:
        now = time.monotonic()
        if now < self._resume_at and not ending:
            return
        if now >= self._prune_at:
            self._prune_at = now + _PRUNE_SECONDS
            prune(self._folder, days=self.settings.keep_days)
        while self._rows:
            self._write_some()
        due = ending
        if self._rotating.is_set():
            self._rotating.clear()
            due = True
        if self._open is not None and (due or self._open.age() >= self.settings.rotate_seconds):
            self._close_file()

    def _write_some(self) -> None:
        if self._open is None:
            self._open = LogFile(self._folder)
        room = min(_AT_ONCE, self.settings.rotate_rows - self._open.rows)
        rows = [self._rows.popleft() for _ in range(min(room, len(self._rows)))]
        self._bytes_out += sum(len(row.request) + len(row.response) for row in rows)
        self._open.add(rows)
        if self._open.rows >= self.settings.rotate_rows:
            self._close_file()

    def _close_file(self) -> None:
        opened = self._open
        if opened is None:
            return
        opened.close()
        self._open = None
        self.written += opened.rows
        self.files += 1
        self._streak = 0

    def _fail(self, error: Exception) -> None:
        lost = 0
        if self._open is not None:
            lost = self._open.rows
            self._open.discard()
            self._open = None
        self._lost += lost
        self.failures += 1
        pause = _PAUSES[min(self._streak, len(_PAUSES) - 1)]
        self._streak += 1
        self._resume_at = time.monotonic() + pause
        _log.error(
            "cannot write predictions to %s: %s; %d rows are lost, next try in %g s",
            self._folder,
            error,
            lost,
            pause,
        )
