"""Reading a configuration, with every mistake named at once."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pytest_mlops.config.checks import cross_mistakes
from pytest_mlops.config.entries import EXTRA_CHECKS
from pytest_mlops.config.guard import MAX_BYTES
from pytest_mlops.config.models import Config
from pytest_mlops.config.problems import KeyPath, Mistake, line_of, to_problems
from pytest_mlops.config.yaml import parse_yaml
from pytest_mlops.errors import ConfigError, refuse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from pytest_mlops.checks.base import Check

__all__ = ["LoadedConfig", "load_config", "load_sections"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedConfig:
    """A configuration and where it came from.

    Attributes:
        config: The content of the file.
        path: The file, as it was given.
        lines: Key path, as ``("rules", 2, "min")``, -> 1-based line.
        digest: SHA-256 of the file's bytes, as hex.
    """

    config: Config
    path: Path
    lines: Mapping[KeyPath, int]
    digest: str

    def line(self, key_path: KeyPath) -> int | None:
        """Return the line of ``key_path``, or of the nearest one around it; ``None`` in an empty file."""
        return line_of(key_path, self.lines)


def load_config(path: Path, checks: Mapping[str, type[Check]] | None = None) -> LoadedConfig:
    """Read a configuration.

    Args:
        path: The file.
        checks: Checks that plugins bring along, by name.

    Raises:
        ConfigError: with every mistake, in the order of the document.
    """
    content = _read(path)
    document = parse_yaml(content, str(path))
    mistakes = list(document.mistakes)
    config = None
    try:
        config = Config.model_validate(document.data, context={EXTRA_CHECKS: checks})
    except ValidationError as error:
        from pytest_mlops.config.messages import schema_mistakes  # noqa: PLC0415 -- where there are any

        mistakes += schema_mistakes(error, document, checks)
    mistakes += cross_mistakes(document.data)
    if config is not None:
        mistakes += _same_titles(config)
    if mistakes or config is None:
        raise ConfigError(str(path), to_problems(mistakes, document.lines))
    return LoadedConfig(
        config=config,
        path=path,
        lines=MappingProxyType(dict(document.lines)),
        digest=hashlib.sha256(content).hexdigest(),
    )


def load_sections(path: Path, sections: Collection[str]) -> Config:
    """Read some sections of a configuration; the others stay at their defaults, right or wrong.

    Checks may be those of plugins, which only pytest knows.

    Raises:
        ConfigError: the file cannot be read, is no YAML, or one of the sections is wrong.
    """
    document = parse_yaml(_read(path), str(path))
    mistakes = list(document.mistakes)
    config = Config()
    try:
        config = Config.model_validate({key: document.data[key] for key in sections if key in document.data})
    except ValidationError as error:
        from pytest_mlops.config.messages import schema_mistakes  # noqa: PLC0415 -- where there are any

        mistakes += schema_mistakes(error, document)
    if mistakes:
        raise ConfigError(str(path), to_problems(mistakes, document.lines))
    return config


def _same_titles(config: Config) -> list[Mistake]:
    """Return a mistake for each check that would run under the name of an earlier one."""
    titles = [check.title() for check in config.checks]
    return [
        Mistake(
            key_path=("checks", index), message=f"is called {title!r}, like an earlier check; give it a name:"
        )
        for index, title in enumerate(titles)
        if title in titles[:index]
    ]


def _read(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            refuse(str(path), "is a folder; expected a YAML file")
        if not stat.S_ISREG(mode):
            refuse(str(path), "is not a regular file; expected a YAML file")
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        refuse(str(path), "there is no such file; check the path")
    except OSError as error:
        refuse(str(path), f"cannot be read: {error.strerror or error}")
