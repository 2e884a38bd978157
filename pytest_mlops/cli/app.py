"""The typer application: every command group, put together."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from pytest_mlops.cli import (
    config,
    deploy,
    evidence,
    github,
    history,
    init,
    log,
    registry,
    reports,
    status,
    up,
)

__all__ = ["app"]

app = typer.Typer(
    name="pytest-mlops",
    help="The gate between a trained model and production: evidence in, verdict out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(given: bool) -> None:  # noqa: FBT001 -- typer's signature for callbacks
    if given:
        typer.echo(f"pytest-mlops {version('pytest-mlops')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None: ...


app.command()(init.init)
app.command()(config.validate)
app.command()(config.explain)
app.command()(config.schema)
app.command()(evidence.verify)
app.command()(evidence.sign)
app.add_typer(evidence.keys, name="keys")
app.command()(reports.report)
app.command()(reports.compare)
app.command()(reports.plan)
app.command()(evidence.merge)
app.add_typer(history.history, name="history")
app.add_typer(registry.registry, name="registry")
app.command()(up.up)
app.command()(up.down)
app.command()(deploy.deploy)
app.command()(deploy.promote)
app.command()(deploy.pause)
app.command()(deploy.resume)
app.command()(deploy.abort)
app.command()(deploy.rollback)
app.command()(status.status)
app.command()(status.health)
app.add_typer(log.log, name="log")
app.add_typer(github.app)
