"""``registry mlflow``: what the commands print, and the codes they exit with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

pytest.importorskip("sqlalchemy")

from pytest_mlops.cli.app import app
from pytest_mlops.cli.exits import exit_code_of
from pytest_mlops.errors import MLOpsError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.registry.mlflow.conftest import Server


def run(*arguments: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, ["registry", *arguments])
    if isinstance(answer.exception, MLOpsError):
        return int(exit_code_of(answer.exception)), str(answer.exception)
    return answer.exit_code, answer.output


def read(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json")[1])


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.slow
def test_the_commands_lead_from_an_import_to_an_alias_that_is_put_back(
    server: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    one = server.add_version(name, {"MLmodel": b"1"}, metrics={"accuracy": 0.9, "bad": "NaN"})
    server.add_version(name, {"MLmodel": b"2"})
    code, output = run("mlflow", "import", name, one, "--model", "credit", "--download")
    assert (code, output.splitlines()[0]) == (0, f"credit 1 registered: version 1 of {name}")
    assert "left out: metric bad" in output
    again = read("mlflow", "import", name, one, "--model", "credit", "--download")
    assert (again["created"], again["remote_version"], again["stored"]) == (False, "1", True)
    code, output = run("mlflow", "export", "credit", "1")
    assert (code, "tags are up to date" in output) == (0, True)
    assert run("mlflow", "reconcile")[0] == 0
    assert run("alias", "credit", "champion", "--to", "1", "--new", "--reason", "first")[0] == 0
    assert run("mlflow", "project", "credit", "champion") == (0, f"champion of {name} points to version 1\n")
    server.set_alias(name, "champion", "2")
    code, output = run("mlflow", "reconcile", "credit")
    assert code == 1
    assert "MOVED: champion of" in output
    assert run("mlflow", "project", "credit", "champion")[0] == 4
    code, output = run("mlflow", "reconcile", "credit", "--restore")
    assert (code, "restored:" in output) == (0, True)
    (found,) = read("mlflow", "reconcile")["aliases"]
    assert (found["state"], found["found"], found["done"]) == ("in_step", "1", True)


def test_without_a_server_the_commands_say_how_to_name_one() -> None:
    code, output = run("mlflow", "import", "credit", "1")
    assert code == 2
    assert "MLFLOW_TRACKING_URI" in output


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    code, output = run("mlflow", "reconcile", "--server", "http://127.0.0.1:9")
    assert (code, "there is no store here" in output) == (4, True)
    assert not (tmp_path / ".mlops").exists()
