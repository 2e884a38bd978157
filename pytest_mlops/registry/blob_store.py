"""Places that keep bytes under keys: a folder of this machine, or any file system that fsspec reaches."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

__all__ = ["TEMPORARY", "Item", "Place", "open_place"]

TEMPORARY = "temporary"
"""The folder of keys that are being written; what is old there was left by a crash."""


class Item(NamedTuple):
    """What a place says of one key: its size in bytes, and when it was written or renewed."""

    key: str
    size: int
    modified: float
    """Seconds since the epoch."""


class Place(Protocol):
    """Keys are relative, with "/" between their parts. Every method raises StoreError, in one sentence."""

    @property
    def url(self) -> str:
        """Where it is, for people."""

    def size(self, key: str) -> int | None:
        """Return the bytes under a key; ``None`` where there are none."""

    def read(self, key: str) -> AbstractContextManager[IO[bytes]]:
        """Open what is kept under a key."""

    def write(self, key: str, chunks: Iterable[bytes]) -> None:
        """Keep bytes under a key; what raises in ``chunks`` leaves nothing there."""

    def renew(self, key: str) -> bool:
        """Make a key as young as if it were written now; ``False`` where it has to be written again."""

    def items(self, folder: str) -> Iterator[Item]:
        """List the keys below a folder."""

    def remove(self, key: str, *, before: float) -> bool:
        """Remove a key unless it was written or renewed since ``before``; tell whether it is gone."""


def open_place(url: str, *, folder: Path) -> Place:
    """Return the place at ``url``: a path seen from ``folder``, or ``s3://bucket/prefix`` and the like.

    Raises:
        StoreError: the URL's kind is not known, or the package that speaks it is not installed.
    """
    if "://" not in url or url.startswith("file://"):
        from pytest_mlops.registry.local_blobs import LocalPlace  # noqa: PLC0415 -- the one that is asked for

        return LocalPlace(folder / url.removeprefix("file://"))
    from pytest_mlops.registry.remote_blobs import open_remote  # noqa: PLC0415

    return open_remote(url)
