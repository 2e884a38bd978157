"""Imports inside the package point downwards only, and in no circle."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

import pytest_mlops
from benchmarks._imports import circles, graph_of, imports_of, modules_of
from docs.layers import LAYERS, TARGET, write_page

PACKAGE = Path(pytest_mlops.__file__).parent
PUBLIC = "__init__"
HEIGHT = {part: len(LAYERS) - index for index, layer in enumerate(LAYERS) for part in layer.parts}


def part_of(module: str) -> str | None:
    """Return the package or module below ``pytest_mlops`` that a module is in; ``None`` outside of it."""
    root, _, rest = module.partition(".")
    if root != "pytest_mlops":
        return None
    return rest.partition(".")[0] or PUBLIC


@cache
def parsed(package: Path) -> dict[str, ast.Module]:
    return {name: ast.parse(path.read_bytes()) for name, path in modules_of(package).items()}


def upward(package: Path) -> list[str]:
    """Return a message for every import that does not point downwards."""
    trees = parsed(package)
    names = {f"pytest_mlops.{part}" for part in HEIGHT} | trees.keys()
    found = []
    for name, tree in trees.items():
        here = str(part_of(name))
        for module, line in imports_of(tree, names):
            there = part_of(module)
            if there in {None, PUBLIC, here}:
                continue
            if here not in HEIGHT or there not in HEIGHT:
                found.append(f"{name}:{line}: {here} or {there} is in no layer")
            elif HEIGHT[str(there)] >= HEIGHT[here]:
                found.append(f"{name}:{line}: {here} imports {module}")
    return found


def test_imports_point_downwards() -> None:
    assert upward(PACKAGE) == []


def test_no_import_goes_in_a_circle() -> None:
    """Neither between packages nor inside one, and not by an import inside a function."""
    assert circles(graph_of(modules_of(PACKAGE))) == []


def test_a_circle_inside_a_package_is_found(tmp_path: Path) -> None:
    package = with_module(tmp_path, "from pytest_mlops.stats.even import is_even")
    (package / "stats" / "even.py").write_text(
        "def is_even(n):\n    from pytest_mlops.stats.odd import is_odd\n    return n == 0 or is_odd(n - 1)"
    )
    assert circles(graph_of(modules_of(package))) == [["pytest_mlops.stats.even", "pytest_mlops.stats.odd"]]


def test_every_package_and_module_is_in_one_layer() -> None:
    parts = [
        path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    ]
    assert sorted(part for layer in LAYERS for part in layer.parts) == sorted(parts)


def test_serving_knows_neither_tickets_nor_rollouts() -> None:
    trees = parsed(PACKAGE)
    parts = {
        part_of(module)
        for name, tree in trees.items()
        if part_of(name) == "serving"
        for module, _ in imports_of(tree, trees)
    }
    assert {"state", "store", "records"} <= parts
    assert not parts & {"evidence", "rollout", "registry", "decision", "targets"}


def test_commands_look_nothing_up() -> None:
    """They parse arguments and print; what they need of a project, its store or a record operations find."""
    trees = parsed(PACKAGE)
    found = {
        module
        for name, tree in trees.items()
        if part_of(name) == "cli"
        for module, _ in imports_of(tree, trees)
        if part_of(module) not in {None, PUBLIC, "cli", "operations", "github", "errors", "names", "verdict"}
    }
    assert found == {
        "pytest_mlops.compare.versions",  # the function that the framework calls, too
        "pytest_mlops.config.schemas",
        "pytest_mlops.decision.planning",
        "pytest_mlops.decision.quality",
        "pytest_mlops.evidence.keys",
        "pytest_mlops.records.policy",
    }


def with_module(folder: Path, source: str) -> Path:
    """Write a package whose only module stands in the layer of the statistics."""
    package = folder / "pytest_mlops"
    (package / "stats").mkdir(parents=True)
    (package / "stats" / "odd.py").write_text(source, encoding="utf-8")
    return package


def relative(tree: ast.AST) -> bool:
    """Return whether a module imports anything by a relative name."""
    return any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree))


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
    (message,) = upward(with_module(tmp_path, source))
    assert message.startswith("pytest_mlops.stats.odd:")


@pytest.mark.parametrize(
    "source",
    [
        "from pytest_mlops.errors import MLOpsError",
        "from pytest_mlops.stats.normal import mde",
        "if TYPE_CHECKING:\n    from pytest_mlops.gate.run import GateRun",
        "import numpy",
    ],
)
def test_an_import_that_points_downwards_is_not(tmp_path: Path, source: str) -> None:
    assert upward(with_module(tmp_path, source)) == []


@pytest.mark.parametrize(
    "source", ["from .normal import mde", "from . import normal", "from ..gate import seal"]
)
def test_imports_are_absolute(source: str) -> None:
    """The walk reads absolute names; a relative import would pass it unseen."""
    assert relative(ast.parse(source))


def test_no_import_of_the_package_is_relative() -> None:
    assert [name for name, tree in parsed(PACKAGE).items() if relative(tree)] == []


def test_nothing_imports_the_inside_of_pytest() -> None:
    found = [
        f"{name}: {module}"
        for name, tree in parsed(PACKAGE).items()
        for module, _ in imports_of(tree)
        if module.partition(".")[0] == "_pytest"
    ]
    assert found == []


@pytest.mark.parametrize("name", ["plugin.py", "__init__.py", "hookspecs.py"])
def test_what_an_idle_run_loads_imports_the_standard_library_and_pytest(name: str) -> None:
    tree = ast.parse((PACKAGE / name).read_bytes())
    roots = {module.partition(".")[0] for module, _ in imports_of(tree, inside_functions=False)}
    assert roots - sys.stdlib_module_names <= {"pytest"}


def test_the_plugin_reaches_into_the_gate_from_functions_only() -> None:
    tree = ast.parse((PACKAGE / "plugin.py").read_bytes())
    names = modules_of(PACKAGE)
    inside = {part_of(module) for module, _ in imports_of(tree, names)} - {None, PUBLIC}
    assert "gate" in inside
    assert inside <= {"gate", "hookspecs", "report"}


@pytest.mark.parametrize("part", ["stats", "metrics"])
def test_statistics_know_neither_pytest_nor_pydantic(part: str) -> None:
    roots = {
        module.partition(".")[0]
        for name, tree in parsed(PACKAGE).items()
        if part_of(name) == part
        for module, _ in imports_of(tree)
    }
    assert roots
    assert not roots & {"pytest", "pydantic", "yaml", "httpx", "typer"}


def test_facts_of_ci_know_no_pytest() -> None:
    trees = [tree for name, tree in parsed(PACKAGE).items() if part_of(name) == "ci"]
    roots = {module.partition(".")[0] for tree in trees for module, _ in imports_of(tree)}
    assert roots
    assert "pytest" not in roots


def test_the_page_of_the_architecture_draws_the_list() -> None:
    """``python -m docs.layers`` writes it."""
    assert write_page() == TARGET.read_text(encoding="utf-8")
