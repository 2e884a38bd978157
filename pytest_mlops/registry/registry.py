"""The registry's face: each method is one transaction, by one actor, at the clock's time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pytest_mlops.registry import aliases, lineage, retention, tags, versions
from pytest_mlops.registry.artifacts import open_artifacts
from pytest_mlops.registry.sweep import Swept, sweep
from pytest_mlops.store.engine import open_store
from pytest_mlops.store.log import default_actor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_mlops.records.model import ModelVersion
    from pytest_mlops.registry.artifacts import ArtifactStore
    from pytest_mlops.registry.entries import (
        AliasMove,
        AliasPage,
        Lineage,
        Link,
        Registration,
        Revision,
        VersionEntry,
        VersionPage,
    )
    from pytest_mlops.store.engine import Store

__all__ = ["GRACE", "Pruned", "Registry", "open_registry"]

GRACE = timedelta(hours=24)
"""Bytes that were stored within this time are never swept: a registration may be under way."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruned:
    """What was removed, or under a dry run would be."""

    versions: tuple[retention.Removal, ...]
    swept: Swept


def open_registry(folder: Path = Path(), *, url: str | None = None, actor: str | None = None) -> Registry:
    """Open the registry of a project; close it, or use it in ``with``.

    Args:
        folder: The project's; ``.mlops/store.db`` and ``.mlops/artifacts`` lie below it unless
            ``$MLOPS_STORE_URL`` and ``$MLOPS_ARTIFACTS`` name others.
        url: Of the store.
        actor: Who acts; by default :func:`pytest_mlops.store.log.default_actor`.

    Raises:
        StoreError: the store or the artifacts cannot be opened.
    """
    artifacts = open_artifacts(folder=folder)
    return Registry(open_store(url, folder=folder), artifacts=artifacts, actor=actor or default_actor())


