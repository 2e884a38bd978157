"""JSON Schemas of ``mlops.yaml`` and of the integration result: made from the records, shipped as files."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pytest_mlops.records.base import Record

__all__ = ["SchemaName", "build_schemas", "shipped_schema", "write_shipped"]

SchemaName = Literal["config", "result"]

_SHIPPED: dict[SchemaName, tuple[str, str]] = {
    "config": ("pytest_mlops.config", "mlops.schema.json"),
    "result": ("pytest_mlops.records", "integration-result.schema.json"),
}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def shipped_schema(name: SchemaName) -> str:
    """Return the text of a schema that comes with the package."""
    package, file = _SHIPPED[name]
    return files(package).joinpath(file).read_text(encoding="utf-8")


def build_schemas() -> dict[SchemaName, str]:
    """Make both schemas from the records as they are now."""
    # Printing a shipped schema does not wait for pydantic.
    from pytest_mlops.config.models import Config  # noqa: PLC0415
    from pytest_mlops.records.integration import IntegrationResult  # noqa: PLC0415

    config = _schema(Config, "validation", "urn:pytest-mlops:mlops.yaml:1", "mlops.yaml")
    metric = config["$defs"]["QualityMetric"]
    # The shorthand `accuracy: 0.4`, which a validator turns into a mapping.
    shorthand = {
        "type": "number",
        "exclusiveMinimum": 0,
        "description": metric["properties"]["weight"]["description"],
    }
    config["$defs"]["QualityMetric"] = {"description": metric["description"], "anyOf": [shorthand, metric]}
    result = _schema(
        IntegrationResult, "serialization", "urn:pytest-mlops:integration-result:1", "Integration result"
    )
    return {"config": _text(config), "result": _text(result)}


def _schema(
    record: type[Record], mode: Literal["validation", "serialization"], urn: str, title: str
) -> dict[str, Any]:
    head = {"$schema": _DIALECT, "$id": urn, "title": title}
    return head | {key: value for key, value in record.model_json_schema(mode=mode).items() if key != "title"}


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write_shipped() -> None:
    """Replace the files in the package's own folders."""
    from pathlib import Path  # noqa: PLC0415 -- only this needs the folders to be real ones

    from pytest_mlops.files import write_atomically  # noqa: PLC0415

    for name, text in build_schemas().items():
        package, file = _SHIPPED[name]
        write_atomically(Path(str(files(package))) / file, text.encode())


if __name__ == "__main__":
    write_shipped()
