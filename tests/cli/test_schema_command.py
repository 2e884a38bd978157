"""``pytest-mlops schema``."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from pytest_mlops.cli.app import app
from pytest_mlops.config.schemas import shipped_schema


@pytest.mark.parametrize("arguments", [[], ["config"]])
def test_the_schema_of_the_config_is_printed_as_shipped(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, ["schema", *arguments])
    assert result.exit_code == 0
    assert result.output == shipped_schema("config")


def test_the_schema_of_the_result_is_printed_as_shipped() -> None:
    assert CliRunner().invoke(app, ["schema", "result"]).output == shipped_schema("result")


def test_another_name_is_a_usage_error() -> None:
    assert CliRunner().invoke(app, ["schema", "policy"]).exit_code == 2
