"""Options that narrow a run to a part of its tests.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlops.config.find import CONFIG_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pytest

__all__ = ["Narrowing", "holds_model_tests", "narrowing_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Narrowing:
    """Options that can leave tests out, sorted by how that shows.

    Attributes:
        deselecting: Left-out tests are seen as deselected (``-k``, ``-m``, ``--deselect``).
        stopping: Left-out tests are seen as never run (``-x``, ``--maxfail``).
        hiding: Left-out tests are not even collected (``--lf``, ``--sw``, node ids).
        paths: Folders and files that leave out a part of the configuration's folder.
    """

    deselecting: tuple[str, ...] = ()
    stopping: tuple[str, ...] = ()
    hiding: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    def effective(self, *, deselected: bool, stopped: bool) -> tuple[str, ...]:
        """Return the options that did narrow this run."""
        options = (
            *(self.deselecting if deselected else ()),
            *(self.stopping if stopped else ()),
            *self.hiding,
            *self.paths,
        )
        return tuple(dict.fromkeys(options))


def narrowing_of(config: pytest.Config, gated: Path) -> Narrowing:
    """Read the narrowing options of a run whose configuration lies in the folder ``gated``."""
    option = config.option
    deselecting = []
    if option.keyword:
        deselecting.append(f"-k {option.keyword!r}")
    if option.markexpr:
        deselecting.append(f"-m {option.markexpr!r}")
    if option.deselect:
        deselecting.append("--deselect")
    limit = option.maxfail
    stopping = ["-x" if limit == 1 else f"--maxfail={limit}"] if limit else []
    arguments = _arguments(config)
    hiding = [*_from_cache(config), *(argument for argument in arguments if "::" in argument)]
    hiding += _leaving_out(config, arguments, gated)
    testpaths = [config.rootpath / path for path in config.getini("testpaths")]
    paths = _narrower(arguments, config.invocation_params.dir, gated, testpaths)
    return Narrowing(
        deselecting=tuple(deselecting), stopping=tuple(stopping), hiding=tuple(hiding), paths=tuple(paths)
    )


def _arguments(config: pytest.Config) -> list[str]:
    """Return the paths typed on the command line; with none typed, pytest fills in its own."""
    typed = getattr(config.option, "file_or_dir", None) or []
    return [str(argument) for argument in typed]


def _from_cache(config: pytest.Config) -> list[str]:
    """Return the options that run only what failed before, where something had."""
    option, cache = config.option, getattr(config, "cache", None)  # absent under -p no:cacheprovider
    if cache is None:
        return []
    found = []
    if getattr(option, "lf", False) and cache.get("cache/lastfailed", {}):
        found.append("--lf")
    if getattr(option, "stepwise", False):
        found.append("--stepwise")
    return found


def _narrower(arguments: Iterable[str], folder: Path, gated: Path, testpaths: list[Path]) -> list[str]:
    """Return the arguments, unless together they span ``gated`` or all of pytest's own ``testpaths``."""
    paths = [(folder / argument.partition("::")[0]).resolve() for argument in arguments]
    if not paths or any("::" in argument for argument in arguments):
        return []
    spans = any(gated.resolve().is_relative_to(path) for path in paths)
    expected = [path.resolve() for path in testpaths]
    spans_testpaths = bool(expected) and all(
        any(each.is_relative_to(path) for path in paths) for each in expected
    )
    return [] if spans or spans_testpaths else [str(argument) for argument in arguments]


MODEL_TEST = (b"model_test", b"ModelTest")
"""What the source of every file with model tests has in it."""


def _leaving_out(config: pytest.Config, arguments: list[str], gated: Path) -> list[str]:
    """Return the paths and ``--ignore`` options that leave out a file with model tests in ``gated``."""
    option, folder = config.option, config.invocation_params.dir
    ignored = [(folder / path).resolve() for path in option.ignore or ()]
    globs = [str((folder / pattern).absolute()) for pattern in option.ignore_glob or ()]
    typed = [(folder / argument.partition("::")[0]).resolve() for argument in arguments]
    testpaths = [(config.rootpath / path).resolve() for path in config.getini("testpaths")]
    expected = [path for path in testpaths if path.is_relative_to(gated.resolve())] or [gated.resolve()]
    if not (typed or ignored or globs):
        return []
    found: dict[str, None] = {}
    for file in _test_files(config, expected):
        if not holds_model_tests(file):
            continue
        if any(file.is_relative_to(path) for path in ignored):
            found["--ignore"] = None
        if any(fnmatchcase(str(file), pattern) for pattern in globs):
            found["--ignore-glob"] = None
        if typed and not any(file.is_relative_to(path) for path in typed):
            found.update(dict.fromkeys(arguments))
    return list(found)


def holds_model_tests(file: Path) -> bool:
    """Return whether the source of a test file mentions model tests, or cannot be read."""
    try:
        source = file.read_bytes()
    except OSError:  # pytest reports that itself
        return True
    return any(text in source for text in MODEL_TEST)


def _test_files(config: pytest.Config, folders: list[Path]) -> Iterator[Path]:
    """Yield the test files below ``folders``, but for folders that pytest or another configuration keeps."""
    patterns = config.getini("python_files")
    kept_out = config.getini("norecursedirs")
    for folder in folders:
        for parent, names, files in os.walk(folder):
            names[:] = [
                name
                for name in names
                if not any(fnmatchcase(name, pattern) for pattern in kept_out)
                and not any((Path(parent) / name / config).exists() for config in CONFIG_NAMES)
            ]
            for name in files:
                if any(fnmatchcase(name, pattern) for pattern in patterns):
                    yield Path(parent) / name
