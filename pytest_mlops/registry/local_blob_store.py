"""A blob store in a local folder, whose files are durable before they get their name."""

from __future__ import annotations

import contextlib
import os
import uuid
from typing import IO, TYPE_CHECKING

from pytest_mlops.errors import StoreError
from pytest_mlops.files import OsErrorsAs, sync_folder
from pytest_mlops.registry.blob_store import TEMPORARY, BlobInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["LocalBlobStore"]


class LocalBlobStore:
    """A folder; see :class:`~pytest_mlops.registry.blob_store.BlobStore`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def url(self) -> str:
        """The folder."""
        return str(self._root)

    def size(self, key: str) -> int | None:
        """Return the bytes under a key."""
        with self._store_errors("read", key):
            try:
                return (self._root / key).stat().st_size
            except FileNotFoundError:
                return None

    @contextlib.contextmanager
    def read(self, key: str) -> Iterator[IO[bytes]]:
        """Open the bytes under a key."""
        with self._store_errors("read", key), (self._root / key).open("rb") as stream:
            yield stream

    def write(self, key: str, chunks: Iterable[bytes]) -> None:
        """Write to a name of its own, make it durable, then give it its name."""
        path = self._root / key
        with self._temporary(key) as temporary:
            with self._store_errors("write", key):
                temporary.parent.mkdir(parents=True, exist_ok=True)
                stream = temporary.open("xb")
            with stream:
                for chunk in chunks:
                    with self._store_errors("write", key):
                        stream.write(chunk)
                with self._store_errors("write", key):
                    stream.flush()
                    os.fsync(stream.fileno())
            with self._store_errors("write", key):
                _make_folder(path.parent)
                temporary.replace(path)
                sync_folder(path.parent)

    def renew(self, key: str) -> bool:
        """Set the time of the last write to now."""
        with self._store_errors("renew", key):
            try:
                os.utime(self._root / key)
            except FileNotFoundError:
                return False
        return True

    def items(self, folder: str) -> Iterator[BlobInfo]:
        """List the files below a folder."""
        with self._store_errors("list", folder):
            for path in sorted((self._root / folder).rglob("*")):
                with contextlib.suppress(FileNotFoundError):  # another process may sweep too
                    status = path.stat()
                    if path.is_file():
                        key = path.relative_to(self._root).as_posix()
                        yield BlobInfo(key, status.st_size, status.st_mtime)

    def remove(self, key: str, *, before: float) -> bool:
        """Move the file aside, check once more that no process renewed it, and remove it.

        A renewal before the move is noticed; a process that renews it afterwards finds nothing and writes the
        file again.
        """
        path = self._root / key
        with self._temporary(key) as aside, self._store_errors("remove", key):
            aside.parent.mkdir(parents=True, exist_ok=True)
            try:
                path.rename(aside)
            except FileNotFoundError:
                return True
            if aside.stat().st_mtime >= before:
                aside.replace(path)
                return False
        return True

    @contextlib.contextmanager
    def _temporary(self, key: str) -> Iterator[Path]:
        """Yield a unique path on the same file system; a file that is left there is removed."""
        path = self._root / TEMPORARY / f"{uuid.uuid4().hex}.{key.rpartition('/')[2][:16]}"
        try:
            yield path
        finally:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def _store_errors(self, verb: str, key: str) -> OsErrorsAs:
        return OsErrorsAs(StoreError, f"cannot {verb} {self._root / key}")


def _make_folder(folder: Path) -> None:
    """Make a folder and those around it, so that their names survive a power cut."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
        sync_folder(new.parent)
