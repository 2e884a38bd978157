"""``history``: the runs that were recorded, and recording one."""

# The heavy imports stand inside the commands, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pytest_mlops.cli.deployments import ConfigPath, EnvironmentName, find_place, store_of
from pytest_mlops.cli.registry_common import AsJson, Store, project_folder, say, show, store_folder
from pytest_mlops.errors import EvidenceError, StoreError
from pytest_mlops.text import problems_of
from pytest_mlops.verdict import Verdict  # noqa: TC001 -- typer reads the annotations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.cli.tables import Section
    from pytest_mlops.config.models import HistorySettings
    from pytest_mlops.store.history import HistoryEntry

__all__ = ["history"]

history = typer.Typer(help="The runs that were recorded, newest first; and recording one.")


@history.callback(invoke_without_command=True)
def list_(
    context: typer.Context,
    *,
    model: Annotated[str | None, typer.Option(help="Of this model only.")] = None,
    verdict: Annotated[Verdict | None, typer.Option(help="With this verdict only.")] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only runs of this day, UTC, or later.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many.")] = 20,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """List the runs that were recorded, newest first."""
    if context.invoked_subcommand is not None:
        return
    from pytest_mlops.store.engine import open_store, store_exists
    from pytest_mlops.store.history import list_results

    folder = store_folder(store, project_folder(Path.cwd()))
    if not store_exists(store, folder=folder):
        raise StoreError(
            "there is no store here, so no run is recorded; record one, or add history to mlops.yaml"
        )
    day = None if since is None else since.replace(tzinfo=UTC)
    with open_store(store, folder=folder) as opened:
        page = list_results(opened, model_id=model, verdict=verdict, since=day, limit=limit)
    more = page.cursor is not None
    values = {"results": [_values(entry) for entry in page.entries], "more": more}
    show(_page(page.entries, more=more), values, as_json=as_json)


@history.command()
def deployments(
    *,
    environment: EnvironmentName = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many.")] = 20,
    config: ConfigPath = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """List what was deployed to an environment, newest first."""
    from pytest_mlops.cli.tables import Section, Table
    from pytest_mlops.state.rows import list_deployments

    place = find_place(environment, config)
    with store_of(place, store) as opened, opened.read() as connection:
        rows = list_deployments(connection, place.environment.environment_id, limit=limit)
    cells = tuple(
        (
            row.plan.deployment_id,
            row.plan.version,
            row.status.value,
            row.plan.created_at.strftime("%Y-%m-%d %H:%M:%S"),
            row.plan.actor,
        )
        for row in rows
    )
    table = Table(columns=("deployment", "version", "status", "began, UTC", "by"), rows=cells)
    words = tuple(f"{row.plan.deployment_id}: {row.message}" for row in rows if row.message)
    page = (Section(title=f"Deployments to {place.environment.name}", table=table, sentences=words),)
    show(page, {"deployments": [row.record().model_dump(mode="json") for row in rows]}, as_json=as_json)


@history.command()
def record(
    result: Annotated[Path, typer.Argument(help="The record, as .mlops/integration-result.json.")],
    *,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Results kept of the model; by default as mlops.yaml says, or 1000."),
    ] = None,
    max_age: Annotated[
        float | None,
        typer.Option(min=0, max=100_000, help="Days after which results go; by default as mlops.yaml says."),
    ] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Verify a record and keep it in the history; to do it again changes nothing.

    What an alias or a pinned version rests on never goes. Exits with 0 whatever the verdict, with 4 if the
    run was recorded with another record, and with 5 if this one cannot be trusted, as one that the code of
    an untrusted pull request made.
    """
    from pytest_mlops.cli.verify import verify_file
    from pytest_mlops.registry.proof import UNTRUSTED
    from pytest_mlops.store.engine import open_store
    from pytest_mlops.store.history import record_result
    from pytest_mlops.store.log import default_actor

    verified = verify_file(result).record
    if verified.provenance.trust == UNTRUSTED:
        raise EvidenceError(
            f"run {verified.run_id} was made by the code of an untrusted pull request, which could state "
            "anything; such runs never enter the history"
        )
    folder = project_folder(result)
    settings = _settings(folder)
    age = settings.max_age if max_age is None else timedelta(days=max_age)
    with open_store(store, folder=store_folder(store, folder)) as opened:
        entry = record_result(
            opened, verified, actor=default_actor(), keep=keep or settings.keep, max_age=age
        )
    sentence = f"run {entry.run_id} is recorded: {entry.verdict.upper()}, {entry.decision}"
    say(sentence, _values(entry), as_json=as_json)


def _settings(folder: Path) -> HistorySettings:
    """Return what the ``mlops.yaml`` of a folder says of the history, else the defaults.

    Nothing else of the file is looked at: checks of plugins are known to pytest alone.
    """
    from pydantic import ValidationError

    from pytest_mlops.config.find import config_in
    from pytest_mlops.config.models import HistorySettings
    from pytest_mlops.config.yaml import parse_yaml
    from pytest_mlops.errors import ConfigError

    found = config_in(folder)
    if found is None:
        return HistorySettings()
    data = parse_yaml(found.read_bytes(), str(found)).data
    declared = data.get("history")
    try:
        return HistorySettings.model_validate({} if declared is None else declared)
    except ValidationError as error:
        raise ConfigError(str(found), problems_of(error, "history")) from error


def _values(entry: HistoryEntry) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(entry), "timestamp": entry.timestamp.isoformat()}


def _page(entries: Sequence[HistoryEntry], *, more: bool) -> tuple[Section, ...]:
    from pytest_mlops.cli.tables import Section

    if not entries:
        return (Section(title="Runs", sentences=("None.",)),)
    # Lines and no table: in 80 columns one would break the ids that other commands ask for.
    lines = tuple(
        f"{entry.run_id}  {entry.timestamp:%Y-%m-%d %H:%M}  {entry.model_id or '-'} {entry.version or '-'}"
        f"  {entry.verdict.upper()}, {entry.decision}; coverage {_shown(entry.coverage)}, "
        f"passed {_shown(entry.pass_rate)}, quality {_shown(entry.quality_score)}"
        for entry in entries
    )
    hint = ("There are more: narrow it down, or raise --limit.",) if more else ()
    return (Section(title="Runs", sentences=(*lines, *hint)),)


def _shown(score: float | None) -> str:
    return "-" if score is None else f"{score:.3g}"
