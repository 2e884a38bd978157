"""A blob store on a file system of fsspec, such as S3 or Google Cloud Storage."""

from __future__ import annotations

import contextlib
import time
import uuid
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_mlops.errors import MLOpsError, StoreError
from pytest_mlops.registry.blob_store import TEMPORARY, BlobInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["YOUNG", "FsspecBlobStore", "open_fsspec"]

YOUNG = 12 * 3600.0
"""Seconds for which a key counts as just written. Object stores cannot renew one without writing it again."""

_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}


def open_fsspec(url: str) -> FsspecBlobStore:
    """Open the blob store at an fsspec URL.

    Raises:
        StoreError: fsspec or its backend is not installed, the kind is not known, or it cannot be opened.
    """
    kind = urlsplit(url).scheme
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415 -- of the ops extra
    except ImportError as error:
        raise StoreError(f"{kind}:// needs fsspec; run: pip install 'pytest-mlops[ops]'") from error
    try:
        system, root = url_to_fs(url)
    except ImportError as error:
        package = _PACKAGES.get(kind, "the package that provides it")
        raise StoreError(f"{kind}:// cannot be reached ({error}); run: pip install {package}") from error
    except Exception as error:  # every backend has errors of its own
        raise StoreError(f"cannot open the artifacts at {kind}://: {_cause(error)}") from error
    return FsspecBlobStore(url=url, system=system, root=str(root).rstrip("/"))


class FsspecBlobStore:
    """Keys of an fsspec file system; see :class:`~pytest_mlops.registry.blob_store.BlobStore`."""

    def __init__(self, *, url: str, system: Any, root: str) -> None:
        self._url = url
        self._system = system
        self._root = root

    @property
    def url(self) -> str:
        """Address of the store, without a password."""
        parts = urlsplit(self._url)
        return self._url.replace(f"{parts.netloc}", parts.netloc.rpartition("@")[2], 1)

    def size(self, key: str) -> int | None:
        """Return the bytes under a key."""
        found = self._info(key)
        return None if found is None else int(found["size"])

    @contextlib.contextmanager
    def read(self, key: str) -> Iterator[IO[bytes]]:
        """Open the bytes under a key."""
        with self._store_errors("read", key), self._system.open(self._path(key), "rb") as stream:
            yield stream

    def write(self, key: str, chunks: Iterable[bytes]) -> None:
        """Write to a key of its own, then move: what stood under the key stands until then."""
        path, temporary = self._path(key), self._path(f"{TEMPORARY}/{uuid.uuid4().hex}")
        with self._store_errors("write", key):
            for name in (path, temporary):
                self._system.makedirs(name.rpartition("/")[0], exist_ok=True)
            try:
                with self._system.open(temporary, "wb") as stream:
                    for chunk in chunks:
                        stream.write(chunk)
                self._system.mv(temporary, path)
            except BaseException:
                with contextlib.suppress(Exception):
                    self._system.rm_file(temporary)
                raise

    def renew(self, key: str) -> bool:
        """Return whether a key is still young."""
        found = self._info(key)
        return found is not None and self._modified(key) > time.time() - YOUNG

    def items(self, folder: str) -> Iterator[BlobInfo]:
        """List the keys below a folder."""
        with self._store_errors("list", folder):
            if not self._system.exists(self._path(folder)):
                return
            found = self._system.find(self._path(folder), detail=True)
        for path, info in sorted(found.items()):
            key = str(path)[len(self._root) :].lstrip("/")
            yield BlobInfo(key, int(info["size"]), self._modified(key))

    def remove(self, key: str, *, before: float) -> bool:
        """Remove a key that was not written since."""
        found = self._info(key)
        if found is None:
            return True
        if self._modified(key) >= before:
            return False
        with self._store_errors("remove", key):
            self._system.rm_file(self._path(key))
        return True

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _info(self, key: str) -> dict[str, Any] | None:
        with self._store_errors("read", key):
            try:
                self._system.invalidate_cache()
                return dict(self._system.info(self._path(key)))
            except FileNotFoundError:
                return None

    def _modified(self, key: str) -> float:
        """Return seconds since the epoch; now, where the file system does not know."""
        with self._store_errors("read", key):
            try:
                return float(self._system.modified(self._path(key)).timestamp())
            except NotImplementedError:
                return time.time()

    @contextlib.contextmanager
    def _store_errors(self, verb: str, key: str) -> Iterator[None]:
        try:
            yield
        except MLOpsError:
            raise
        except Exception as error:  # every backend has errors of its own
            raise StoreError(f"cannot {verb} {key} at {self.url}: {_cause(error)}") from error


def _cause(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
