"""What the commands of deployments share: the environment they act on, and the manager that acts."""

# The heavy imports stand inside the functions, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pytest_mlops.errors import ConfigError, Problem, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_mlops.records.environment import DeploymentEnvironment
    from pytest_mlops.rollout.manager import DeploymentManager
    from pytest_mlops.state.paths import Layout
    from pytest_mlops.store.engine import Store

__all__ = [
    "ConfigPath",
    "EnvironmentName",
    "Place",
    "ToEnvironment",
    "absolute_url",
    "find_place",
    "manager_of",
    "store_of",
]

EnvironmentName = Annotated[
    str | None,
    typer.Option("--environment", "-e", help="Its name in mlops.yaml; not needed where only one has serve:."),
]
ToEnvironment = Annotated[
    str | None,
    typer.Option("--to", "-e", help="The environment; not needed where only one of mlops.yaml has serve:."),
]
ConfigPath = Annotated[
    Path | None, typer.Option("--config", help="The mlops.yaml; by default the nearest one around here.")
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a command acts.

    Attributes:
        config: The ``mlops.yaml``.
        environment: What it declares of the environment.
        model_id: The model it is for.
    """

    config: Path
    environment: DeploymentEnvironment
    model_id: str | None

    @property
    def project(self) -> Path:
        """Folder of ``mlops.yaml``."""
        return self.config.absolute().parent

    @property
    def layout(self) -> Layout:
        """Where the environment's files lie."""
        from pytest_mlops.state.paths import layout_of

        return layout_of(self.project, self.environment.environment_id)


def find_place(name: str | None, config: Path | None) -> Place:
    """Return the environment that a command acts on.

    Raises:
        ConfigError: there is no ``mlops.yaml``, it is wrong, or it is not clear which environment is meant.
    """
    from pytest_mlops.config.environments import read_environments
    from pytest_mlops.config.find import nearest_config

    found = config if config is not None else nearest_config(Path.cwd())
    if found is None:
        message = "there is no mlops.yaml here that could declare it; name one with --config"
        raise ConfigError("the environment", [Problem(path="", message=message)])
    declared = read_environments(found)
    chosen = name if name is not None else _only_one(declared.environments, found)
    if chosen not in declared.environments:
        known = ", ".join(declared.environments) or "none"
        message = f"got {chosen!r}; {found} declares {known}"
        raise ConfigError("the environment", [Problem(path="", message=message)])
    return Place(config=found, environment=declared.environments[chosen], model_id=declared.model_id)


def _only_one(environments: Mapping[str, DeploymentEnvironment], found: Path) -> str:
    names = [name for name, each in environments.items() if each.serve is not None]
    if len(names) != 1:
        some = ", ".join(names) or "none"
        message = f"{found} has {some} with serve:; say which one is meant, as --environment production"
        raise ConfigError("the environment", [Problem(path="", message=message)])
    return names[0]


@contextlib.contextmanager
def store_of(place: Place, url: str | None, *, new: bool = False) -> Iterator[Store]:
    """Open the store of a project.

    Raises:
        StoreError: there is none, and none is to be made.
    """
    from pytest_mlops.cli.registry_common import store_folder
    from pytest_mlops.store.engine import open_store, store_exists

    folder = store_folder(url, place.project)
    if not new and not store_exists(url, folder=folder):
        raise StoreError("there is no store here, so nothing was ever deployed; name one with --store")
    with open_store(url, folder=folder) as opened:
        yield opened


def absolute_url(url: str | None, place: Place) -> str | None:
    """Return a store's URL that means the same from every folder: a path is typed relative to this one."""
    from pytest_mlops.cli.registry_common import store_folder
    from pytest_mlops.store.address import resolve_address

    if url is None:
        return None
    address = resolve_address(url, folder=store_folder(url, place.project))
    return address.url.render_as_string(hide_password=False)


def manager_of(store: Store, place: Place, *, store_url: str | None) -> DeploymentManager:
    """Return what deploys to the environment, on this machine."""
    from pytest_mlops.operations.local import local_manager

    return local_manager(
        store,
        place.environment,
        config=place.config,
        store_url=absolute_url(store_url, place),
        model_id=place.model_id,
        tell=typer.echo,
    )
