"""Write the configuration reference from the models that read ``mlops.yaml``.

``python -m docs.reference`` rewrites ``docs/configuration.md``; with ``--print`` it shows the page only.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pytest_mlops.config.models import Config

TARGET = Path(__file__).resolve().parent / "configuration.md"

HEAD = """\
# Configuration reference

Every key of `mlops.yaml`. The file is in the folder of the model's tests or above it; `--mlops-config` names
another one. Unknown keys, wrong types and contradictions are reported before anything runs, all at once, each
with its line. `pytest-mlops schema` prints the JSON Schema for editors, and `pytest-mlops explain` describes
what a file demands.
"""


def write_reference() -> str:
    """Return the page."""
    schema = Config.model_json_schema()
    definitions = schema["$defs"]
    sections = [HEAD, *section("The file", schema, definitions)]
    seen: set[str] = set()
    queue = _referenced(schema)
    while queue:
        name = queue.pop(0)
        if name in seen:
            continue
        seen.add(name)
        definition = definitions[name]
        if "properties" in definition:
            sections += section(f"`{name}`", definition, definitions)
            queue += _referenced(definition)
    return "\n".join(sections)


def section(title: str, schema: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    """Return one table of keys."""
    if not schema["properties"]:
        return [f"## {title}", "", schema.get("description", ""), ""]
    head = ["| key | type | default | meaning |", "|---|---|---|---|"]
    lines = [f"## {title}", "", schema.get("description", ""), "", *head]
    required = schema.get("required", [])
    for key, field in schema["properties"].items():
        default = "**required**" if key in required else _default(field)
        meaning = " ".join(field.get("description", "").split()) or _meaning(field, definitions)
        cells = (f"`{key}`", _type(field, definitions), default, meaning)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return [*lines, ""]


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if value is None:
        return "none"
    if value in ({}, []) or isinstance(value, dict):
        return "its own defaults" if value else "empty"
    return f"`{value}`"


def _meaning(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    names = _referenced(field)
    return str(definitions[names[0]].get("description", "")).splitlines()[0] if names else ""


def _type(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "$ref" in field:
        return _reference(field["$ref"], definitions)
    if "const" in field or "enum" in field:
        return " or ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if "oneOf" in field:
        return "[ready-made check](checks.md)"
    if "anyOf" in field:
        kinds = (_type(kind, definitions) for kind in field["anyOf"] if kind.get("type") != "null")
        return " or ".join(kinds)
    containers = {"array": ("list of", "items"), "object": ("mapping to", "additionalProperties")}
    if field.get("type") in containers:
        words, inner = containers[field["type"]]
        return f"{words} {_type(field[inner], definitions)}"
    return _scalar(field)


def _reference(reference: str, definitions: dict[str, Any]) -> str:
    name = reference.rpartition("/")[2]
    if "enum" in definitions[name]:
        return " or ".join(f"`{value}`" for value in definitions[name]["enum"])
    return f"[{name}](#{name.lower()})"


def _scalar(field: dict[str, Any]) -> str:
    names = {"string": "text", "number": "number", "integer": "whole number", "boolean": "`true` or `false`"}
    if field.get("format") == "date":
        return "date"
    bounds = []
    for key, words in (
        ("minimum", "≥"),
        ("exclusiveMinimum", ">"),
        ("maximum", "≤"),
        ("exclusiveMaximum", "<"),
    ):
        if key in field:
            bounds.append(f"{words} {field[key]:g}")
    kind = names[field["type"]]
    return f"{kind}, {', '.join(bounds)}" if bounds else kind


def _referenced(value: object) -> list[str]:
    """Return the names of the definitions that ``value`` refers to, in order."""
    if isinstance(value, dict) and "oneOf" not in value:
        found = [value["$ref"].rpartition("/")[2]] if "$ref" in value else []
        inner = (item for key, item in value.items() if key != "$defs")
        return found + [name for item in inner for name in _referenced(item)]
    if isinstance(value, list):
        return [name for item in value for name in _referenced(item)]
    return []


if __name__ == "__main__":
    if sys.argv[1:] == ["--print"]:
        sys.stdout.write(write_reference())
    else:
        TARGET.write_text(write_reference(), encoding="utf-8")
