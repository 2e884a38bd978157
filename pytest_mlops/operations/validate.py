"""Validating and reading configuration files, by default the one in the current folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlops.config.find import default_config
from pytest_mlops.config.load import load_config
from pytest_mlops.errors import ConfigError
from pytest_mlops.text import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.config.load import LoadedConfig
    from pytest_mlops.config.models import Config
    from pytest_mlops.errors import Problem

__all__ = ["FileCheck", "check_file", "read_config", "validate"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FileCheck:
    """One file and what was found in it.

    Attributes:
        source: The file, for messages.
        config: Its content, where it is valid.
        problems: Every mistake, in the order of the document.
    """

    source: str
    config: Config | None
    problems: tuple[Problem, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether the file can be used."""
        return self.config is not None

    def lines(self) -> list[str]:
        """Return what to print, a problem a line, as ``mlops.yaml:41: rules[2].min: …``."""
        if self.config is None:
            return [_located(self.source, problem) for problem in self.problems]
        cells, rules, waivers = self.config.policy().cells(), self.config.rules, self.config.waivers
        counts = (plural(len(cells), "cell"), plural(len(rules), "rule"), plural(len(waivers), "waiver"))
        return [f"{self.source}: ok ({', '.join(counts)})"]


def validate(paths: Sequence[Path] = ()) -> list[FileCheck]:
    """Check configuration files, by default the one in the current folder.

    Raises:
        ConfigError: no file is named, and the current folder holds two.
    """
    return [check_file(path) for path in paths or [default_config(Path())]]


def read_config(path: Path | None = None) -> LoadedConfig:
    """Read a configuration, by default the one in the current folder.

    Raises:
        ConfigError: with every mistake.
    """
    return load_config(default_config(Path()) if path is None else path)


def check_file(path: Path) -> FileCheck:
    """Check one file; mistakes are returned, not raised."""
    try:
        return FileCheck(source=str(path), config=load_config(path).config)
    except ConfigError as error:
        return FileCheck(source=error.source, config=None, problems=tuple(error.problems))


def _located(source: str, problem: Problem) -> str:
    location = source if problem.line is None else f"{source}:{problem.line}"
    return ": ".join(part for part in (location, problem.path, problem.message) if part)
