"""``registry mlflow``: versions from and to an MLflow server, and its aliases kept in step with ours."""

# The heavy imports stand inside the commands, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pytest_mlops.cli.exits import ExitCode
from pytest_mlops.cli.registry_common import Alias, AsJson, Model, Store, Version, open_here, say, show

if TYPE_CHECKING:
    from pytest_mlops.registry.mlflow.projection import AliasComparison

__all__ = ["mlflow"]

mlflow = typer.Typer(
    help="Versions from and to an MLflow server, and its aliases kept in step with ours.",
    no_args_is_help=True,
)

Server = Annotated[
    str | None, typer.Option("--server", help="Address of the server; by default $MLFLOW_TRACKING_URI.")
]
Restore = Annotated[bool, typer.Option("--restore", help="Replace what another client set there by ours.")]


@mlflow.command("import")
def import_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The registered model on the server.")],
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="Its version, or @ALIAS as it points there.")
    ],
    *,
    model: Annotated[str | None, typer.Option(help="Id of the model here; by default NAME.")] = None,
    version_id: Annotated[
        str | None, typer.Option(help="Id of the version here; by default its number there.")
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch and keep its files, and take their digest.")
    ] = False,
    server: Server = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Register a version of an MLflow server here.

    Metrics of its run become declared metrics, which the gate never counts as measured. To import again
    changes nothing. Exits with 0, and with 4 if the name is taken or the server does not answer.
    """
    from pytest_mlops.cli.registry_pages import entry_values
    from pytest_mlops.registry.mlflow.client import connect
    from pytest_mlops.registry.mlflow.importing import import_version

    with connect(server) as client, open_here(store, new=True) as opened:
        done = import_version(
            opened, client, name, version, model_id=model, version_id=version_id, download=download
        )
    entry = done.registration.entry
    how = "registered" if done.registration.created else "is registered already"
    sentence = "\n".join(
        [
            f"{entry.model_id} {entry.version_id} {how}: version {done.version} of {done.name}",
            *(f"left out: {one}" for one in done.left_out),
        ]
    )
    values = {
        **entry_values(entry),
        "created": done.registration.created,
        "name": done.name,
        "remote_version": done.version,
        "left_out": list(done.left_out),
    }
    say(sentence, values, as_json=as_json)


@mlflow.command()
def export(
    model: Model,
    version: Version,
    *,
    name: Annotated[
        str | None, typer.Option(help="The registered model there; by default as it was, else MODEL.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="Where MLflow finds its files; by default those kept here are put there."),
    ] = None,
    server: Server = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Create a version on an MLflow server that stands for one of ours, tagged with digest, verdict and run.

    Where there is one already, its tags are brought up to date.
    """
    from pytest_mlops.registry.mlflow.client import connect
    from pytest_mlops.registry.mlflow.exporting import export_version

    with connect(server) as client, open_here(store) as opened:
        entry = opened.get(model, version)
        done = export_version(opened, client, entry, name=name, source=source)
    how = "created" if done.created else "was there, and its tags are up to date"
    values = {
        "name": done.name,
        "remote_version": done.version,
        "source": done.source,
        "created": done.created,
    }
    say(f"version {done.version} of {done.name} {how}", values, as_json=as_json)


@mlflow.command()
def project(
    model: Model,
    alias: Alias,
    *,
    restore: Restore = False,
    server: Server = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Point an alias on an MLflow server to where ours points.

    Exits with 0 if it points there then, and with 4 if another client moved it there; --restore overrides.
    """
    from pytest_mlops.registry.mlflow.client import connect
    from pytest_mlops.registry.mlflow.projection import project as project_alias

    with connect(server) as client, open_here(store) as opened:
        found = project_alias(opened, client, model, alias, restore=restore)
    points = "nowhere" if found.expected is None else f"to version {found.expected}"
    say(f"{alias} of {found.name} points {points}", _values(found), as_json=as_json)


@mlflow.command()
def reconcile(
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help="Only of this model.")] = None,
    *,
    restore: Restore = False,
    server: Server = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Compare the aliases on an MLflow server with ours.

    One that another client moved there is reported and written to the log; ours never follows it. Exits with
    0 if all are in step, or with --restore have been put back, else with 1.
    """
    from pytest_mlops.cli.tables import Section
    from pytest_mlops.registry.mlflow.client import connect
    from pytest_mlops.registry.mlflow.projection import reconcile as reconcile_aliases

    with connect(server) as client, open_here(store) as opened:
        found = reconcile_aliases(opened, client, model, restore=restore)
    sentences = tuple(_line(one) for one in found) or ("No alias was ever projected there.",)
    page = (Section(title=f"Aliases on {client.server}", sentences=sentences),)
    show(page, {"aliases": [_values(one) for one in found]}, as_json=as_json)
    raise typer.Exit(ExitCode.ALLOW if all(one.done for one in found) else ExitCode.BLOCK)


def _line(found: AliasComparison) -> str:
    mark = "ok" if found.state == "in_step" else "put back" if found.done else found.state.upper()
    return f"{mark}: {found.message}"


def _values(found: AliasComparison) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(found)
