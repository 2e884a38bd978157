"""What the ``registry`` commands share: their arguments, how they open it, and how they answer."""

# The heavy imports stand inside the functions, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pytest_mlops.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_mlops.cli.tables import Section
    from pytest_mlops.registry.registry import Registry

__all__ = [
    "Alias",
    "AsJson",
    "Cursor",
    "Model",
    "Store",
    "Version",
    "aliases_by_version",
    "open_here",
    "project_folder",
    "say",
    "show",
    "store_folder",
]

Model = Annotated[str, typer.Argument(metavar="MODEL", help="The model's id.")]
Version = Annotated[
    str, typer.Argument(metavar="VERSION", help="A version, or @ALIAS for the one it points to.")
]
Alias = Annotated[str, typer.Argument(metavar="ALIAS", help="As champion.")]
Store = Annotated[
    str | None,
    typer.Option("--store", help="URL of the store; by default $MLOPS_STORE_URL, else .mlops/store.db."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Cursor = Annotated[int | None, typer.Option(min=0, max=2**63 - 1, help="Where the page before ended.")]


def open_here(url: str | None, *, folder: Path | None = None, new: bool = False) -> Registry:
    """Open the registry of a project, by default of the one around this folder.

    Only registering makes a store where there is none.
    """
    from pytest_mlops.registry.artifacts import open_artifacts
    from pytest_mlops.registry.registry import Registry
    from pytest_mlops.store.engine import open_store, store_exists
    from pytest_mlops.store.log import default_actor

    folder = folder or project_folder(Path.cwd())
    place = store_folder(url, folder)
    if not new and not store_exists(url, folder=place):
        raise StoreError("there is no store here, so nothing is registered; name one with --store")
    artifacts = open_artifacts(folder=folder)
    return Registry(open_store(url, folder=place), artifacts=artifacts, actor=default_actor())


def project_folder(start: Path) -> Path:
    """Return the folder of the nearest ``mlops.yaml`` around ``start``, and name it where it is not this one.

    Without one it is this folder.
    """
    from pytest_mlops.config.find import nearest_config

    found = nearest_config(start)
    here = Path.cwd()
    if found is None or found.parent == here.resolve():
        return here
    typer.echo(f"The project is {found.parent}, where {found.name} lies.", err=True)
    return found.parent


def store_folder(url: str | None, folder: Path) -> Path:
    """Return what a relative store URL starts from: this folder, where it was typed here."""
    return Path.cwd() if url else folder


def aliases_by_version(opened: Registry, models: Iterable[str]) -> dict[tuple[str, str], list[str]]:
    """Return (model id, version id) -> aliases that point there."""
    found: dict[tuple[str, str], list[str]] = {}
    for model in sorted(models):
        for state in opened.aliases(model):
            found.setdefault((model, str(state.version_id)), []).append(f"@{state.alias}")
    return found


def show(page: Sequence[Section], values: object, *, as_json: bool) -> None:
    """Print sections for people, or values as JSON."""
    from pytest_mlops.cli.tables import print_sections

    if as_json:
        typer.echo(json.dumps(values, indent=2, sort_keys=True))
    else:
        print_sections(page)


def say(sentence: str, values: Mapping[str, object], *, as_json: bool) -> None:
    """Print one sentence for people, or values as JSON."""
    typer.echo(json.dumps(values, indent=2, sort_keys=True) if as_json else sentence)
