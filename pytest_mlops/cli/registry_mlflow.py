"""``registry mlflow``: versions from and to an MLflow server, and its aliases kept in step with ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pytest_mlops.cli.exits import ExitCode
from pytest_mlops.cli.options import Alias, AsJson, Model, Store, Version, project_here

if TYPE_CHECKING:
    from pytest_mlops.registry.mlflow.projection import AliasComparison

__all__ = ["mlflow"]

mlflow = typer.Typer(
    help="Import versions from an MLflow server, export ours, and keep its aliases in step with ours.",
    no_args_is_help=True,
)

Server = Annotated[
    str | None, typer.Option("--server", help="URL of the server. Default: $MLFLOW_TRACKING_URI.")
]
Restore = Annotated[
    bool, typer.Option("--restore", help="Overwrite an alias there that another client moved.")
]


@mlflow.command("import")
def import_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the registered model on the server.")],
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Its version there, or @ALIAS.")],
    *,
    model: Annotated[str | None, typer.Option(help="Id of the model here. Default: NAME.")] = None,
    version_id: Annotated[
        str | None, typer.Option(help="Id of the version here. Default: its number there.")
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Download and keep its files, and record their digest.")
    ] = False,
    server: Server = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Register a version of an MLflow server here.

    Metrics of its run become declared metrics, which the gate never counts as measured. Importing it again
    changes nothing. Exits with 0, and with 4 if the name is taken or the server does not answer.
    """
    from pytest_mlops.cli.output import print_result
    from pytest_mlops.cli.registry_pages import entry_values
    from pytest_mlops.operations.mlflow import import_version

    done = import_version(
        project_here(store),
        name,
        version,
        server=server,
        model_id=model,
        version_id=version_id,
        download=download,
    )
    entry = done.registration.entry
    how = "registered" if done.registration.created else "is registered already"
    message = "\n".join(
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
    print_result(message, values, as_json=as_json)


@mlflow.command()
def export(
    model: Model,
    version: Version,
    *,
    name: Annotated[
        str | None, typer.Option(help="Name of the registered model there. Default: as before, else MODEL.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="URI of its files. Default: the files kept here are uploaded."),
    ] = None,
    server: Server = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Export a version to an MLflow server, tagged with its digest, verdict and run.

    A version that was exported before gets its tags updated.
    """
    from pytest_mlops.cli.output import print_result
    from pytest_mlops.operations.mlflow import export_version

    done = export_version(project_here(store), model, version, server=server, name=name, source=source)
    how = "created" if done.created else "was there, and its tags are up to date"
    values = {
        "name": done.name,
        "remote_version": done.version,
        "source": done.source,
        "created": done.created,
    }
    print_result(f"version {done.version} of {done.name} {how}", values, as_json=as_json)


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
    """Set an alias on an MLflow server to the version that ours points to.

    Exits with 0 if it then points there, and with 4 if another client moved it; --restore overwrites that.
    """
    from pytest_mlops.cli.output import print_result
    from pytest_mlops.operations.mlflow import project_alias

    found = project_alias(project_here(store), model, alias, server=server, restore=restore)
    points = "nowhere" if found.expected is None else f"to version {found.expected}"
    print_result(f"{alias} of {found.name} points {points}", _values(found), as_json=as_json)


@mlflow.command()
def reconcile(
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help="Only aliases of this model.")] = None,
    *,
    restore: Restore = False,
    server: Server = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Compare the aliases on an MLflow server with ours.

    An alias that another client moved is reported and logged; ours never follows it. Exits with 0 if all
    are in step, or were restored by --restore, else with 1.
    """
    from pytest_mlops.cli.output import Section, show
    from pytest_mlops.operations.mlflow import reconcile_aliases

    address, found = reconcile_aliases(project_here(store), model, server=server, restore=restore)
    lines = tuple(_line(one) for one in found) or ("No alias was ever projected there.",)
    page = (Section(title=f"Aliases on {address}", lines=lines),)
    show(page, {"aliases": [_values(one) for one in found]}, as_json=as_json)
    raise typer.Exit(ExitCode.ALLOW if all(one.done for one in found) else ExitCode.BLOCK)


def _line(found: AliasComparison) -> str:
    mark = "ok" if found.state == "in_step" else "restored" if found.done else found.state.upper()
    return f"{mark}: {found.message}"


def _values(found: AliasComparison) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(found)
