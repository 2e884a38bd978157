"""Parquet files of the log of predictions: whole or hidden."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from pytest_mlops.files import sync_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_mlops.serving.gateway.prediction_log import LogRow

__all__ = ["SCHEMA", "LogFile", "prune", "remove_abandoned"]

SCHEMA = pa.schema([
    pa.field("time", pa.timestamp("us", tz="UTC"), nullable=False),
    pa.field("request_id", pa.string(), nullable=False),
    pa.field("deployment_id", pa.string(), nullable=False),
    pa.field("version", pa.string(), nullable=False),
    pa.field("replica", pa.string(), nullable=False),
    pa.field("method", pa.string(), nullable=False),
    pa.field("path", pa.string(), nullable=False),
    pa.field("status", pa.int32(), nullable=False),
    pa.field("latency_ms", pa.float64(), nullable=False),
    pa.field("shadow", pa.bool_(), nullable=False),
    pa.field("request", pa.binary(), nullable=False),
    pa.field("request_cut", pa.bool_(), nullable=False),
    pa.field("response", pa.binary(), nullable=False),
    pa.field("response_cut", pa.bool_(), nullable=False),
    pa.field("content_type", pa.string(), nullable=False),
])  # fmt: skip
"""Columns: one for each field of ``LogRow``."""

_GROUP_ROWS = 8192
_GROUP_BYTES = 16 * 1024 * 1024
_REPEATED = ["deployment_id", "version", "replica", "method", "path", "status", "content_type"]
_ABANDONED = re.compile(r"\.\d{8}T\d{6}Z-(\d+)-\d+\.parquet\.tmp")
_WIDTHS = {(32, False): np.int32, (64, False): np.int64, (64, True): np.float64}
_numbers = itertools.count(1)


class LogFile:
    """A file that is being written.

    Args:
        folder: Where it goes; it is made where it is missing.

    Attributes:
        rows: Rows that were added.

    Raises:
        OSError: it cannot be written; so do the methods.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}-{next(_numbers)}.parquet"
        self._path = folder / name
        self._temporary = folder / f".{name}.tmp"
        self._began = time.monotonic()
        self._batches: list[pa.RecordBatch] = []
        self.rows = self._waiting_rows = self._waiting_bytes = 0
        try:
            self._writer = pq.ParquetWriter(
                self._temporary,
                SCHEMA,
                compression="zstd",
                use_dictionary=_REPEATED,
                write_statistics=["time"],
            )
        except BaseException:
            self._remove()
            raise

    def age(self) -> float:
        """Return the seconds since it was opened."""
        return time.monotonic() - self._began

    def add(self, rows: Sequence[LogRow]) -> None:
        """Add rows; they go to the disk a row group at a time."""
        self.rows += len(rows)
        batch = pa.record_batch(
            [
                _array(column, field.type)
                for column, field in zip(zip(*rows, strict=True), SCHEMA, strict=True)
            ],
            schema=SCHEMA,
        )
        self._batches.append(batch)
        self._waiting_rows += batch.num_rows
        self._waiting_bytes += batch.nbytes
        if self._waiting_rows >= _GROUP_ROWS or self._waiting_bytes >= _GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._batches:
            self._writer.write_table(pa.Table.from_batches(self._batches))
        self._batches = []
        self._waiting_rows = self._waiting_bytes = 0

    def close(self) -> None:
        """Write what is left, make the file durable and give it its name."""
        self._flush()
        self._writer.close()
        handle = os.open(self._temporary, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        self._temporary.rename(self._path)
        sync_folder(self._path.parent)

    def discard(self) -> None:
        """Give it up; what was written is removed."""
        with contextlib.suppress(OSError, ValueError, pa.ArrowException):
            self._writer.close()
        self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            self._temporary.unlink(missing_ok=True)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return a column, made of buffers: ``pyarrow.array`` would first import pandas, for half a second."""
    count = len(values)
    if pa.types.is_string(kind):
        # A client may send bytes that are no text.
        values = [value.encode("utf-8", "backslashreplace") for value in values]
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        offsets = np.zeros(count + 1, dtype=np.int32)
        np.cumsum([len(value) for value in values], out=offsets[1:])
        return pa.Array.from_buffers(
            kind, count, [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(values))]
        )
    if pa.types.is_boolean(kind):
        data = np.packbits(np.array(values, dtype=bool), bitorder="little")
    else:
        data = np.array(values, dtype=_WIDTHS[kind.bit_width, pa.types.is_floating(kind)])
    return pa.Array.from_buffers(kind, count, [None, pa.py_buffer(data)])


def remove_abandoned(folder: Path) -> None:
    """Remove unfinished files of processes that run no more."""
    with contextlib.suppress(OSError):
        for path in folder.glob(".*.parquet.tmp"):
            match = _ABANDONED.fullmatch(path.name)
            if match is None:
                continue
            pid = int(match[1])
            # One with our own number is of an earlier life, as in a container that was started again.
            if pid == os.getpid() or not psutil.pid_exists(pid):
                path.unlink(missing_ok=True)


def prune(folder: Path, *, days: float) -> None:
    """Remove closed files that were written more than ``days`` days ago."""
    oldest = time.time() - days * 86400
    with contextlib.suppress(OSError):
        for path in folder.glob("*.parquet"):
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)
