"""The environments of a ``mlops.yaml`` and the model they are for, read without the rest of the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pytest_mlops.config.guard import MAX_BYTES
from pytest_mlops.config.messages import schema_mistakes
from pytest_mlops.config.models import Config
from pytest_mlops.config.problems import refuse, to_problems
from pytest_mlops.config.yaml import parse_yaml
from pytest_mlops.errors import ConfigError, EvidenceError
from pytest_mlops.files import read_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_mlops.records.environment import DeploymentEnvironment
    from pytest_mlops.records.ticket import TicketPolicy

__all__ = ["Environments", "read_environments"]

SECTIONS = ("version", "model", "environments")


@dataclass(frozen=True, kw_only=True, slots=True)
class Environments:
    """What a deployer's configuration says about deployments.

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


def read_environments(path: Path) -> Environments:
    """Read what a deployment needs; checks may be those of plugins that are not installed where one deploys.

    Raises:
        ConfigError: the file cannot be read, is no YAML, or one of the sections that are read is wrong.
    """
    try:
        document = parse_yaml(read_bytes(path, limit=MAX_BYTES), str(path))
    except EvidenceError as error:
        refuse(str(path), str(error))
    mistakes = list(document.mistakes)
    config = Config()
    try:
        config = Config.model_validate({key: document.data[key] for key in SECTIONS if key in document.data})
    except ValidationError as error:
        mistakes += schema_mistakes(error, document)
    if mistakes:
        raise ConfigError(str(path), to_problems(mistakes, document.lines))
    return Environments(
        path=path,
        model_id=None if config.model is None else config.model.id,
        policies={name: each.ticket_policy() for name, each in config.environments.items()},
        environments={name: each.environment(name) for name, each in config.environments.items()},
    )
