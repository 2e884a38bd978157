"""Values that the registry returns: versions, aliases, moves, lineage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from pytest_mlops.records.model import ModelVersion
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_mlops.registry.compatibility import MetadataChange

__all__ = [
    "AliasMove",
    "AliasPage",
    "Entries",
    "Lineage",
    "Link",
    "Registration",
    "Revision",
    "VersionEntry",
    "VersionPage",
]


class VersionEntry(NamedTuple):
    """A registered version, as it stands in the store; what has to be parsed is parsed when asked for."""

    number: int
    """Counts up over all versions of a store: the later one was registered later."""
    model_id: str
    version_id: str
    digest: str | None
    """Of the artifact; ``None`` for a version that names no bytes."""
    parent_version: str | None
    body: str
    """The ModelVersion as canonical JSON."""
    run_id: str | None
    """The run whose evidence it rests on."""
    result: str | None
    """The verdict of that run, as text."""
    stored: int
    """1 where the artifact store has the bytes, else 0."""
    created: float
    """When it was registered, seconds since the epoch."""
    created_by: str
    packed_tags: str | None
    """See :attr:`tags`."""

    @property
    def model_version(self) -> ModelVersion:
        """The version as it was registered; parsed again each time."""
        return ModelVersion.model_validate_json(self.body)

    @property
    def verdict(self) -> Verdict | None:
        """The verdict of the evidence; ``None`` without evidence."""
        return None if self.result is None else Verdict(self.result)

    @property
    def created_at(self) -> datetime:
        """When it was registered, UTC."""
        return datetime.fromtimestamp(self.created, UTC)

    @property
    def tags(self) -> dict[str, str]:
        """Name -> value of each tag, sorted; a tag without "=" has an empty value."""
        if not self.packed_tags:
            return {}
        pairs = (text.partition("\x1f") for text in self.packed_tags.split("\x1e"))
        return dict(sorted((name, value) for name, _, value in pairs))


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration:
    """What registering came to."""

    entry: VersionEntry
    created: bool
    """False where the version was registered already, with the same bytes."""
    not_taken: tuple[MetadataChange, ...] = ()
    """What the version was registered with now in another way than the first time, which stays."""


class Entries(Sequence[VersionEntry]):
    """Versions as a database returned them; each becomes an entry when it is accessed.

    Of a thousand rows most are often skipped, and plain tuples are no work for Python's garbage collector.
    """

    __slots__ = ("_rows",)

    def __init__(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[VersionEntry]:
        return map(VersionEntry._make, self._rows)

    @overload
    def __getitem__(self, index: int) -> VersionEntry: ...

    @overload
    def __getitem__(self, index: slice) -> Entries: ...

    def __getitem__(self, index: int | slice) -> VersionEntry | Entries:
        if isinstance(index, slice):
            return Entries(self._rows[index])
        return VersionEntry._make(self._rows[index])


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionPage:
    """Some versions, newest first."""

    entries: Entries
    cursor: int | None
    """Give it for the page after this one; ``None`` on the last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """How often an alias has moved, as an expectation: 0 is one that was never set."""

    number: int


class AliasMove(NamedTuple):
    """One move of an alias."""

    model_id: str
    alias: str
    revision: int
    """1 for the first move, without gaps."""
    previous: str | None
    """The version it pointed to before; ``None``: to none."""
    version_id: str | None
    """The version it pointed to from then on; ``None``: it was taken away."""
    moved: float
    """Seconds since the epoch."""
    moved_by: str
    reason: str
    run_id: str | None
    """The run whose evidence the move rests on."""

    @property
    def moved_at(self) -> datetime:
        """When it moved, UTC."""
        return datetime.fromtimestamp(self.moved, UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class AliasPage:
    """Some moves of an alias, newest first."""

    moves: tuple[AliasMove, ...]
    cursor: int | None
    """Give it for the page after this one; ``None`` on the last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """Something a version was made from, or rests on.

    Attributes:
        relation: ``data``, ``code``, ``evidence``, or a name of yours.
        target: Its name: a data version, a commit, a run id.
        digest: SHA-256 of its bytes, where known.
    """

    relation: str
    target: str
    digest: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Lineage:
    """Where a version comes from.

    Attributes:
        entry: The version.
        ancestors: Its parent, the parent's parent, and so on, as far as they are registered.
        unregistered: The parent of the last of them that is not registered, if it names one.
        links: What each was made from, by version id, the version's own first.
    """

    entry: VersionEntry
    ancestors: tuple[VersionEntry, ...]
    unregistered: str | None
    links: dict[str, tuple[Link, ...]]
