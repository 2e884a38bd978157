"""Write the reference of the ready-made checks from their classes.

``python -m docs.checks_reference`` rewrites ``docs/checks.md``; with ``--print`` it shows the page only.
"""

from __future__ import annotations

import inspect
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docs.reference import section
from pytest_mlops.checks.base import Check
from pytest_mlops.checks.catalog import built_in_checks

if TYPE_CHECKING:
    from collections.abc import Sequence

TARGET = Path(__file__).resolve().parent / "checks.md"

COMMON = tuple(Check.model_fields)

HEAD = """\
# Ready-made checks

Model tests that are configured, not written: entries of `checks:` in `mlops.yaml`. Keys such as `of:` and
`model:` name pytest fixtures that are visible from the file's folder, for example in the `conftest.py` beside
it. A fixture may return an object with attributes or a mapping with keys; inputs may be arrays, data frames
or lists.

Each check returns PASS, FAIL or UNDECIDED with one message that has the numbers, and INCOMPLETE if it did not
get what it needs: a missing fixture or field, no row, NaN, one class only. Its measurements are recorded
under the name of the check, so that rules may refer to them.

Every check may have these keys, in addition to its own:
"""


def write_page() -> str:
    """Return the page."""
    checks = built_in_checks()
    links = [f"- [`{name}`](#{name}): {_summary(cls)}" for name, cls in checks.items()]
    parts = [part for name, cls in checks.items() for part in _check(name, cls)]
    common = section("", _only(Check.model_json_schema(), COMMON), {})[4:]
    return _prose("\n".join([HEAD, *common, *links, "", *parts]))


def example_of(cls: type[Check]) -> str:
    """Return the worked YAML in the docstring of the check's module."""
    return inspect.cleandoc(_module_text(cls).partition("::\n")[2]) + "\n"


def _summary(cls: type[Check]) -> str:
    line = _module_text(cls).splitlines()[0]
    return line.partition(": ")[2]


def _module_text(cls: type[Check]) -> str:
    return inspect.getdoc(import_module(cls.__module__)) or ""


def _check(name: str, cls: type[Check]) -> list[str]:
    schema: dict[str, Any] = cls.model_json_schema()
    definitions = schema.get("$defs", {})
    own = [key for key in schema["properties"] if key not in {*COMMON, "check"}]
    described = {**schema, "description": f"```yaml\n{example_of(cls)}```\n\n{schema['description']}"}
    lines = section(name, _only(described, own), definitions)
    for inner, definition in definitions.items():
        if "properties" in definition:
            lines += [
                f"#{line}" if line.startswith("## ") else line for line in section(inner, definition, {})
            ]
    return lines


def _only(schema: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """Return the schema with no other properties than ``keys``."""
    return {**schema, "properties": {key: schema["properties"][key] for key in keys}}


def _prose(text: str) -> str:
    """Turn a docstring's literals into Markdown's."""
    return re.sub(r"``(.+?)``", r"`\1`", text)


if __name__ == "__main__":
    if sys.argv[1:] == ["--print"]:
        sys.stdout.write(write_page())
    else:
        TARGET.write_text(write_page(), encoding="utf-8")
