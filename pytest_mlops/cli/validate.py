"""What checking one configuration file finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.config.load import load_config
from pytest_mlops.errors import ConfigError
from pytest_mlops.text import plural

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.config.models import Config
    from pytest_mlops.errors import Problem

__all__ = ["FileCheck", "check_file"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FileCheck:
    """One file and what was found in it.

    Attributes:
        source: The file, for messages.
        config: What it says, where it is valid.
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


def check_file(path: Path) -> FileCheck:
    """Check one file; mistakes are returned, not raised."""
    try:
        return FileCheck(source=str(path), config=load_config(path).config)
    except ConfigError as error:
        return FileCheck(source=error.source, config=None, problems=tuple(error.problems))


def _located(source: str, problem: Problem) -> str:
    place = source if problem.line is None else f"{source}:{problem.line}"
    return ": ".join(part for part in (place, problem.path, problem.message) if part)
