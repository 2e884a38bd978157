"""The size of the package, and the two shapes that make it hard to find one's way in.

Prints the files, the lines of code (without blank lines, comments and docstrings), the modules that hold
one definition and have one importer, and the import circles, counting imports inside functions too::

    python -m benchmarks.size
    python -m benchmarks.size --folder ../another-checkout/pytest_mlops --list
"""

from __future__ import annotations

import argparse
import ast
import io
import tokenize
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks._imports import circles, graph_of, modules_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PACKAGE = Path(__file__).parents[1] / "pytest_mlops"
LONGEST_FILE = 400
NOT_CODE = frozenset(
    {
        tokenize.COMMENT,
        tokenize.DEDENT,
        tokenize.ENCODING,
        tokenize.ENDMARKER,
        tokenize.INDENT,
        tokenize.NEWLINE,
        tokenize.NL,
    }
)


def docstring_lines(tree: ast.AST) -> set[int]:
    """Return the numbers of the lines that docstrings take."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
                lines |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return lines


def code_lines(source: bytes) -> int:
    """Return how many lines of a module are code."""
    lines: set[int] = set()
    for token in tokenize.tokenize(io.BytesIO(source).readline):
        if token.type not in NOT_CODE:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - docstring_lines(ast.parse(source)))


def definitions(tree: ast.Module) -> int:
    """Return how many functions and classes a module defines."""
    return sum(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in tree.body)


def lone_modules(modules: Mapping[str, Path], graph: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the modules that hold one definition and that one other module imports."""
    importers: dict[str, set[str]] = defaultdict(set)
    for name, others in graph.items():
        for other in others:
            importers[other].add(name)
    return [
        name
        for name, path in modules.items()
        if len(importers[name]) == 1 and definitions(ast.parse(path.read_bytes())) == 1
    ]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=PACKAGE, help="the package's folder")
    parser.add_argument("--list", action="store_true", help="name the modules behind the figures")
    options = parser.parse_args()
    modules = modules_of(options.folder.resolve())
    graph = graph_of(modules)
    sources = {name: path.read_bytes() for name, path in modules.items()}
    long_files = [name for name, source in sources.items() if source.count(b"\n") > LONGEST_FILE]
    lone = lone_modules(modules, graph)
    groups = circles(graph)
    print(f"files                                         {len(modules):>7,}")
    print(f"code lines                                    {sum(map(code_lines, sources.values())):>7,}")
    print(f"modules with one definition and one importer  {len(lone):>7,}")
    print(f"import circles                                {len(groups):>7,}")
    print(f"files above {LONGEST_FILE} lines                         {len(long_files):>7,}")
    if options.list:
        for title, names in (("one definition, one importer", lone), ("long", long_files)):
            print(f"\n{title}:", *names, sep="\n  ")
        for group in groups:
            print("\ncircle:", *group, sep="\n  ")


if __name__ == "__main__":
    main()
