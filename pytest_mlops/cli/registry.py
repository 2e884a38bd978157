"""``registry``: which versions there are, what they rest on, and where the aliases point."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pytest_mlops.cli import registry_mlflow
from pytest_mlops.cli.exits import ExitCode
from pytest_mlops.cli.options import (
    Alias,
    AsJson,
    Cursor,
    Model,
    ModelFiles,
    Result,
    Since,
    Store,
    Version,
    in_utc,
    project_here,
)
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.registry.entries import VersionEntry

__all__ = ["registry"]

registry = typer.Typer(
    help="List, register, tag and check model versions, and move aliases.", no_args_is_help=True
)


@registry.command()
def register(
    result: Result,
    *,
    model: ModelFiles = None,
    artifacts: Annotated[
        bool,
        typer.Option(help="Keep the model's files, and the record with its arrays, beside the store."),
    ] = True,
    tag: Annotated[
        list[str] | None, typer.Option(help="A tag, such as gold or team=risk; repeatable.")
    ] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Register the model version of a record, with the record as its evidence.

    The record is verified first, against the model's files where they can be found; any verdict may be
    registered. The same bytes are registered once, and other bytes under the same name are refused. Tags are
    added; other metadata that differs is listed and not changed. Exits with 0, with 4 if the name is taken,
    and with 5 if the record cannot be trusted.
    """
    from dataclasses import asdict

    from pytest_mlops.cli.registry_pages import entry_values
    from pytest_mlops.operations.registry import register as register_record

    project = project_here(store, near=result)
    done, aliases = register_record(project, result, model=model, keep_files=artifacts, tags=tag or ())
    values = entry_values(done.entry, aliases)
    values |= {"created": done.created, "not_taken": [asdict(change) for change in done.not_taken]}
    if not done.created and not as_json:
        typer.echo("Registered already, with these bytes.")
        for change in done.not_taken:
            typer.echo(f"Not changed: {change.field} {change.now or '-'}; it stays {change.was or '-'}.")
        typer.echo()
    _show_entry(done.entry, aliases, values, as_json=as_json)


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
    from pytest_mlops.cli.registry_pages import entry_values
    from pytest_mlops.operations.registry import get_version

    entry, aliases = get_version(project_here(store), model, version, to=to)
    _show_entry(entry, aliases, entry_values(entry, aliases), as_json=as_json)


@registry.command("list")
def list_(
    *,
    model: Annotated[str | None, typer.Option(help="Only versions of this model.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only with this tag, such as gold or team=risk.")] = None,
    alias: Annotated[str | None, typer.Option(help="Only those that this alias points to.")] = None,
    verdict: Annotated[Verdict | None, typer.Option(help="Only with evidence of this verdict.")] = None,
    since: Since = None,
    before: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only those of before this day (UTC).")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Versions per page.")] = 20,
    cursor: Cursor = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """List versions, newest first."""
    from pytest_mlops.cli.output import show
    from pytest_mlops.cli.registry_pages import entry_values, list_page
    from pytest_mlops.operations.registry import list_versions

    listed = list_versions(
        project_here(store),
        model_id=model,
        tag=tag,
        alias=alias,
        verdict=verdict,
        since=in_utc(since),
        before=in_utc(before),
        limit=limit,
        cursor=cursor,
    )
    versions = [entry_values(entry, listed.aliases_of(entry)) for entry in listed.page.entries]
    show(list_page(listed), {"versions": versions, "cursor": listed.page.cursor}, as_json=as_json)


