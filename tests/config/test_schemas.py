"""The shipped JSON Schemas are those of the records, and agree with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from pytest_mlops.config import schemas
from pytest_mlops.config.models import Config
from pytest_mlops.config.schemas import SchemaName, build_schemas, shipped_schema

if TYPE_CHECKING:
    from pathlib import Path

NAMES: list[SchemaName] = ["config", "result"]

EXAMPLE = """\
version: 1
model: {id: credit-risk, version: "2026.11.0", hyperparameters: {depth: 6}}
requirements: [{capability: ranking, slices: [all, "age<40"], weight: 2}]
gate: {min_pass_rate: 1.0, on_undecided: block}
quality: {metrics: {accuracy: 0.4, mae: {weight: 1, best: 0, worst: 60}}}
rules: [{metric: accuracy, min: 0.93}]
waivers: [{test: "a::b", scope: "*", reason: r, approver: m, expires: "2026-12-31"}]
environments: {production: {accept_waived: true}}
"""


def validator(name: SchemaName) -> jsonschema.Draft202012Validator:
    schema = json.loads(shipped_schema(name))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def properties(schema: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (record, property, schema) for every property of every record in ``schema``."""
    records = {"": schema, **schema["$defs"]}
    metric = records.get("QualityMetric")
    if metric is not None:
        records["QualityMetric"] = metric["anyOf"][1]
    return [
        (record, name, value)
        for record, body in records.items()
        for name, value in body.get("properties", {}).items()
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_file_is_what_the_records_make_now(name: SchemaName) -> None:
    hint = "run `python -m pytest_mlops.config.schemas` to write the schemas again"
    assert shipped_schema(name) == build_schemas()[name], hint


@pytest.mark.parametrize(
    ("name", "urn"),
    [("config", "urn:pytest-mlops:mlops.yaml:1"), ("result", "urn:pytest-mlops:integration-result:1")],
)
def test_a_schema_says_its_dialect_its_name_and_what_it_is_of(name: SchemaName, urn: str) -> None:
    schema = json.loads(shipped_schema(name))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == urn
    assert schema["title"]
    assert schema["description"]


def test_every_key_of_the_config_is_described() -> None:
    found = properties(json.loads(shipped_schema("config")))
    assert len(found) > 60
    assert [f"{record}.{name}" for record, name, value in found if not value.get("description")] == []


def test_a_config_that_is_read_is_valid_by_its_schema() -> None:
    data = yaml.safe_load(EXAMPLE)
    Config.model_validate(data)
    validator("config").validate(data)


@pytest.mark.parametrize(
    "data",
    [
        {"version": 2},
        {"monitor": {"drift": {}}},
        {"environments": {"p": {"config": {"auto_scaling": {"max_replicas": 2}}}}},
        {"gate": {"min_coverage": 1.1}},
        {"quality": {"metrics": {"mae": 0}}},
        {"quality": {"metrics": {"mae": "heavy"}}},
        {"rules": [{"min": 1}]},
        {"requirements": [{"capability": "a", "slices": []}]},
        {"waivers": [{"rule": "a", "scope": "*", "reason": "r", "approver": "m"}]},
    ],
)
def test_a_config_that_is_refused_is_invalid_by_its_schema(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Config.model_validate(data)
    with pytest.raises(jsonschema.ValidationError):
        validator("config").validate(data)


def test_writing_puts_both_files_where_they_are_read_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schemas, "files", lambda package: tmp_path / package)
    schemas.write_shipped()
    assert {name: shipped_schema(name) for name in NAMES} == build_schemas()
    assert len(list(tmp_path.rglob("*.schema.json"))) == 2
