"""The environments of a ``mlops.yaml`` and the model they are for, read without the rest of the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.config.load import load_sections
from pytest_mlops.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_mlops.records.environment import DeploymentEnvironment
    from pytest_mlops.records.ticket import TicketPolicy

__all__ = ["Environments", "read_environments"]

SECTIONS = ("version", "model", "environments")


@dataclass(frozen=True, kw_only=True, slots=True)
class Environments:
    """The part of a configuration that is about deployments.

    Attributes:
        path: The file.
        model_id: ``model.id``; ``None`` where it names no model.
        policies: Name of each environment -> what it demands.
        environments: Name of each environment -> all that is declared of it.
    """

    path: Path
    model_id: str | None
    policies: Mapping[str, TicketPolicy]
    environments: Mapping[str, DeploymentEnvironment]

    def choose(self, name: str | None) -> DeploymentEnvironment:
        """Return the environment that is meant: the named one, else the only one with ``serve:``.

        Raises:
            ConfigError: none of that name is declared, or it is not clear which one is meant.
        """
        if name is None:
            name = self._only_one_that_serves()
        if name not in self.environments:
            known = ", ".join(self.environments) or "none"
            raise self._unclear(f"got {name!r}; {self.path} declares {known}")
        return self.environments[name]

    def _only_one_that_serves(self) -> str:
        names = [name for name, each in self.environments.items() if each.serve is not None]
        if len(names) != 1:
            some = ", ".join(names) or "none"
            raise self._unclear(f"{self.path} has {some} with serve:; name one, as --environment production")
        return names[0]

    @staticmethod
    def _unclear(message: str) -> ConfigError:
        return ConfigError("the environment", [Problem(path="", message=message)])


def read_environments(path: Path) -> Environments:
    """Read what a deployment needs; checks may be those of plugins that are not installed where one deploys.

    Raises:
        ConfigError: the file cannot be read, is no YAML, or one of the sections that are read is wrong.
    """
    config = load_sections(path, SECTIONS)
    return Environments(
        path=path,
        model_id=None if config.model is None else config.model.id,
        policies={name: each.ticket_policy() for name, each in config.environments.items()},
        environments={name: each.environment(name) for name, each in config.environments.items()},
    )
