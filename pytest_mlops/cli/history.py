"""``history``: the runs that were recorded, and recording one."""

# The heavy imports stand inside the commands, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pytest_mlops.cli.registry_common import AsJson, Store, say, show
from pytest_mlops.errors import StoreError
from pytest_mlops.verdict import Verdict  # noqa: TC001 -- typer reads the annotations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.cli.pages import Section
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

    if not store_exists(store, folder=Path()):
        raise StoreError(
            "there is no store here, so no run is recorded; record one, or add history to mlops.yaml"
        )
    day = None if since is None else since.replace(tzinfo=UTC)
    with open_store(store, folder=Path()) as opened:
        page = list_results(opened, model_id=model, verdict=verdict, since=day, limit=limit)
    more = page.cursor is not None
    values = {"results": [_values(entry) for entry in page.entries], "more": more}
    show(_page(page.entries, more=more), values, as_json=as_json)


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
    run was recorded with another record, and with 5 if this one cannot be trusted.
    """
    from pytest_mlops.cli.verify import verify_file
    from pytest_mlops.registry.registry import default_actor
    from pytest_mlops.store.engine import open_store
    from pytest_mlops.store.history import record_result

    verified = verify_file(result).record
    settings = _settings()
    age = settings.max_age if max_age is None else timedelta(days=max_age)
    with open_store(store, folder=Path()) as opened:
        entry = record_result(
            opened, verified, actor=default_actor(), keep=keep or settings.keep, max_age=age
        )
    sentence = f"run {entry.run_id} is recorded: {entry.verdict.upper()}, {entry.decision}"
    say(sentence, _values(entry), as_json=as_json)


def _settings() -> HistorySettings:
    """Return what the ``mlops.yaml`` here says of the history, else the defaults."""
    from pytest_mlops.config.load import find_config, load_config
    from pytest_mlops.config.models import HistorySettings

    found = find_config(Path.cwd(), Path.cwd())
    declared = None if found is None else load_config(found).config.history
    return declared or HistorySettings()


def _values(entry: HistoryEntry) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(entry), "timestamp": entry.timestamp.isoformat()}


def _page(entries: Sequence[HistoryEntry], *, more: bool) -> tuple[Section, ...]:
    from pytest_mlops.cli.pages import Section, Table

    if not entries:
        return (Section(title="Runs", sentences=("None.",)),)
    rows = tuple(
        (
            entry.timestamp.strftime("%Y-%m-%d %H:%M"),
            f"{entry.model_id or '-'} {entry.version or ''}".rstrip(),
            f"{entry.verdict.upper()}, {entry.decision}",
            *(f"{_shown(score)}" for score in (entry.coverage, entry.pass_rate, entry.quality_score)),
            entry.run_id,
        )
        for entry in entries
    )
    columns = ("ended", "model", "verdict", "coverage", "passed", "quality", "run")
    table = Table(columns=columns, rows=rows, numeric=("coverage", "passed", "quality"))
    sentences = ("There are more: narrow it down, or raise --limit.",) if more else ()
    return (Section(title="Runs", table=table, sentences=sentences),)


def _shown(score: float | None) -> str:
    return "-" if score is None else f"{score:.3g}"