class Registry:
    """Model versions, their tags, aliases and lineage.

    What several changes have to do with one another, the functions of the modules do in one transaction;
    this class opens one for each.

    Args:
        store: Where everything but bytes is kept.
        artifacts: Where bytes are kept; ``None`` to keep none.
        actor: Who acts.
        clock: The present, with a time zone.
    """

    def __init__(
        self,
        store: Store,
        *,
        artifacts: ArtifactStore | None = None,
        actor: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.store = store
        self.artifacts = artifacts
        self.actor = actor
        self.clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.store.close()

    def register(
        self,
        version: ModelVersion,
        *,
        run_id: str | None = None,
        links: Sequence[Link] = (),
        stored: bool = False,
        tags: Sequence[str] = (),
    ) -> Registration:
        """Register a version; see :func:`pytest_mlops.registry.versions.register`."""
        with self.store.write() as connection:
            return versions.register(
                connection, version, run_id=run_id, links=links, stored=stored, tags=tags, **self._signed()
            )

    def get(self, model_id: str, version_id: str) -> VersionEntry:
        """Return a version, or with ``@champion`` the one that an alias points to.

        Raises:
            NotRegistered: there is none; the message has the nearest name.
        """
        if version_id.startswith("@"):
            return self.get_by_alias(model_id, version_id[1:])
        with self.store.read() as connection:
            return versions.get_version(connection, model_id, version_id)

    def get_by_alias(self, model_id: str, alias: str) -> VersionEntry:
        """Return the version that an alias points to.

        Raises:
            NotRegistered: the alias points nowhere; the message has the nearest that does.
        """
        with self.store.read() as connection:
            return versions.get_by_alias(connection, model_id, alias)

    def list(self, **filters: Any) -> VersionPage:
        """List versions, newest first; see :func:`pytest_mlops.registry.versions.list_versions`."""
        with self.store.read() as connection:
            return versions.list_versions(connection, **filters)

    def tag(
        self, model_id: str, version_id: str, *, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> VersionEntry:
        """Add and remove tags; see :func:`pytest_mlops.registry.tags.change_tags`."""
        with self.store.write() as connection:
            entry = versions.get_for_change(connection, model_id, version_id)
            return tags.change_tags(connection, entry, add=add, remove=remove, **self._signed())

    def lineage(self, model_id: str, version_id: str, *, depth: int = 100) -> Lineage:
        """Return where a version comes from.

        Raises:
            NotRegistered: there is no such version.
        """
        with self.store.read() as connection:
            entry = versions.get_version(connection, model_id, version_id)
            return lineage.trace(connection, entry, depth=depth)

    def links(self, entry: VersionEntry) -> tuple[Link, ...]:
        """Return what a version was made from, and what it rests on."""
        with self.store.read() as connection:
            return lineage.links_of(connection, entry.number)

    def move_alias(
        self,
        model_id: str,
        alias: str,
        to: str | None,
        *,
        expected: str | Revision | None,
        reason: str,
        run_id: str | None = None,
        require_pass: bool = False,
    ) -> AliasMove:
        """Move an alias by compare-and-set; see :func:`pytest_mlops.registry.aliases.move_alias`."""
        with self.store.write() as connection:
            return aliases.move_alias(
                connection,
                model_id,
                alias,
                to,
                expected=expected,
                reason=reason,
                run_id=run_id,
                require_pass=require_pass,
                **self._signed(),
            )

    def alias_state(self, model_id: str, alias: str) -> aliases.AliasState:
        """Return where an alias points now; one that was never set has revision 0."""
        with self.store.read() as connection:
            return aliases.alias_state(connection, model_id, alias)

    def aliases(self, model_id: str) -> tuple[aliases.AliasState, ...]:
        """Return the aliases of a model that point somewhere, by name."""
        with self.store.read() as connection:
            return aliases.aliases_of(connection, model_id)

    def alias_history(
        self, model_id: str, alias: str, *, cursor: int | None = None, limit: int = 100
    ) -> AliasPage:
        """Return the moves of an alias, newest first.

        Raises:
            NotRegistered: the alias was never set.
        """
        with self.store.read() as connection:
            return aliases.alias_history(connection, model_id, alias, cursor=cursor, limit=limit)

    def pin(self, model_id: str, version_id: str, *, holder: str) -> retention.Pin:
        """Keep a version from being removed; see :func:`pytest_mlops.registry.pins.pin`."""
        with self.store.write() as connection:
            return retention.pin(connection, model_id, version_id, holder=holder, **self._signed())

    def unpin(self, model_id: str, version_id: str, *, holder: str) -> bool:
        """Remove the pin of a holder; return whether there was one."""
        with self.store.write() as connection:
            return retention.unpin(connection, model_id, version_id, holder=holder, **self._signed())

    def pins(self, model_id: str | None = None) -> tuple[retention.Pin, ...]:
        """Return the pins, of one model or of all."""
        with self.store.read() as connection:
            return retention.pins_of(connection, model_id)

    def prune(
        self,
        model_id: str | None = None,
        *,
        keep: int | None = None,
        older_than: timedelta | None = None,
        grace: timedelta = GRACE,
        dry_run: bool = False,
    ) -> Pruned:
        """Remove old versions, then the bytes that no version needs any more.

        Args:
            model_id: Of this model only.
            keep: The newest of each model that stay.
            older_than: Only versions registered longer ago than this.
            grace: Bytes stored more recently than this stay.
            dry_run: Remove nothing; return what would be removed.

        Raises:
            InvalidMetadata: neither ``keep`` nor ``older_than`` is given, or one is negative.
            EvidenceError: a stored manifest cannot be trusted; versions were removed, bytes were not.
            StoreError: the store or the artifacts cannot be read or written.
        """
        now = self.clock()
        rule = retention.RetentionRule(model_id=model_id, keep=keep, older_than=older_than)
        if dry_run:
            with self.store.read() as connection:
                removals = retention.choose(connection, rule, now=now)
                dead = retention.dead_artifacts(connection, removals)
        else:
            with self.store.write() as connection:
                removals = retention.remove(connection, rule, actor=self.actor, at=now)
                dead = retention.dead_artifacts(connection)
        swept = Swept()
        if self.artifacts is not None:
            swept = sweep(self.artifacts, dead, before=(now - grace).timestamp(), dry_run=dry_run)
        return Pruned(versions=tuple(removals), swept=swept)

    def _signed(self) -> dict[str, Any]:
        return {"actor": self.actor, "at": self.clock()}
