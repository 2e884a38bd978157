"""The typer application: every command group, put together."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from pytest_mlops.cli import (
    compare,
    config,
    deploy,
    github,
    history,
    init,
    log,
    merge,
    plan,
    registry,
    report,
    sign,
    status,
    up,
    verify,
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
app.command()(verify.verify)
app.command()(sign.sign)
app.add_typer(sign.keys, name="keys")
app.command()(report.report)
app.command()(compare.compare)
app.command()(plan.plan)
app.command()(merge.merge)
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
