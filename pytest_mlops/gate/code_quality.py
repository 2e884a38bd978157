"""Code quality, measured from the reports of coverage.py, ruff and radon."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_mlops.errors import SerializationError
from pytest_mlops.records.integration import CodeQuality
from pytest_mlops.strict_json import parse_json
from pytest_mlops.text import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_mlops.records.policy import CodeReports

__all__ = ["MAX_REPORT_BYTES", "SIMPLE_COMPLEXITY", "read_code_quality"]

MAX_REPORT_BYTES = 64 * 1024 * 1024
"""Larger reports are refused unread."""
SIMPLE_COMPLEXITY = 10
"""Cyclomatic complexity up to which a function counts as simple (McCabe 1976, section IV)."""

_NOT_SOURCE = frozenset({"__pycache__", "build", "dist", "node_modules", "site-packages", "venv"})
_CHUNK = 1024 * 1024


class _UnusableError(Exception):
    """Why a report cannot be used."""


def read_code_quality(folder: Path, reports: CodeReports) -> tuple[CodeQuality, dict[str, str]]:
    """Read the reports that a configuration names.

    Args:
        folder: The folder of ``mlops.yaml``; the reports lie at or below it.
        reports: Which reports there are.

    Returns:
        What was measured, and report name -> why it could not be used. A report may come from anyone,
        so a bad one is a result and no error.
    """
    readers: dict[str, tuple[str | None, Callable[[Any], float]]] = {
        "coverage": (reports.coverage, _line_coverage),
        "ruff": (reports.ruff, lambda data: _findings_per_kloc(data, folder, reports.source)),
        "complexity": (reports.complexity, _simple_share),
    }
    found: dict[str, float] = {}
    problems: dict[str, str] = {}
    for name, (path, measure) in readers.items():
        if path is None:
            continue
        try:
            found[name] = measure(_load(folder, path))
        except _UnusableError as error:
            problems[name] = f"{path}: {error}"
        except OSError as error:
            problems[name] = f"{path}: {error}; check the permissions"
    quality = CodeQuality(
        line_coverage=found.get("coverage"),
        findings_per_kloc=found.get("ruff"),
        simple_functions=found.get("complexity"),
    )
    return quality, problems


def _line_coverage(data: Any) -> float:
    """Return covered lines / statements; ``percent_covered`` mixes in branches where they were measured."""
    totals = _get(data, "totals", dict)
    statements, covered = (_count(totals, key) for key in ("num_statements", "covered_lines"))
    if statements == 0:
        raise _UnusableError("measured no statements; check coverage's source setting")
    if covered > statements:
        raise _UnusableError(
            f"covers {covered} lines of {statements}; create the report again with coverage json"
        )
    return covered / statements


def _findings_per_kloc(data: Any, folder: Path, source: Iterable[str]) -> float:
    if not isinstance(data, list) or not all(isinstance(finding, dict) for finding in data):
        raise _UnusableError("is not a list of findings; write it with ruff check --output-format json")
    lines = _source_lines([_inside(folder, name) for name in source])
    if lines == 0:
        raise _UnusableError(
            f"there are no lines of Python below {', '.join(source)}; correct quality.code.source"
        )
    return 1000 * len(data) / lines


def _simple_share(data: Any) -> float:
    if not isinstance(data, dict):
        raise _UnusableError("is not an object of files; write it with radon cc --json")
    complexities: list[int] = []
    for file, blocks in data.items():
        if not isinstance(blocks, list):
            reason = blocks.get("error") if isinstance(blocks, dict) else blocks
            raise _UnusableError(f"radon could not read {_short(file)}: {_short(reason)}; fix that file")
        # The same method stands in the file's list and in its class's, a closure perhaps too.
        complexities.extend(dict(_functions(blocks)).values())
    if not complexities:
        raise _UnusableError("contains no functions; check the paths that radon was given")
    return sum(value <= SIMPLE_COMPLEXITY for value in complexities) / len(complexities)


def _functions(blocks: list[Any]) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield (line, column) -> complexity of every function, method and closure; classes only hold them."""
    pending = list(blocks)
    while pending:
        block = pending.pop()
        kind = _get(block, "type", str)
        if kind not in {"function", "method", "class"}:
            raise _UnusableError(f"has a block of type {_short(kind)}; expected function, method or class")
        pending += [*_inner(block, "methods"), *_inner(block, "closures")]
        if kind != "class":
            yield (_count(block, "lineno"), _count(block, "col_offset")), _count(block, "complexity")


def _inner(block: Any, key: str) -> list[Any]:
    inner: list[Any] = _get(block, key, list) if key in block else []
    return inner


def _get(data: Any, key: str, kind: type) -> Any:
    if not isinstance(data, dict) or not isinstance(data.get(key), kind):
        raise _UnusableError(f"lacks the key {key}; create the report again in JSON")
    return data[key]


def _count(data: Any, key: str) -> int:
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _UnusableError(f"{key} is {_short(value)}; expected an integer of at least 0")
    return value


def _load(folder: Path, name: str) -> Any:
    path = _inside(folder, name)
    if not path.is_file():  # a pipe would be waited for
        raise _UnusableError("is not a file; set the path of the report")
    with path.open("rb") as stream:
        text = stream.read(MAX_REPORT_BYTES + 1)
    if len(text) > MAX_REPORT_BYTES:
        raise _UnusableError(
            f"has more than {MAX_REPORT_BYTES:,} bytes; limit the report to less source code"
        )
    try:
        return parse_json(text, what="the report")
    except SerializationError as error:
        raise _UnusableError(f"{error}; create it again") from error


def _inside(folder: Path, name: str) -> Path:
    """Return the real path of a file or folder at or below ``folder``."""
    if Path(name).anchor or ".." in Path(name).parts:
        raise _UnusableError(
            f"{name!r} is not a relative path without '..'; put it into the folder of mlops.yaml"
        )
    try:
        base, path = folder.resolve(strict=True), (folder / name).resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _UnusableError(
            f"{name!r} does not exist; create it before the gate runs, or correct the path"
        ) from error
    except (RuntimeError, ValueError) as error:  # links in a circle before Python 3.13; a NUL in the name
        raise _UnusableError(f"{name!r} is not a valid path: {error}") from error
    if not path.is_relative_to(base):
        raise _UnusableError(f"{name!r} is outside the folder of mlops.yaml; put a copy into that folder")
    return path


def _source_lines(roots: Iterable[Path]) -> int:
    """Count the physical lines of the ``.py`` files below ``roots``, each file once, links not at all."""
    files: set[Path] = set()
    for root in roots:
        if not root.is_dir():
            raise _UnusableError(f"the source {root.name} is not a folder; correct quality.code.source")
        for folder, subfolders, names in os.walk(root):
            subfolders[:] = [name for name in subfolders if name not in _NOT_SOURCE and name[0] != "."]
            files.update(Path(folder, name) for name in names if name.endswith(".py"))
    return sum(_lines(file) for file in files if file.is_file() and not file.is_symlink())


def _lines(file: Path) -> int:
    lines, last = 0, b"\n"
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    return lines + (last != b"\n")


def _short(value: object) -> str:
    """Show a value of a report, whatever its size."""
    if isinstance(value, str):
        return repr(cut(value, 80))
    return (
        str(value) if value is None or isinstance(value, bool | int | float) else f"a {type(value).__name__}"
    )
