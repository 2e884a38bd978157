"""What the ``registry`` commands show: sections for people, plain values for machines."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pytest_mlops.cli.output import Section, Table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pytest_mlops.operations.registry import Listed
    from pytest_mlops.operations.registry_check import Checked
    from pytest_mlops.registry.entries import AliasMove, AliasPage, Lineage, Link, VersionEntry
    from pytest_mlops.registry.registry import Pruned

__all__ = [
    "check_page",
    "check_values",
    "entry_page",
    "entry_values",
    "history_page",
    "lineage_page",
    "lineage_values",
    "list_page",
    "move_values",
    "pruned_page",
    "pruned_values",
]

SHORT = 12
"""Digits of a digest in a table."""


def entry_values(entry: VersionEntry, aliases: Sequence[str] = ()) -> dict[str, Any]:
    """Return a version as JSON has it."""
    return {
        "model_id": entry.model_id,
        "version_id": entry.version_id,
        "digest": entry.digest,
        "parent_version": entry.parent_version,
        "run_id": entry.run_id,
        "verdict": entry.result,
        "stored": bool(entry.stored),
        "created_at": entry.created_at.isoformat(),
        "created_by": entry.created_by,
        "tags": entry.tags,
        "aliases": list(aliases),
        "model_version": entry.model_version.model_dump(mode="json"),
    }


def move_values(move: AliasMove) -> dict[str, Any]:
    """Return a move of an alias as JSON has it."""
    return {
        "model_id": move.model_id,
        "alias": move.alias,
        "revision": move.revision,
        "previous": move.previous,
        "version_id": move.version_id,
        "moved_at": move.moved_at.isoformat(),
        "moved_by": move.moved_by,
        "reason": move.reason,
        "run_id": move.run_id,
    }


def entry_page(entry: VersionEntry, aliases: Sequence[str]) -> tuple[Section, ...]:
    """Return what to print of one version."""
    version = entry.model_version
    facts = {
        "digest": entry.digest or "names no bytes",
        "bytes": "kept here" if entry.stored else "not kept here",
        "evidence": f"run {entry.run_id}, {(entry.result or '').upper()}" if entry.run_id else "none",
        "aliases": ", ".join(aliases),
        "tags": _tags(entry),
        "parent": entry.parent_version or "",
        "algorithm": version.metadata.algorithm or "",
        "data": version.metadata.data_version or "",
        "needs": ", ".join(version.metadata.dependencies),
        "registered": f"{_when(entry.created_at)} by {entry.created_by}",
    }
    lines = tuple(f"{name}: {value}" for name, value in facts.items() if value)
    return (Section(title=_name(entry), lines=lines),)


def list_page(listed: Listed) -> tuple[Section, ...]:
    """Return what to print of a list."""
    page = listed.page
    if not page.entries:
        return (Section(title="Versions", lines=("None.",)),)
    rows = tuple(
        (
            entry.model_id,
            entry.version_id,
            (entry.result or "-").upper(),
            _when(entry.created_at)[:10],
            ", ".join(filter(None, [*listed.aliases_of(entry), _tags(entry)])),
        )
        for entry in page.entries
    )
    more = () if page.cursor is None else (f"There are more: repeat with --cursor {page.cursor}.",)
    columns = ("model", "version", "verdict", "registered", "aliases and tags")
    return (Section(title="Versions", table=Table(columns=columns, rows=rows), lines=more),)


def history_page(page: AliasPage, model_id: str, alias: str) -> tuple[Section, ...]:
    """Return what to print of an alias's moves."""
    columns = ("rev", "to", "when", "by", "reason")
    rows = tuple(
        (
            str(move.revision),
            move.version_id or "nowhere",
            _when(move.moved_at),
            move.moved_by,
            move.reason + (f" (run {move.run_id})" if move.run_id else ""),
        )
        for move in page.moves
    )
    more = () if page.cursor is None else (f"There are more: repeat with --cursor {page.cursor}.",)
    table = Table(columns=columns, rows=rows, numeric=("rev",))
    return (Section(title=f"Moves of {alias} of {model_id}", table=table, lines=more),)


def lineage_page(found: Lineage) -> tuple[Section, ...]:
    """Return what to print of where a version comes from, newest first."""
    sections = [
        Section(
            title=_name(entry),
            lines=tuple(_link(link) for link in found.links[entry.version_id]) or ("No links.",),
        )
        for entry in (found.entry, *found.ancestors)
    ]
    if found.unregistered is not None:
        sections.append(Section(title=found.unregistered, lines=("Not registered.",)))
    return tuple(sections)


def pruned_page(pruned: Pruned, *, dry_run: bool) -> tuple[Section, ...]:
    """Return what to print of a removal, done or planned."""
    names = tuple(f"{removal.model_id} {removal.version_id}" for removal in pruned.versions)
    swept = pruned.swept
    bytes_ = f"{swept.manifests} artifacts, {swept.blobs} files, {swept.size / 1e6:,.1f} MB of bytes."
    title = "Would be removed" if dry_run else "Removed"
    return (Section(title=title, lines=(*(names or ("No version.",)), bytes_)),)


def check_page(checked: Checked) -> tuple[Section, ...]:
    """Return what to print of a check."""
    entry = checked.entry
    lines = [f"{problem.requirement}: {problem.message}." for problem in checked.problems]
    if checked.stored is not None:
        lines.append(checked.stored)
    sections = [Section(title=_name(entry), lines=tuple(lines) or ("Everything it needs is here.",))]
    if checked.changes:
        rows = tuple((one.field, one.was or "-", one.now or "-") for one in checked.changes)
        title = f"Changed since {checked.against}"
        sections.append(Section(title=title, table=Table(columns=("", "was", "is"), rows=rows)))
    return tuple(sections)


def lineage_values(found: Lineage) -> dict[str, Any]:
    """Return a lineage as JSON has it."""
    return {
        "versions": [
            {
                **entry_values(entry),
                "links": [
                    {"relation": link.relation, "target": link.target, "digest": link.digest}
                    for link in found.links[entry.version_id]
                ],
            }
            for entry in (found.entry, *found.ancestors)
        ],
        "unregistered": found.unregistered,
    }


def pruned_values(pruned: Pruned, *, dry_run: bool) -> dict[str, Any]:
    """Return a removal as JSON has it."""
    return {
        "versions": [{"model_id": one.model_id, "version_id": one.version_id} for one in pruned.versions],
        "artifacts": pruned.swept.manifests,
        "files": pruned.swept.blobs,
        "bytes": pruned.swept.size,
        "dry_run": dry_run,
    }


def check_values(checked: Checked) -> dict[str, Any]:
    """Return a check as JSON has it."""
    return {
        "holds": checked.holds,
        "problems": [asdict(problem) for problem in checked.problems],
        "stored": checked.stored,
        "against": checked.against,
        "changes": [asdict(change) for change in checked.changes],
    }


def _name(entry: VersionEntry) -> str:
    return f"{entry.model_id} {entry.version_id}"


def _tags(entry: VersionEntry) -> str:
    return ", ".join(f"{name}={value}" if value else name for name, value in entry.tags.items())


def _link(link: Link) -> str:
    relation = link.relation.replace("_", " ")
    return f"{relation}: {link.target}" + (f" ({link.digest[:SHORT]})" if link.digest else "")


def _when(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")
