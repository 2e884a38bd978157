"""``pytest-mlops history``, and ``report --history``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

pytest.importorskip("sqlalchemy")

from pytest_mlops.cli.app import app
from pytest_mlops.cli.exits import exit_code_of
from pytest_mlops.errors import MLOpsError
from pytest_mlops.operations import history as history_operations

if TYPE_CHECKING:
    from tests.conftest import Gate

TEST = """\
import pytest

@pytest.mark.model_test
def test_it(mlops):
    mlops.metric("accuracy", {value}, n=100)
    assert {value} > 0.5
"""
RECORD = ".mlops/integration-result.json"


def run(*arguments: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, arguments)
    if isinstance(answer.exception, MLOpsError):
        return int(exit_code_of(answer.exception)), str(answer.exception)
    return answer.exit_code, answer.output


def results(*arguments: str) -> Any:
    return json.loads(run("history", *arguments, "--json")[1])


@pytest.fixture
def project(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Gate:
    monkeypatch.chdir(gate.folder)
    monkeypatch.setenv("COLUMNS", "200")
    return gate


def make(gate: Gate, run_id: str, model: str = "credit", value: float = 0.9, history: str = "") -> None:
    gate.write("mlops.yaml", f"version: 1\nmodel: {{id: {model}, version: '1'}}\n{history}")
    gate.write("test_model.py", TEST.format(value=value))
    gate.run(f"--mlops-run-id={run_id}")


def test_runs_are_recorded_and_listed_newest_first(project: Gate) -> None:
    for run_id, value in (("one", 0.9), ("two", 0.1)):
        make(project, run_id, value=value)
        code, output = run("history", "record", RECORD)
        assert code == 0
        assert f"run {run_id} is recorded" in output
    assert [one["run_id"] for one in results()["results"]] == ["two", "one"]
    code, output = run("history")
    assert code == 0
    assert "FAIL, block" in output
    assert "PASS, allow" in output


def test_the_list_can_be_narrowed_down(project: Gate) -> None:
    for run_id, model, value in (("a", "credit", 0.9), ("b", "fraud", 0.9), ("c", "credit", 0.1)):
        make(project, run_id, model, value)
        run("history", "record", RECORD)

    def ids(*arguments: str) -> list[str]:
        return [one["run_id"] for one in results(*arguments)["results"]]

    assert ids("--model", "credit") == ["c", "a"]
    assert ids("--verdict", "fail") == ["c"]
    assert ids("--since", "2020-01-01", "--limit", "2") == ["c", "b"]
    assert results("--limit", "2")["more"]
    assert not results("--limit", "3")["more"]
    assert ids("--since", "2999-01-01") == []
    assert run("history", "--since", "2999-01-01")[1].split() == ["Runs", "-", "None."]
    assert "There are more" in run("history", "--limit", "1")[1]


def test_to_record_again_changes_nothing_and_a_changed_record_is_refused(project: Gate) -> None:
    make(project, "one")
    assert run("history", "record", RECORD)[0] == 0
    assert run("history", "record", RECORD)[0] == 0
    assert len(results()["results"]) == 1
    project.path.write_text(project.path.read_text().replace('"passed": true', '"passed": false'))
    assert run("history", "record", RECORD)[0] == 5


@pytest.mark.parametrize(
    ("section", "options", "kept"),
    [
        ("", (), ["c", "b", "a"]),
        ("history: {keep: 2}\n", (), ["c", "b"]),
        ("history: {keep: 2}\n", ("--keep", "1"), ["c"]),
        ("history: {keep: 9}\n", ("--max-age", "0"), []),
    ],
)
def test_the_history_is_bounded_as_the_options_say_else_as_mlops_yaml_says(
    project: Gate, section: str, options: tuple[str, ...], kept: list[str]
) -> None:
    for run_id in "abc":
        make(project, run_id)
        project.write("mlops.yaml", f"version: 1\n{section}")
        assert run("history", "record", RECORD, *options)[0] == 0
    assert [one["run_id"] for one in results()["results"]] == kept


def test_without_a_store_the_list_says_how_to_begin(project: Gate) -> None:
    code, output = run("history")
    assert code == 4
    assert "add history to mlops.yaml" in output
    assert not (project.folder / ".mlops").exists()


def test_a_report_shows_the_recorded_runs(project: Gate) -> None:
    pytest.importorskip("jinja2")
    pytest.importorskip("plotly")
    for run_id in ("one", "two"):
        make(project, run_id)
        assert run("history", "record", RECORD)[0] == 0
    make(project, "three")
    assert run("report", RECORD, "--html", "r.html", "--history")[0] == 0
    page = (project.folder / "r.html").read_text(encoding="utf-8")
    assert "3 recorded runs of this model" in page
    assert page.count("<td>one</td>") == 3
    assert run("report", RECORD, "--html", "r.html")[0] == 0
    assert 'id="trends"' not in (project.folder / "r.html").read_text(encoding="utf-8")


def test_a_report_with_a_history_needs_a_page_and_a_store(project: Gate) -> None:
    make(project, "one")
    assert run("report", RECORD, "--history")[0] == 2
    code, output = run("report", RECORD, "--html", "r.html", "--history")
    assert code == 4
    assert "there is no store in" in output


def test_a_record_of_an_untrusted_pull_request_is_refused(
    project: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    make(project, "one")
    record = project.record()
    changed = record.provenance.model_copy(update={"trust": "untrusted-pr"})
    untrusted = SimpleNamespace(record=record.model_copy(update={"provenance": changed}))
    monkeypatch.setattr(history_operations, "verify_file", lambda _path: untrusted)
    code, output = run("history", "record", RECORD)
    assert code == 5
    assert "untrusted pull request" in output
    assert not (project.folder / ".mlops" / "store.db").exists()


def test_only_the_section_on_history_is_read_and_run_ids_stay_whole(
    project: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run_id = "0123456789abcdef" * 2
    make(project, run_id)
    project.write("mlops.yaml", "version: 1\nchecks: [{of_a_plugin: {}}]\nhistory: {keep: 5}\n")
    assert run("history", "record", RECORD)[0] == 0
    assert run_id in run("history")[1]
    project.write("mlops.yaml", "version: 1\nhistory: {keep: 0}\n")
    code, output = run("history", "record", RECORD)
    assert code == 2
    assert "history.keep" in output
