"""The public names of the package."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import pytest_mlops

PACKAGE = Path(pytest_mlops.__file__).parent


def test_the_public_names_are_sorted() -> None:
    assert pytest_mlops.__all__ == sorted(pytest_mlops.__all__)


@pytest.mark.parametrize("name", pytest_mlops.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(pytest_mlops, name).__name__ == name


def test_dir_lists_the_public_names() -> None:
    assert dir(pytest_mlops) == pytest_mlops.__all__


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'pytest_mlops' has no attribute 'Verdcit'"):
        pytest_mlops.__getattr__("Verdcit")


def test_names_for_type_checkers_are_the_public_ones() -> None:
    tree = ast.parse(Path(str(pytest_mlops.__file__)).read_text(encoding="utf-8"))
    blocks = [
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    names = [
        alias.asname or alias.name
        for block in blocks
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    assert sorted(names) == pytest_mlops.__all__


MODULES = sorted(
    ".".join(("pytest_mlops", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    # Alembic runs its environment; no module imports it.
    if path.name != "__main__.py" and path.parts[-2:] != ("migrations", "env.py")
)


def problems_of(name: str) -> list[str]:
    """Return what is wrong with a module, each problem with its name."""
    module = importlib.import_module(name)
    names = getattr(module, "__all__", [])
    return [
        *([] if (module.__doc__ or "").strip() else [f"{name} has no docstring"]),
        *(
            f"{name} lists {twice} twice"
            for twice in sorted({each for each in names if names.count(each) > 1})
        ),
        *(
            f"{name} lists {missing}, which it does not have"
            for missing in names
            if not hasattr(module, missing)
        ),
    ]


def test_every_module_says_what_it_is_and_lists_names_that_exist() -> None:
    assert [problem for name in MODULES for problem in problems_of(name)] == []


@pytest.mark.parametrize("name", [name for name in pytest_mlops.__all__ if name.startswith("Test")])
def test_names_that_begin_with_test_are_not_collected(name: str) -> None:
    assert getattr(pytest_mlops, name).__test__ is False
