"""The imports between the modules of a package, and the circles among them."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping
    from pathlib import Path


class Import(NamedTuple):
    """One import: the module that is imported, and the line that does it."""

    module: str
    line: int


def modules_of(package: Path) -> dict[str, Path]:
    """Return the path of each module below a package's folder, by its dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(
    tree: ast.AST, modules: Container[str] = (), *, inside_functions: bool = True
) -> Iterator[Import]:
    """Yield what a module imports, but not for type checkers alone.

    Args:
        tree: The module's syntax tree.
        modules: Names that are modules: ``from a import b`` is an import of ``a.b`` where that is one of
            them, else of ``a``.
        inside_functions: Whether imports inside functions count too.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield Import(name if name in modules else str(node.module), node.lineno)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for other in node.orelse:
                yield from imports_of(other, modules, inside_functions=inside_functions)
        elif inside_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from imports_of(node, modules, inside_functions=inside_functions)


def graph_of(modules: Mapping[str, Path]) -> dict[str, set[str]]:
    """Return the modules of the package that each module imports."""
    return {
        name: {found.module for found in imports_of(ast.parse(path.read_bytes()), modules)}
        & (modules.keys() - {name})
        for name, path in modules.items()
    }


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
