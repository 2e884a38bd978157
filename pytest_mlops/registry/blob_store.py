"""What the artifact store needs of the file system or bucket below it."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

__all__ = ["TEMPORARY", "BlobInfo", "BlobStore"]

TEMPORARY = "temporary"
"""The folder of keys that are being written; what is old there was left by a crash."""


class BlobInfo(NamedTuple):
    """A key, its size in bytes, and when it was written or renewed."""

    key: str
    size: int
    modified: float
    """Seconds since the epoch."""


class BlobStore(Protocol):
    """Bytes under relative keys, with "/" between their parts. Every method raises StoreError."""

    @property
    def url(self) -> str:
        """Address of the store, without a password."""

    def size(self, key: str) -> int | None:
        """Return the bytes under a key; ``None`` where there are none."""

    def read(self, key: str) -> AbstractContextManager[IO[bytes]]:
        """Open the bytes under a key."""

    def write(self, key: str, chunks: Iterable[bytes]) -> None:
        """Keep bytes under a key; what raises in ``chunks`` leaves nothing there."""

    def renew(self, key: str) -> bool:
        """Make a key as young as if it were written now; ``False`` where it has to be written again."""

    def items(self, folder: str) -> Iterator[BlobInfo]:
        """List the keys below a folder."""

    def remove(self, key: str, *, before: float) -> bool:
        """Remove a key unless it was written or renewed since ``before``; return whether it is gone."""
