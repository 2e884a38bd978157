"""``registry``: which versions there are, what they rest on, and where the aliases point."""

# The heavy imports stand inside the commands, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 -- typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from pytest_mlops.cli import registry_alias, registry_mlflow, registry_retention
from pytest_mlops.cli.exits import ExitCode
from pytest_mlops.cli.registry_common import (
    AsJson,
    Cursor,
    Model,
    Store,
    Version,
    aliases_by_version,
    open_here,
    project_folder,
    show,
)
from pytest_mlops.errors import StoreError
from pytest_mlops.verdict import Verdict  # noqa: TC001 -- typer reads the annotations

if TYPE_CHECKING:
    from pytest_mlops.registry.entries import Registration, VersionEntry
    from pytest_mlops.registry.registry import Registry

__all__ = ["registry"]

registry = typer.Typer(
    help="Which versions there are, what they rest on, and where the aliases point.", no_args_is_help=True
)

Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day, UTC.")]


@registry.command()
def register(
    result: Annotated[Path, typer.Argument(help="The record, as .mlops/integration-result.json.")],
    *,
    model: Annotated[
        Path | None, typer.Option(help="The model's files; by default where the record says they are.")
    ] = None,
    artifacts: Annotated[
        bool,
        typer.Option(help="Keep the model's files, and the record with its arrays, beside the store."),
    ] = True,
    tag: Annotated[list[str] | None, typer.Option(help="A tag, as gold or team=risk; repeatable.")] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Register the version that a record is about, on the evidence of the record.

    The record is verified first, against the model's files where they can be found; any verdict may be
    registered. The same bytes are registered once, and other bytes under the same name are refused; further
    tags are added, other metadata named and not taken. Exits with 0, with 4 if the name is taken, and with 5
    if the record cannot be trusted.
    """
    from pytest_mlops.registry.submission import submit_record  # isort: skip -- says first if something is missing

    from pytest_mlops.cli.verify import locate_model
    from pytest_mlops.evidence.verify import read_record

    folder = project_folder(result)
    files = model
    if files is None:
        found = locate_model(read_record(result), folder)
        files = found if found is not None and found.exists() else None
    with open_here(store, folder=folder, new=True) as opened:
        done = submit_record(opened, result, model=files, keep_files=artifacts, tags=tuple(tag or ()))
        _show_entry(opened, done.entry, as_json=as_json, done=done)


@registry.command()
def get(
    model: Model,
    version: Version,
    *,
    to: Annotated[
        Path | None, typer.Option(help="Write the model's files to this new folder, verified.")
    ] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Show a version; with --to, fetch its files."""
    with open_here(store) as opened:
        entry = opened.get(model, version)
        if to is not None:
            _fetch(opened, entry, to)
        _show_entry(opened, entry, as_json=as_json)


@registry.command("list")
def list_(
    *,
    model: Annotated[str | None, typer.Option(help="Of this model only.")] = None,
    tag: Annotated[str | None, typer.Option(help="With this tag, as gold or team=risk.")] = None,
    alias: Annotated[str | None, typer.Option(help="That this alias points to.")] = None,
    verdict: Annotated[Verdict | None, typer.Option(help="Whose evidence came to this.")] = None,
    since: Day = None,
    before: Day = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Versions of a page.")] = 20,
    cursor: Cursor = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """List versions, newest first."""
    from pytest_mlops.cli.registry_pages import entry_values, list_page

    with open_here(store) as opened:
        page = opened.list(
            model_id=model,
            tag=tag,
            alias=alias,
            verdict=verdict,
            since=_utc(since),
            before=_utc(before),
            limit=limit,
            cursor=cursor,
        )
        aliases = aliases_by_version(opened, {entry.model_id for entry in page.entries})
    values = [
        entry_values(entry, aliases.get((entry.model_id, entry.version_id), ())) for entry in page.entries
    ]
    show(list_page(page, aliases), {"versions": values, "cursor": page.cursor}, as_json=as_json)


@registry.command()
def tag(
    model: Model,
    version: Version,
    tags: Annotated[list[str] | None, typer.Argument(help="Tags to add, as gold or team=risk.")] = None,
    *,
    remove: Annotated[list[str] | None, typer.Option(help="Name of a tag to remove; repeatable.")] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Add tags to a version, and remove tags from it."""
    with open_here(store) as opened:
        name = opened.get(model, version).version_id
        entry = opened.tag(model, name, add=tags or (), remove=remove or ())
        _show_entry(opened, entry, as_json=as_json)


@registry.command()
def lineage(model: Model, version: Version, *, store: Store = None, as_json: AsJson = False) -> None:
    """Show where a version comes from: its ancestors, data, code and evidence."""
    from pytest_mlops.cli.registry_pages import entry_values, lineage_page

    with open_here(store) as opened:
        found = opened.lineage(model, opened.get(model, version).version_id)
    values = {
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
    show(lineage_page(found), values, as_json=as_json)


@registry.command()
def check(
    model: Model,
    version: Version,
    *,
    against: Annotated[
        str | None, typer.Option(help="The version it would replace, or @ALIAS; its metadata is compared.")
    ] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Check that what a version needs is here, was tested with, and that its bytes are whole.

    Exits with 0 if nothing stands in the way, else with 1.
    """
    from dataclasses import asdict

    from pytest_mlops.cli.registry_check import check_version
    from pytest_mlops.cli.registry_pages import check_page

    with open_here(store) as opened:
        checked = check_version(opened, model, version, against=against)
    values = {
        "holds": checked.holds,
        "problems": [asdict(problem) for problem in checked.problems],
        "stored": checked.stored,
        "against": checked.against,
        "changes": [asdict(change) for change in checked.changes],
    }
    show(check_page(checked), values, as_json=as_json)
    raise typer.Exit(ExitCode.ALLOW if checked.holds else ExitCode.BLOCK)


def _fetch(opened: Registry, entry: VersionEntry, to: Path) -> None:
    if not entry.stored or entry.digest is None or opened.artifacts is None:
        raise StoreError(f"the files of {entry.model_id} {entry.version_id} are not kept here")
    opened.artifacts.get(entry.digest, to)


def _show_entry(
    opened: Registry, entry: VersionEntry, *, as_json: bool, done: Registration | None = None
) -> None:
    from dataclasses import asdict

    from pytest_mlops.cli.registry_pages import entry_page, entry_values

    aliases = aliases_by_version(opened, [entry.model_id]).get((entry.model_id, entry.version_id), [])
    values = entry_values(entry, aliases)
    if done is not None:
        values |= {"created": done.created, "not_taken": [asdict(change) for change in done.not_taken]}
    if done is not None and not done.created and not as_json:
        typer.echo("Registered already, with these bytes.")
        for change in done.not_taken:
            typer.echo(f"Not taken: {change.field} {change.now or '-'}; it stays {change.was or '-'}.")
        typer.echo()
    show(entry_page(entry, aliases), values, as_json=as_json)


def _utc(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(tzinfo=UTC)


registry.command()(registry_alias.alias)
registry.command()(registry_alias.history)
registry.command()(registry_retention.prune)
registry.command()(registry_retention.pin)
registry.command()(registry_retention.unpin)
registry.add_typer(registry_mlflow.mlflow, name="mlflow")
