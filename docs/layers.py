"""The layers of the package, from the top to the ground: an import points only to a layer further down.

``tests/test_layers.py`` holds the imports to this list, and ``python -m docs.layers`` draws it into
``docs/architecture.md``; with ``--print`` it shows the page only.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple

TARGET = Path(__file__).resolve().parent / "architecture.md"
DRAWING = re.compile(r"(?<=<!-- layers: python -m docs.layers -->\n).*?(?=<!-- end of layers -->)", re.DOTALL)


class Layer(NamedTuple):
    """Packages and modules that stand side by side, and do not import one another."""

    parts: tuple[str, ...]
    purpose: str


LAYERS = (
    Layer(("__main__",), "`python -m pytest_mlops`"),
    Layer(
        ("framework", "plugin", "testing"),
        "what users import: Python, pytest, fakes for their own tests",
    ),
    Layer(("cli",), "arguments in, text and exit codes out"),
    Layer(("github",), "event, base policy, comment, check run, annotations, and the steps of the action"),
    Layer(
        ("operations",), "everything that can be done, one plain function each, which the faces above call"
    ),
    Layer(("gate",), "pytest's hooks to a sealed record: collect, record, settle, seal, merge, terminal"),
    Layer(("report",), "a record as messages, Markdown to a budget, and self-contained HTML"),
    Layer(("config",), "where `mlops.yaml` lies, what it says, and which environment is meant"),
    Layer(("hookspecs",), "the `pytest_mlops_*` hooks of other plugins"),
    Layer(("checks",), "ready-made model tests"),
    Layer(("compare",), "baseline sources, and two records to a comparison"),
    Layer(("rollout",), "how a verified version becomes the one that serves, and how it is rolled back"),
    Layer(("targets",), "where versions run, behind one protocol: the local machine"),
    Layer(("serving",), "processes and traffic on one machine: supervisor, gateway, health checks"),
    Layer(("state",), "what a rollout keeps: plan, steps, lease, pointer, journal, rows, requested controls"),
    Layer(("registry",), "versions, aliases moved by compare-and-set, artifacts, the MLflow bridge"),
    Layer(("ci",), "facts of Git and of CI: commit, merge base, event, context"),
    Layer(("evidence",), "digests, arrays, statements, keys, verification: the ticket of a deployment"),
    Layer(("decision",), "the gate law, pure: evidence, policy and context in, judgement out"),
    Layer(("store",), "tables and engine: SQLite by default, PostgreSQL by URL; the hash-chained log"),
    Layer(("metrics",), "arrays to estimates and changes"),
    Layer(("stats",), "numerics on NumPy and `scipy.special`, one method a file"),
    Layer(("records",), "every persisted document: frozen models, no I/O"),
    Layer(("http",), "one client of JSON services, which tries again within bounds"),
    Layer(("files", "strict_json"), "one atomic writer; one strict parser and one comparison of JSON"),
    Layer(("text",), "values in messages: one line, lists cut short, mistakes that pydantic found"),
    Layer(("verdict",), "the algebra of verdicts, and what follows from one in a context"),
    Layer(("errors", "names", "__init__"), "the exception tree, names, and the lazy public names"),
)


def draw() -> str:
    """Return the layers as a table, the top first."""
    rows = ["| layer | what it holds |", "|---|---|"]
    for layer in LAYERS:
        parts = ", ".join(f"`{part}`" for part in layer.parts)
        rows.append(f"| {parts} | {layer.purpose} |")
    return "\n".join(rows) + "\n"


def write_page() -> str:
    """Return the page with the drawing of today."""
    return DRAWING.sub(lambda _: draw(), TARGET.read_text(encoding="utf-8"))


def main() -> None:
    """Write or print the page."""
    page = write_page()
    if "--print" in sys.argv:
        sys.stdout.write(page)
    else:
        TARGET.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
