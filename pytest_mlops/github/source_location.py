"""Source lines of tests and rules, found in the text of the files."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pytest_mlops.config.guard import MAX_BYTES
from pytest_mlops.config.yaml import parse_yaml
from pytest_mlops.errors import ConfigError

__all__ = ["SourceLocation", "SourceLocator"]

MAX_SOURCE = 4 * 1024 * 1024
_DEFINITION = re.compile(r"[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceLocation:
    """A line of a file.

    Attributes:
        path: Relative to the top of the repository, with slashes.
        line: 1-based.
    """

    path: str
    line: int


class SourceLocator:
    """Locates tests and rules in one checkout; line 1 is used for a file that is missing.

    Args:
        workspace: Top folder of the checkout; nothing outside of it is read.
        folders: Folders that paths in a record may be relative to, the likeliest first.
        config: ``mlops.yaml`` as the record names it.
    """

    def __init__(self, workspace: Path, folders: tuple[Path, ...], config: str | None) -> None:
        self._workspace = workspace.resolve()
        self._folders = folders
        self._config = config
        self._lines: dict[Path, list[str]] = {}
        self._rules: list[int] | None = None
        self._found: dict[str, tuple[Path, str] | None] = {}

    def of_test(self, node_id: str) -> SourceLocation | None:
        """Return where a test is defined; ``None`` where the path leads out of the repository."""
        file, *names = node_id.split("::")
        found = self._find(file)
        if found is None:
            return None
        path, shown = found
        line = 1
        for name in names:
            line = self._definition(path, name.partition("[")[0], line) or line
        return SourceLocation(path=shown, line=line)

    def of_rule(self, index: int) -> SourceLocation | None:
        """Return where a rule is written, by its position in the configuration."""
        found = self._find(self._config) if self._config is not None else None
        if found is None:
            return None
        path, shown = found
        if self._rules is None:
            self._rules = _rule_lines(path)
        return SourceLocation(path=shown, line=self._rules[index] if index < len(self._rules) else 1)

    def _find(self, name: str) -> tuple[Path, str] | None:
        """Return a file and its path for GitHub; searched once, however many lines of it are needed."""
        if name not in self._found:
            self._found[name] = self._search(name)
        return self._found[name]

    def _search(self, name: str) -> tuple[Path, str] | None:
        """Search for a file; the first folder that has it wins."""
        if not name or len(name) > 1000 or not name.isprintable() or PurePosixPath(name).is_absolute():
            return None
        inside = [path for folder in self._folders if (path := self._inside(folder / name)) is not None]
        found = next((path for path in inside if path.is_file()), inside[0] if inside else None)
        return None if found is None else (found, found.relative_to(self._workspace).as_posix())

    def _inside(self, path: Path) -> Path | None:
        try:
            plain = Path(os.path.normpath(path))
            # Both as it is written and where links lead.
            kept = plain.is_relative_to(self._workspace) and plain.resolve().is_relative_to(self._workspace)
        except (OSError, RuntimeError, ValueError):  # a loop of links is a RuntimeError before Python 3.13
            return None
        return plain if kept else None

    def _definition(self, path: Path, name: str, after: int) -> int | None:
        if path not in self._lines:
            self._lines[path] = _read_lines(path)
        for number, line in enumerate(self._lines[path][after - 1 :], start=after):
            match = _DEFINITION.match(line)
            if match is not None and match[1] == name:
                return number
        return None


def _read_lines(path: Path) -> list[str]:
    if not path.is_file():  # a pipe would block for ever
        return []
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_SOURCE).decode(errors="replace").split("\n")
    except OSError:
        return []


def _rule_lines(path: Path) -> list[int]:
    if not path.is_file():
        return []
    try:
        with path.open("rb") as stream:
            document = parse_yaml(stream.read(MAX_BYTES + 1), path.name)
    except (OSError, ConfigError):
        return []
    rules = document.data.get("rules")
    count = len(rules) if isinstance(rules, list) else 0
    return [document.lines.get(("rules", index), 1) for index in range(count)]
