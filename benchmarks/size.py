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

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

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


def modules_of(package: Path) -> dict[str, Path]:
    """Return the path of each module below a package's folder, by its dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(tree: ast.AST, modules: Mapping[str, object]) -> Iterator[str]:
    """Yield the modules that a module imports, wherever in it, but not for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in modules else str(node.module)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for other in node.orelse:
                yield from imports_of(other, modules)
        else:
            yield from imports_of(node, modules)


def graph_of(modules: Mapping[str, Path]) -> dict[str, set[str]]:
    """Return the modules of the package that each module imports."""
    return {
        name: {other for other in imports_of(ast.parse(path.read_bytes()), modules) if other in modules}
        - {name}
        for name, path in modules.items()
    }


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


def circles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return the strongly connected groups of more than one module (Tarjan, SIAM J. Comput. 1, 1972)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for other in graph[name]:
            if other not in order:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in stack:
                lowest[name] = min(lowest[name], order[other])
        if lowest[name] == order[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in graph:
        if name not in order:
            visit(name)
    return found


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
