"""The project that is meant, its environments, and its store."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlops.config.environments import read_environments
from pytest_mlops.config.find import CONFIG_NAMES, nearest_config
from pytest_mlops.errors import StoreError, refuse
from pytest_mlops.state.paths import layout_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_mlops.records.environment import DeploymentEnvironment
    from pytest_mlops.state.paths import Layout
    from pytest_mlops.store.engine import Store

__all__ = ["Project", "ProjectEnvironment", "find_environment", "find_project", "open_project_store"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """A project.

    Attributes:
        folder: That of its configuration; without one, the folder that the search began in.
        config: Its configuration; ``None`` where there is none.
        store: URL of its store, the same from every folder; ``None``: the one that ``$MLOPS_STORE_URL``
            names, else ``.mlops/store.db`` in ``folder``.
    """

    folder: Path
    config: Path | None
    store: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectEnvironment:
    """An environment that a project declares.

    Attributes:
        project: The project.
        config: The configuration that declares it.
        environment: What is declared of it.
        model_id: The model that it is for; ``None`` where the configuration names none.
    """

    project: Project
    config: Path
    environment: DeploymentEnvironment
    model_id: str | None

    @property
    def name(self) -> str:
        """Its name, and its key in the store."""
        return self.environment.environment_id

    @property
    def layout(self) -> Layout:
        """Where its files lie on this machine."""
        return layout_of(self.project.folder, self.name)


def find_project(
    folder: Path = Path(), *, near: Path | None = None, config: Path | None = None, store: str | None = None
) -> Project:
    """Return the project that is meant: that of the nearest configuration, upward.

    Args:
        folder: Where the search begins, and the project's folder where there is no configuration.
        near: A file where the search begins in place of ``folder``, such as a record.
        config: The configuration, where it is named.
        store: URL of the store, where it is named; a relative path is taken from the current folder.

    Raises:
        ConfigError: one folder holds two configurations.
        StoreError: the URL means no store.
    """
    found = config if config is not None else nearest_config(folder if near is None else near)
    return Project(
        folder=folder.absolute() if found is None else found.absolute().parent,
        config=found,
        store=None if store is None else _absolute(store),
    )


def find_environment(
    name: str | None = None, *, folder: Path = Path(), config: Path | None = None, store: str | None = None
) -> ProjectEnvironment:
    """Return the environment that is meant.

    Args:
        name: Its name; ``None``: the only one that has ``serve:``.
        folder: As in :func:`find_project`.
        config: As in :func:`find_project`.
        store: As in :func:`find_project`.

    Raises:
        ConfigError: there is no configuration, it is wrong, or it is not clear which environment is meant.
        StoreError: the URL means no store.
    """
    project = find_project(folder, config=config, store=store)
    if project.config is None:
        refuse("the environment", f"no {CONFIG_NAMES[0]} here or above declares it; choose one with --config")
    declared = read_environments(project.config)
    return ProjectEnvironment(
        project=project,
        config=project.config,
        environment=declared.choose(name),
        model_id=declared.model_id,
    )


@contextlib.contextmanager
def open_project_store(project: Project, *, absent: str | None = None) -> Iterator[Store]:
    """Open the store of a project.

    Args:
        project: The project.
        absent: What follows where there is no store, as "nothing was ever deployed"; ``None``: make one.

    Raises:
        StoreError: it cannot be opened, or there is none.
    """
    from pytest_mlops.store.engine import open_store, store_exists  # noqa: PLC0415 -- of the ops extra

    if absent is not None and not store_exists(project.store, folder=project.folder):
        raise StoreError(f"there is no store here, so {absent}; choose one with --store")
    with open_store(project.store, folder=project.folder) as opened:
        yield opened


def _absolute(url: str) -> str:
    from pytest_mlops.store.address import resolve_address  # noqa: PLC0415 -- of the ops extra

    return resolve_address(url, folder=Path.cwd()).url.render_as_string(hide_password=False)
