"""The page of the architecture names what is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import pytest_mlops

PACKAGE = Path(pytest_mlops.__file__).parent
ROOT = PACKAGE.parent
PAGES = [
    ROOT / "docs" / "architecture.md",
    *sorted((ROOT / "docs" / "decisions").glob("*.md")),
    ROOT / "CONTRIBUTING.md",
]
SPAN = re.compile(r"`([^`\n]+)`")
FUNCTION = re.compile(r"([\w/]+\.py): (\w+(?:\.\w+)?)")
PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*(?:/|\.(?:py|md|yml|toml))")


def spans(page: Path) -> list[str]:
    return SPAN.findall(page.read_text(encoding="utf-8"))


def find(path: str) -> Path | None:
    """Return a path that is named from the root of the repository or of the package."""
    return next((found for root in (ROOT, PACKAGE) if (found := root / path).exists()), None)


@cache
def defined(path: Path) -> frozenset[str]:
    """Return the functions, classes and methods of a module, methods as ``Class.method``."""
    names = set()
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {
                f"{node.name}.{each.name}"
                for each in node.body
                if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
            }
    return frozenset(names)


def missing(span: str) -> bool:
    """Return whether a code span names a path, or a function of a module, that is not there."""
    function = FUNCTION.fullmatch(span)
    if function is not None:
        path = find(function[1])
        return path is None or function[2] not in defined(path)
    return PATH.fullmatch(span) is not None and find(span) is None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    assert [span for span in spans(page) if missing(span)] == []


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ("gate/seal.py: seal", False),
        ("gate/seal.py: sael", True),
        ("gate/session.py: GateSession.pytest_sessionfinish", False),
        ("gate/session.py: GateSession.missing", True),
        ("gate/nowhere.py: seal", True),
        ("tests/checks/", False),
        ("tests/nowhere/", True),
        ("docs/layers.py", False),
        ("nowhere.py", True),
        ("baseline.from", False),
    ],
)
def test_a_name_that_is_not_there_is_found(span: str, expected: bool) -> None:
    assert missing(span) is expected


def test_each_flow_follows_functions() -> None:
    page = PAGES[0].read_text(encoding="utf-8")
    flows = re.split(r"^## ", page, flags=re.MULTILINE)
    hops = [len(re.findall(r"^\| \d+ \| `[^`]+\.py: [^`]+` \|", flow, re.MULTILINE)) for flow in flows]
    assert len([count for count in hops if count >= 10]) == 3
