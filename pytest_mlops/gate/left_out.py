"""What a run left out: model tests that the source declares and that pytest made no test of.

Observed, not guessed from options: the files that hold model tests are read as text, and what they declare is
compared with what was collected, whatever hid the difference.  PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import ast
import os
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlops.ci.git import listed_files
from pytest_mlops.config.find import CONFIG_NAMES
from pytest_mlops.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

__all__ = ["Declared", "NamePatterns", "declared_in", "holds_model_tests", "left_out"]

MODEL_TEST = (b"model_test", b"ModelTest")
"""What the source of every file with model tests has in it."""

# pytest's default norecursedirs, and where packages are installed.
SKIPPED_FOLDERS = (
    "*.egg", ".*", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}", "site-packages"
)  # fmt: skip

Body = ast.Module | ast.ClassDef
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True, slots=True)
class NamePatterns:
    """Names of tests, beside pytest's defaults: its settings ``python_functions`` and ``python_classes``."""

    functions: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    def function(self, name: str) -> bool:
        """Tell whether a function is named like a test."""
        return name.startswith("test") or _matches(name, self.functions)

    def class_(self, name: str) -> bool:
        """Tell whether a class is named like a class of tests."""
        return name.startswith("Test") or _matches(name, self.classes)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(name.startswith(each) or fnmatchcase(name, each) for each in patterns)


@dataclass(kw_only=True, slots=True)
class Declared:
    """What one source file declares.

    Attributes:
        tests: Model tests, as the part of a node id after the file: ``test_a``, ``TestB::test_c``, ``TestD``.
        shadowed: Those among them that a later definition of the same name replaces.
        bases: Class -> names of its bases.
    """

    tests: dict[str, None] = field(default_factory=dict)
    shadowed: dict[str, None] = field(default_factory=dict)
    bases: dict[str, tuple[str, ...]] = field(default_factory=dict)


def declared_in(source: bytes, patterns: NamePatterns) -> Declared:
    """Read the model tests that a source file declares.

    Raises:
        SyntaxError: it is no Python.
        ValueError: it holds null bytes.
    """
    tree = ast.parse(source)
    reader = _Reader(patterns, _aliases(tree))
    reader.read(tree, prefix="", marked=False)
    return reader.found


class _Reader:
    def __init__(self, patterns: NamePatterns, aliases: frozenset[str]) -> None:
        self.found = Declared()
        self._patterns = patterns
        self._aliases = aliases
        self._model_tests: dict[str, ast.ClassDef] = {}

    def read(self, body: Body, *, prefix: str, marked: bool) -> None:
        """Read a module or class, whose tests are all ``marked`` where it is."""
        marked = marked or any(self._is_pytestmark(node) for node in body.body)
        last: dict[str, str] = {}
        for node in _statements(body.body):
            if not isinstance(node, Function | ast.ClassDef):
                continue
            name = f"{prefix}{node.name}"
            if name in last and node in body.body and last[name] in self.found.tests:
                self.found.shadowed[name] = None
            if isinstance(node, ast.ClassDef):
                self._read_class(node, name, marked=marked)
            elif self._has_mark(node) or (marked and self._is_test(node)):
                self.found.tests[name] = None
            if node in body.body:
                last[name] = name

    def _read_class(self, node: ast.ClassDef, name: str, *, marked: bool) -> None:
        self.found.bases[node.name] = tuple(_last_name(base) for base in node.bases)
        if self._is_model_test(node):
            if _is_concrete(node, self._model_tests):
                self.found.tests[name] = None
            return
        own = self._has_mark(node) or any(self._is_pytestmark(each) for each in node.body)
        inherited = marked and (
            self._patterns.class_(node.name)
            or any(_last_name(base).endswith("TestCase") for base in node.bases)
        )
        before = len(self.found.tests)
        self.read(node, prefix=f"{name}::", marked=own or inherited)
        if own and len(self.found.tests) == before:
            self.found.tests[name] = None

    def _is_model_test(self, node: ast.ClassDef) -> bool:
        names = {_last_name(base) for base in node.bases}
        if "ModelTest" in names or names & self._model_tests.keys():
            self._model_tests[node.name] = node
            return True
        return False

    def _is_test(self, node: Function) -> bool:
        fixture = any(_last_name(_called(each)) in {"fixture", "hookimpl"} for each in node.decorator_list)
        return self._patterns.function(node.name) and not fixture

    def _has_mark(self, node: Function | ast.ClassDef) -> bool:
        return any(self._says_mark(each) for each in node.decorator_list)

    def _is_pytestmark(self, node: ast.stmt) -> bool:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        named = any(isinstance(each, ast.Name) and each.id == "pytestmark" for each in targets)
        return named and value is not None and self._says_mark(value)

    def _says_mark(self, expression: ast.expr) -> bool:
        return any(
            (isinstance(node, ast.Attribute) and node.attr == "model_test")
            or (isinstance(node, ast.Name) and node.id in self._aliases)
            for node in ast.walk(expression)
        )


def _aliases(tree: ast.Module) -> frozenset[str]:
    """Return the names that the marker has in a module, beside ``mark.model_test``."""
    found = set()
    for node in _statements(tree.body):
        if isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names if alias.name == "model_test"}
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if _is_mark(node.value):
                found |= {each.id for each in targets if isinstance(each, ast.Name)} - {"pytestmark"}
    return frozenset(found)


def _is_mark(value: ast.expr) -> bool:
    called = _called(value)
    return isinstance(called, ast.Attribute) and called.attr == "model_test"


def _called(expression: ast.expr) -> ast.expr:
    return expression.func if isinstance(expression, ast.Call) else expression


