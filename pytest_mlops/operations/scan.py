"""What a folder holds before it has a configuration; no code is run and no model opened."""

from __future__ import annotations

import ast
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Found", "scan"]

MAX_SOURCE_BYTES = 4 * 1024 * 1024
SKIPPED_FOLDERS = frozenset({"__pycache__", "build", "dist", "node_modules", "site-packages", "venv"})
MODEL_SUFFIXES = frozenset(
    {".bst", ".cbm", ".gguf", ".h5", ".joblib", ".keras", ".onnx", ".pickle", ".pkl", ".pmml", ".pt", ".pth"}
    | {".safetensors", ".tflite", ".ubj"}
)
"""Files that are models in any folder."""
PLAIN_SUFFIXES = frozenset({".bin", ".json", ".npy", ".npz", ".txt", ".yaml", ".yml"})
"""Files that are models in a folder of models, or with the name ``model``."""
MODEL_FOLDERS = ("model", "artifact", "checkpoint")


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a scan found.

    Attributes:
        covers: Cells that tests claim literally, in the order of the files.
        marked: Model tests: markers and ModelTest classes.
        computed: Model tests whose cells are known only when they run.
        tests: Test functions of any kind.
        unreadable: Test files that are no Python.
        artifact: The file most likely to be the model, relative to the folder; never an empty one.
        artifact_bytes: Its size.
    """

    covers: tuple[str, ...] = ()
    marked: int = 0
    computed: int = 0
    tests: int = 0
    unreadable: tuple[str, ...] = ()
    artifact: str | None = None
    artifact_bytes: int = 0


@dataclass(kw_only=True, slots=True)
class _Tests:
    covers: dict[str, None] = field(default_factory=dict)
    marked: int = 0
    computed: int = 0
    tests: int = 0

    def add(self, tree: ast.Module) -> None:
        called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _is_marker(node.func):
                self._claim(next((word.value for word in node.keywords if word.arg == "covers"), None))
            elif isinstance(node, ast.Attribute) and _is_marker(node) and id(node) not in called:
                self._claim(None)
            elif isinstance(node, ast.ClassDef) and any(_last(base) == "ModelTest" for base in node.bases):
                self._claim(_assigned(node, "covers"))
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self.tests += node.name.startswith("test")

    def _claim(self, covers: ast.expr | None) -> None:
        self.marked += 1
        if covers is None:
            return
        try:
            cells = ast.literal_eval(covers)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            self.computed += 1
            return
        cells = (cells,) if isinstance(cells, str) else cells
        if isinstance(cells, list | tuple) and all(isinstance(cell, str) for cell in cells):
            self.covers.update(dict.fromkeys(cell if ":" in cell else f"{cell}:all" for cell in cells))
        else:
            self.computed += 1


def scan(folder: Path) -> Found:
    """Read the tests below ``folder`` and look for a model; links are not followed."""
    tests, unreadable = _Tests(), []
    candidates: list[tuple[bool, int, str]] = []
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".py" and (path.stem.startswith("test_") or path.stem.endswith("_test")):
            try:
                tests.add(_parse(path))
            except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
                unreadable.append(name)
            continue
        sure, size = _looks_like_a_model(path.relative_to(folder)), path.stat().st_size
        if sure is not None and size:
            candidates.append((sure, size, name))
    _, size, artifact = max(candidates, default=(False, 0, None))
    return Found(
        covers=tuple(tests.covers),
        marked=tests.marked,
        computed=tests.computed,
        tests=tests.tests,
        unreadable=tuple(unreadable),
        artifact=artifact,
        artifact_bytes=size,
    )


def _files(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in SKIPPED_FOLDERS
            and not (Path(where, name) / "pyvenv.cfg").exists()
        )
        for name in sorted(names):
            path = Path(where, name)
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path


def _parse(path: Path) -> ast.Module:
    if path.stat().st_size > MAX_SOURCE_BYTES:
        raise ValueError(f"{path} is too large for a test file")
    return ast.parse(path.read_bytes())


def _looks_like_a_model(path: Path) -> bool | None:
    """Tell whether a file is a model: surely, by its suffix or name alone (False), or not at all (None)."""
    in_models = any(part.lower().startswith(MODEL_FOLDERS) for part in path.parts[:-1])
    suffix = path.suffix.lower()
    if suffix in MODEL_SUFFIXES:
        return in_models
    if suffix not in PLAIN_SUFFIXES:
        return None
    return True if in_models else False if path.stem.lower() == "model" else None


def _is_marker(node: ast.expr) -> bool:
    """Tell ``pytest.mark.model_test``, under whatever name pytest was imported."""
    return isinstance(node, ast.Attribute) and node.attr == "model_test" and _last(node.value) == "mark"


def _last(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def _assigned(node: ast.ClassDef, name: str) -> ast.expr | None:
    for statement in node.body:
        if isinstance(statement, ast.Assign) and any(_last(target) == name for target in statement.targets):
            return statement.value
        if isinstance(statement, ast.AnnAssign) and _last(statement.target) == name:
            return statement.value
    return None
