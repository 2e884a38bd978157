"""Imports inside the package point downwards only."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pytest_mlops

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(pytest_mlops.__file__).parent

# From the roof to the ground; parts of one floor may not see one another, what lies below they all may.
FLOORS = (
    ("__main__",),
    ("framework", "plugin", "testing"),
    ("cli",),
    ("github",),
    ("operations",),
    ("gate",),
    ("report",),
    ("config",),
    ("hookspecs",),
    ("checks",),
    ("compare",),
    ("rollout",),
    ("targets",),
    ("serving",),
    ("state",),
    ("registry",),
    ("ci",),
    ("evidence",),
    ("decision",),
    ("store",),
    ("metrics",),
    ("stats",),
    ("records",),
    ("files",),
    ("verdict",),
    ("errors", "names", "__init__"),
)
FLOOR_OF = {part: len(FLOORS) - index for index, parts in enumerate(FLOORS) for part in parts}
PUBLIC_FACE = "__init__"


def modules(root: Path) -> Iterator[tuple[str, ast.Module]]:
    """Yield each module of a package with its place in it, as ``gate/session.py``."""
    for path in sorted(root.rglob("*.py")):
        yield path.relative_to(root).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.AST, *, inside_functions: bool = True) -> Iterator[tuple[str, int]]:
    """Yield (module, line) of every import that is carried out, not those for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute here"
            yield str(node.module), node.lineno
            if node.module == "pytest_mlops":
                yield from ((f"pytest_mlops.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for other in node.orelse:
                yield from imports(other, inside_functions=inside_functions)
        elif inside_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from imports(node, inside_functions=inside_functions)


def part_of(module: str) -> str | None:
    """Return the part of the package that a module belongs to; ``None`` for somebody else's."""
    root, _, rest = module.partition(".")
    if root != "pytest_mlops":
        return None
    return rest.partition(".")[0] or PUBLIC_FACE


def upward(root: Path) -> list[str]:
    """Return a sentence for every import that does not point downwards."""
    found = []
    for place, tree in modules(root):
        here = place.partition("/")[0].removesuffix(".py")
        for module, line in imports(tree):
            there = part_of(module)
            if there in {None, PUBLIC_FACE, here}:
                continue
            if here not in FLOOR_OF or there not in FLOOR_OF:
                found.append(f"{place}:{line}: {here} or {there} stands on no floor")
            elif FLOOR_OF[str(there)] >= FLOOR_OF[here]:
                found.append(f"{place}:{line}: {here} imports {module}")
    return found


def test_imports_point_downwards() -> None:
    assert upward(PACKAGE) == []


def test_every_part_has_a_floor() -> None:
    parts = {
        path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert parts <= FLOOR_OF.keys()


@pytest.mark.parametrize(
    "source",
    [
        "from pytest_mlops.gate.seal import seal",
        "import pytest_mlops.cli.app",
        "from pytest_mlops import gate",
        "def later():\n    from pytest_mlops.plugin import mlops",
        "if True:\n    from pytest_mlops.config.load import load_config",
        "try:\n    import pytest_mlops.evidence.verify\nexcept ImportError:\n    pass",
        "class It:\n    from pytest_mlops.decision.judge import judge",
        "import pytest_mlops.nowhere",
    ],
)
def test_an_import_that_points_upwards_is_found(tmp_path: Path, source: str) -> None:
    (tmp_path / "stats").mkdir()
    (tmp_path / "stats" / "odd.py").write_text(source, encoding="utf-8")
    (sentence,) = upward(tmp_path)
    assert sentence.startswith("stats/odd.py:")


@pytest.mark.parametrize(
    "source",
    [
        "from pytest_mlops.errors import MLOpsError",
        "from pytest_mlops.stats.normal import mde",
        "if TYPE_CHECKING:\n    from pytest_mlops.gate.run import GateRun",
        "import numpy",
    ],
)
def test_an_import_that_is_in_order_is_not(tmp_path: Path, source: str) -> None:
    (tmp_path / "stats").mkdir()
    (tmp_path / "stats" / "fine.py").write_text(source, encoding="utf-8")
    assert upward(tmp_path) == []


def test_nothing_imports_the_inside_of_pytest() -> None:
    found = [
        f"{place}: {module}"
        for place, tree in modules(PACKAGE)
        for module, _ in imports(tree)
        if module.partition(".")[0] == "_pytest"
    ]
    assert found == []


@pytest.mark.parametrize("place", ["plugin.py", "__init__.py", "hookspecs.py"])
def test_what_an_idle_run_loads_imports_the_standard_library_and_pytest(place: str) -> None:
    import sys

    path = PACKAGE / place
    if not path.is_file():
        pytest.skip(f"there is no {place}")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    roots = {module.partition(".")[0] for module, _ in imports(tree, inside_functions=False)}
    assert roots - sys.stdlib_module_names <= {"pytest"}


def test_the_plugin_reaches_into_the_gate_from_functions_only() -> None:
    tree = ast.parse((PACKAGE / "plugin.py").read_text(encoding="utf-8"))
    inside = {part_of(module) for module, _ in imports(tree)} - {None, PUBLIC_FACE}
    assert "gate" in inside
    assert inside <= {"gate", "hookspecs", "report"}


@pytest.mark.parametrize("part", ["stats", "metrics"])
def test_statistics_know_neither_pytest_nor_pydantic(part: str) -> None:
    roots = {
        module.partition(".")[0]
        for place, tree in modules(PACKAGE)
        if place.startswith(f"{part}/")
        for module, _ in imports(tree)
    }
    assert roots
    assert not roots & {"pytest", "pydantic", "yaml", "httpx", "typer"}