def _last_name(expression: ast.expr) -> str:
    """Return the last part of a dotted name; empty for anything else."""
    expression = expression.value if isinstance(expression, ast.Subscript) else expression
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else ""


def _is_concrete(node: ast.ClassDef, known: dict[str, ast.ClassDef]) -> bool:
    """Tell whether a ModelTest class is one to run: not switched off, not abstract, and with a ``run``."""
    names = [
        _last_name(decorator)
        for each in node.body
        if isinstance(each, Function)
        for decorator in each.decorator_list
    ]
    if "abstractmethod" in names or any(_is_switched_off(each) for each in node.body):
        return False
    line, runs = [node], False
    while line:
        cls = line.pop()
        runs = runs or any(isinstance(each, Function) and each.name == "run" for each in cls.body)
        bases = [_last_name(base) for base in cls.bases]
        runs = runs or not all(base in known or base == "ModelTest" for base in bases)
        line += [known[base] for base in bases if base in known and known[base] is not cls]
    return runs


def _is_switched_off(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Assign)
        and any(isinstance(each, ast.Name) and each.id == "__test__" for each in node.targets)
        and isinstance(node.value, ast.Constant)
        and not node.value.value
    )


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a body, those under its conditions too."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            for name in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(node, name, ()))
            for handler in getattr(node, "handlers", ()):
                yield from _statements(handler.body)


def holds_model_tests(file: Path) -> bool:
    """Tell whether the source of a test file speaks of model tests, or cannot be read."""
    try:
        source = file.read_bytes()
    except OSError:  # pytest says so itself
        return True
    return any(text in source for text in MODEL_TEST)


def left_out(
    folder: Path, root: Path, *, tests: Collection[str], files: Collection[str], patterns: NamePatterns
) -> tuple[str, ...]:
    """Return the files and tests that were left out, as node ids.

    Args:
        folder: The configuration's folder; what another configuration below it gates is left to that one.
        root: pytest's root folder, which node ids are relative to.
        tests: Node ids of all model tests that were collected, deselected ones too.
        files: Node ids of all files that pytest collected, or failed or skipped as a whole.
        patterns: The names that tests may have.
    """
    collected: dict[str, set[str]] = {}
    for node_id in tests:
        file, _, name = node_id.partition("::")
        collected.setdefault(file, set()).add(name.partition("[")[0])
    found: dict[str, None] = {}
    inherited = _Inheritance(root, collected, patterns)
    for path in _python_files(folder):
        if not holds_model_tests(path):
            continue
        file = Path(os.path.relpath(path, root.resolve())).as_posix()
        try:
            declared = declared_in(path.read_bytes(), patterns)
        except (OSError, SyntaxError, ValueError):
            if file not in files:
                found[file] = None
            continue
        if not declared.tests:
            continue
        if file not in files and file not in collected:
            if not all(inherited.covers(name) for name in declared.tests):
                found[file] = None
            continue
        names = collected.get(file, set())
        missing = [name for name in declared.tests if not _is_there(name, names)]
        found.update(dict.fromkeys(f"{file}::{name}" for name in missing if not inherited.covers(name)))
        found.update(dict.fromkeys(f"{file}::{name} (defined twice)" for name in declared.shadowed))
    return tuple(found)


def _is_there(name: str, collected: set[str]) -> bool:
    return name in collected or any(each.startswith(f"{name}::") for each in collected)


class _Inheritance:
    """Whether a test of a class runs as a test of a class that derives from it."""

    def __init__(self, root: Path, collected: dict[str, set[str]], patterns: NamePatterns) -> None:
        self._root = root
        self._collected = collected
        self._patterns = patterns
        self._bases: dict[str, tuple[str, ...]] | None = None

    def covers(self, name: str) -> bool:
        """Tell whether ``Class::test`` was collected under another class."""
        owner, _, test = name.rpartition("::")
        cls = owner.rpartition("::")[2]
        if not cls:
            return False
        return any(
            self._derives(heir.rpartition("::")[2], cls)
            for names in self._collected.values()
            for heir, _, method in (each.rpartition("::") for each in names)
            if heir and method == test
        )

    def _derives(self, heir: str, cls: str) -> bool:
        if self._bases is None:
            self._bases = self._read()
        line, seen = [heir], set()
        while line:
            each = line.pop()
            if each in seen:
                continue
            seen.add(each)
            bases = self._bases.get(each, ())
            if cls in bases:
                return True
            line += bases
        return False

    def _read(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for file in self._collected:
            try:
                found |= declared_in((self._root / file).read_bytes(), self._patterns).bases
            except (OSError, SyntaxError, ValueError):
                continue
        return found


def _python_files(folder: Path) -> Sequence[Path]:
    """Return the Python files that ``folder``'s configuration answers for."""
    folder = folder.resolve()
    try:
        files = [folder / name for name in listed_files(folder) if name.endswith(".py")]
    except EvidenceError:
        files = list(_walked(folder))
    return [path for path in files if path.is_file() and not _is_gated_below(path, folder)]


def _walked(folder: Path) -> Iterator[Path]:
    for place, names, files in os.walk(folder):
        names[:] = sorted(
            name
            for name in names
            if not any(fnmatchcase(name, pattern) for pattern in SKIPPED_FOLDERS)
            and not (Path(place) / name / "pyvenv.cfg").exists()
        )
        yield from (Path(place) / name for name in sorted(files) if name.endswith(".py"))


def _is_gated_below(path: Path, folder: Path) -> bool:
    """Tell whether a configuration lies between a file and the folder of ours."""
    for parent in path.parents:
        if parent == folder:
            return False
        if any((parent / name).exists() for name in CONFIG_NAMES):
            return True
    return False
