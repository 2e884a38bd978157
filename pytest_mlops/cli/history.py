"""``history``: recorded runs and deployments, and recording a run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pytest_mlops.cli.options import (
    AsJson,
    ConfigPath,
    EnvironmentName,
    Limit,
    Result,
    Since,
    Store,
    in_utc,
    project_here,
)
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.cli.output import Section
    from pytest_mlops.state.rows import DeploymentRow
    from pytest_mlops.store.history import HistoryEntry

__all__ = ["history"]

history = typer.Typer(help="List recorded runs and deployments, newest first; record a run.")


@history.callback(invoke_without_command=True)
def list_(
    context: typer.Context,
    *,
    model: Annotated[str | None, typer.Option(help="Only runs of this model.")] = None,
    verdict: Annotated[Verdict | None, typer.Option(help="Only runs with this verdict.")] = None,
    since: Since = None,
    limit: Limit = 20,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """List recorded runs and deployments, newest first; record a run."""
    if context.invoked_subcommand is not None:
        return
    from pytest_mlops.cli.output import show
    from pytest_mlops.operations.history import list_runs

    page = list_runs(project_here(store), model=model, verdict=verdict, since=in_utc(since), limit=limit)
    more = page.cursor is not None
    values = {"results": [_values(entry) for entry in page.entries], "more": more}
    show(_runs_page(page.entries, more=more), values, as_json=as_json)


@history.command()
def deployments(
    *,
    environment: EnvironmentName = None,
    limit: Limit = 20,
    config: ConfigPath = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """List the deployments to an environment, newest first."""
    from pytest_mlops.cli.output import show
    from pytest_mlops.operations.project import find_environment
    from pytest_mlops.operations.status import list_environment_deployments

    where = find_environment(environment, config=config, store=store)
    rows = list_environment_deployments(where, limit=limit)
    values = {"deployments": [row.record().model_dump(mode="json") for row in rows]}
    show((_deployments_page(where.environment.name, rows),), values, as_json=as_json)


@history.command()
def record(
    result: Result,
    *,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Results to keep of the model. Default: as mlops.yaml says, else 1000."),
    ] = None,
    max_age: Annotated[
        float | None,
        typer.Option(
            min=0, max=100_000, help="Days after which results are removed. Default: as mlops.yaml says."
        ),
    ] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Verify a record and keep it in the history; recording it again changes nothing.

    Results that an alias or a pinned version rests on are never removed. Exits with 0 whatever the verdict,
    with 4 if the run was recorded with another record, and with 5 if this one cannot be trusted, such as one
    that an untrusted pull request made.
    """
    from pytest_mlops.cli.output import print_result
    from pytest_mlops.operations.history import record_run

    age = None if max_age is None else timedelta(days=max_age)
    entry = record_run(project_here(store, near=result), result, keep=keep, max_age=age)
    message = f"run {entry.run_id} is recorded: {entry.verdict.upper()}, {entry.decision}"
    print_result(message, _values(entry), as_json=as_json)


def _values(entry: HistoryEntry) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(entry), "timestamp": entry.timestamp.isoformat()}


def _runs_page(entries: Sequence[HistoryEntry], *, more: bool) -> tuple[Section, ...]:
    from pytest_mlops.cli.output import Section

    if not entries:
        return (Section(title="Runs", lines=("None.",)),)
    # Lines and no table: in 80 columns one would break the ids that other commands take.
    lines = tuple(
        f"{entry.run_id}  {entry.timestamp:%Y-%m-%d %H:%M}  {entry.model_id or '-'} {entry.version or '-'}"
        f"  {entry.verdict.upper()}, {entry.decision}; coverage {_shown(entry.coverage)}, "
        f"passed {_shown(entry.pass_rate)}, quality {_shown(entry.quality_score)}"
        for entry in entries
    )
    hint = ("There are more: narrow the list, or raise --limit.",) if more else ()
    return (Section(title="Runs", lines=(*lines, *hint)),)


def _deployments_page(name: str, rows: Sequence[DeploymentRow]) -> Section:
    from pytest_mlops.cli.output import Section, Table

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
    table = Table(columns=("deployment", "version", "status", "started, UTC", "by"), rows=cells)
    lines = tuple(f"{row.plan.deployment_id}: {row.message}" for row in rows if row.message)
    return Section(title=f"Deployments to {name}", table=table, lines=lines)


def _shown(score: float | None) -> str:
    return "-" if score is None else f"{score:.3g}"