@registry.command()
def tag(
    model: Model,
    version: Version,
    tags: Annotated[list[str] | None, typer.Argument(help="Tags to add, such as gold or team=risk.")] = None,
    *,
    remove: Annotated[list[str] | None, typer.Option(help="Name of a tag to remove; repeatable.")] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Add tags to a version, and remove tags from it."""
    from pytest_mlops.cli.registry_pages import entry_values
    from pytest_mlops.operations.registry import tag_version

    entry, aliases = tag_version(project_here(store), model, version, add=tags or (), remove=remove or ())
    _show_entry(entry, aliases, entry_values(entry, aliases), as_json=as_json)


@registry.command()
def lineage(model: Model, version: Version, *, store: Store = None, as_json: AsJson = False) -> None:
    """Show where a version comes from: its ancestors, data, code and evidence."""
    from pytest_mlops.cli.output import show
    from pytest_mlops.cli.registry_pages import lineage_page, lineage_values
    from pytest_mlops.operations.registry import version_lineage

    found = version_lineage(project_here(store), model, version)
    show(lineage_page(found), lineage_values(found), as_json=as_json)


@registry.command()
def check(
    model: Model,
    version: Version,
    *,
    against: Annotated[
        str | None,
        typer.Option(help="The version it would replace, or @ALIAS, to compare the metadata with."),
    ] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Check that a version's requirements are installed and were tested with, and its bytes are intact.

    Exits with 0 if no check fails, else with 1.
    """
    from pytest_mlops.cli.output import show
    from pytest_mlops.cli.registry_pages import check_page, check_values
    from pytest_mlops.operations.registry_check import check_version

    checked = check_version(project_here(store), model, version, against=against)
    show(check_page(checked), check_values(checked), as_json=as_json)
    raise typer.Exit(ExitCode.ALLOW if checked.holds else ExitCode.BLOCK)


@registry.command()
def alias(
    model: Model,
    alias: Alias,
    *,
    to: Annotated[str | None, typer.Option(help="The version to point to, or @ALIAS.")] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete the alias.")] = False,
    expect: Annotated[str | None, typer.Option(help="Move only if it points to this version.")] = None,
    new: Annotated[bool, typer.Option("--new", help="Move only if it points nowhere.")] = False,
    expect_revision: Annotated[
        int | None, typer.Option(min=0, help="Move only if it has moved this often.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Reason to write to the log.")],
    evidence: Annotated[str | None, typer.Option(help="Id of the recorded run that this rests on.")] = None,
    require_pass: Annotated[
        bool, typer.Option("--require-pass", help="Refuse a version whose evidence is not a PASS.")
    ] = False,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Move an alias by compare-and-set: only if it still points where you expect.

    State what you expect by --expect, --expect-revision or --new. Exits with 0 if it moved, with 4 if it
    points elsewhere, naming who moved it, and with 5 if the evidence does not suffice.
    """
    from pytest_mlops.cli.output import print_result
    from pytest_mlops.cli.registry_pages import move_values
    from pytest_mlops.operations.registry import AliasExpectation, move_alias

    move = move_alias(
        project_here(store),
        model,
        alias,
        to=to,
        delete=delete,
        expected=AliasExpectation(version=expect, revision=expect_revision, new=new),
        reason=reason,
        run_id=evidence,
        require_pass=require_pass,
    )
    before, after = move.previous or "nowhere", move.version_id or "nowhere"
    message = f"{alias} of {model}: {before} -> {after} (revision {move.revision})"
    print_result(message, move_values(move), as_json=as_json)


@registry.command()
def history(
    model: Model,
    alias: Alias,
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Moves per page.")] = 20,
    cursor: Cursor = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Show the moves of an alias, newest first: who, when, why, and on which evidence."""
    from pytest_mlops.cli.output import show
    from pytest_mlops.cli.registry_pages import history_page, move_values
    from pytest_mlops.operations.registry import alias_history

    page = alias_history(project_here(store), model, alias, limit=limit, cursor=cursor)
    values = {"moves": [move_values(move) for move in page.moves], "cursor": page.cursor}
    show(history_page(page, model, alias), values, as_json=as_json)


@registry.command()
def prune(
    *,
    model: Annotated[str | None, typer.Option(help="Only versions of this model.")] = None,
    keep: Annotated[
        int | None, typer.Option(min=0, help="Number of newest versions to keep per model.")
    ] = None,
    older_than: Annotated[
        float | None, typer.Option(min=0, max=100_000, help="Days; keep what was registered within them.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be removed, and remove nothing.")
    ] = False,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Remove old versions, and stored bytes that no version needs.

    Never removes a version that an alias points to or that is pinned, nor the parent of such a one. With both
    --keep and --older-than, only versions that neither keeps are removed. Bytes stored within the last day
    stay.
    """
    from pytest_mlops.cli.output import show
    from pytest_mlops.cli.registry_pages import pruned_page, pruned_values
    from pytest_mlops.operations.registry import prune as prune_versions

    age = None if older_than is None else timedelta(days=older_than)
    pruned = prune_versions(project_here(store), model=model, keep=keep, older_than=age, dry_run=dry_run)
    show(pruned_page(pruned, dry_run=dry_run), pruned_values(pruned, dry_run=dry_run), as_json=as_json)


@registry.command()
def pin(
    model: Model,
    version: Version,
    *,
    holder: Annotated[str, typer.Option(help="What depends on it, such as deployment/production.")],
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Protect a version from prune until its holder unpins it."""
    from pytest_mlops.cli.output import print_result
    from pytest_mlops.operations.registry import pin as pin_version

    name = pin_version(project_here(store), model, version, holder=holder)
    values = {"model_id": model, "version_id": name, "holder": holder, "pinned": True}
    print_result(f"{model} {name} is pinned by {holder}", values, as_json=as_json)


@registry.command()
def unpin(
    model: Model,
    version: Version,
    *,
    holder: Annotated[str, typer.Option(help="What depended on it.")],
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Remove a holder's pin from a version."""
    from pytest_mlops.cli.output import print_result
    from pytest_mlops.operations.registry import unpin as unpin_version

    name, was_pinned = unpin_version(project_here(store), model, version, holder=holder)
    values = {"model_id": model, "version_id": name, "holder": holder, "pinned": False}
    how = "no longer pins" if was_pinned else "had not pinned"
    print_result(f"{holder} {how} {model} {name}", values, as_json=as_json)


def _show_entry(
    entry: VersionEntry, aliases: Sequence[str], values: dict[str, object], *, as_json: bool
) -> None:
    from pytest_mlops.cli.output import show
    from pytest_mlops.cli.registry_pages import entry_page

    show(entry_page(entry, aliases), values, as_json=as_json)


registry.add_typer(registry_mlflow.mlflow, name="mlflow")
