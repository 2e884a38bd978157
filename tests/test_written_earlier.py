"""Records and stores written earlier verify and open: see the README beside the fixtures."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

pytest.importorskip("sqlalchemy")

from pytest_mlops.cli.app import app
from pytest_mlops.cli.exits import ExitCode, exit_code_of
from pytest_mlops.errors import MLOpsError

if TYPE_CHECKING:
    from collections.abc import Iterator

FIXTURES = Path(__file__).parent / "fixtures" / "written_earlier"
WRITTEN_IN = "/tmp/project/run/serving"
RECORD = "integration-result.json"


def run(*arguments: str) -> tuple[int, str]:
    """Return the exit code of a command and what it printed."""
    answer = CliRunner().invoke(app, arguments)
    if isinstance(answer.exception, MLOpsError):
        return int(exit_code_of(answer.exception)), str(answer.exception)
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    return answer.exit_code, answer.output


def printed(*arguments: str) -> Any:
    code, output = run(*arguments, "--json")
    assert code == ExitCode.ALLOW, output
    return json.loads(output)


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the records, where the commands are typed."""
    folder = tmp_path / "records"
    shutil.copytree(FIXTURES, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project that deployed three versions, moved to a folder of this test."""
    shutil.unpack_archive(FIXTURES / "serving.tar.xz", tmp_path, filter="data")
    folder = tmp_path / "serving"
    for name in ("store.db", "under-way.db"):
        with sqlite3.connect(folder / ".mlops" / name) as store:
            for table, column in (("deployments", "body"), ("journal", "detail"), ("monitored", "body")):
                store.execute(
                    f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (WRITTEN_IN, str(folder))
                )
        store.close()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLOPS_STORE_URL", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    return folder


@pytest.mark.parametrize(
    ("example", "model", "code"),
    [
        ("breast_cancer", "breast_cancer", ExitCode.ALLOW),
        ("breast_cancer_undecided", "breast_cancer", ExitCode.ALLOW),
        ("breast_cancer_regressed", "breast_cancer_regressed", ExitCode.BLOCK),
        ("champion_challenger", None, ExitCode.ALLOW),
    ],
)
def test_a_record_verifies_to_its_verdict(
    records: Path, example: str, model: str | None, code: ExitCode
) -> None:
    options = [] if model is None else ["--model", f"{model}/model"]
    exit_code, output = run("verify", f"{example}/{RECORD}", *options)
    assert exit_code == code, output


def test_a_record_is_refused_with_another_model(records: Path) -> None:
    code, _ = run("verify", f"breast_cancer/{RECORD}", "--model", "breast_cancer_regressed/model")
    assert code == ExitCode.REFUSED


def test_messages_of_a_record_are_those_of_today(records: Path) -> None:
    """Those in the file are not compared, so that nothing which a forger wrote there is shown."""
    path = records / "breast_cancer_undecided" / RECORD
    forged = path.read_text(encoding="utf-8").replace("latency_p99_ms = ", "approved: latency_p99_ms = ")
    path.write_text(forged, encoding="utf-8")
    for sibling in path.parent.glob("*.intoto.json"):
        sibling.unlink()
    code, output = run("verify", str(path), "--model", "breast_cancer/model")
    assert code == ExitCode.ALLOW, output
    assert "UNDECIDED: latency_p99_ms = " in output
    assert "approved" not in output


def test_the_signature_of_a_record_holds_for_its_key_alone(records: Path) -> None:
    command = ["verify", f"breast_cancer/{RECORD}", "--model", "breast_cancer/model", "--key"]
    code, output = run(*command, "breast_cancer/gate.pub")
    assert code == ExitCode.ALLOW, output
    assert run("keys", "new", "other.key")[0] == ExitCode.ALLOW
    assert run(*command, "other.pub")[0] == ExitCode.REFUSED


def test_a_changed_record_is_refused(records: Path) -> None:
    path = records / "breast_cancer_regressed" / RECORD
    text = path.read_text(encoding="utf-8")
    assert '"verdict": "fail"' in text
    path.write_text(text.replace('"verdict": "fail"', '"verdict": "pass"'), encoding="utf-8")
    assert run("verify", str(path), "--model", str(path.parent / "model"))[0] == ExitCode.REFUSED


def test_records_are_compared_reported_and_planned(records: Path) -> None:
    new, old = (f"{name}/{RECORD}" for name in ("breast_cancer_regressed", "breast_cancer"))
    comparison = run("compare", new, old, "--margin", "0.01")
    assert comparison[0] == ExitCode.BLOCK, comparison[1]
    for command in ("report", "plan"):
        code, output = run(command, f"champion_challenger/{RECORD}")
        assert code == ExitCode.ALLOW, output
        assert "accuracy" in output


def test_the_log_of_a_store_holds(serving: Path) -> None:
    code, output = run("log", "verify")
    assert code == ExitCode.ALLOW, output


def test_versions_and_aliases_are_listed(serving: Path) -> None:
    versions = printed("registry", "list", "--model", "tumour-service")["versions"]
    assert [entry["version_id"] for entry in versions] == ["3", "2", "1"]
    assert printed("registry", "get", "tumour-service", "@champion")["version_id"] == "2"
    moves = printed("registry", "history", "tumour-service", "challenger")["moves"]
    assert [move["version_id"] for move in moves] == [None, "3"]
    code, output = run("registry", "get", "tumour-service", "1", "--to", "fetched")
    assert code == ExitCode.ALLOW, output
    assert (serving / "fetched" / "model.json").is_file()


def test_runs_and_deployments_are_listed(serving: Path) -> None:
    assert [entry["version"] for entry in printed("history")["results"]] == ["3", "2", "1"]
    rows = printed("history", "deployments")["deployments"]
    assert [(row["deployment_id"], row["status"]) for row in rows] == [
        ("production.3", "failed"),
        ("production.2", "running"),
        ("production.1", "stopped"),
    ]


def test_status_reads_the_store_and_the_files_of_processes_that_ended(serving: Path) -> None:
    values = printed("status")
    assert values["under_way"] is None
    assert values["pointer"]["weights"] == {"production.2": 100.0}


def test_status_of_a_rollout_that_was_under_way(serving: Path) -> None:
    shutil.copyfile(serving / ".mlops" / "under-way.db", serving / ".mlops" / "store.db")
    values = printed("status")
    assert values["under_way"] == "production.2"
    assert values["pointer"]["weights"] == {"production.1": 80.0, "production.2": 20.0}


def apart(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, as a deployment needs it."""
    argv = [sys.executable, "-m", "pytest_mlops", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture
def supervised(serving: Path) -> Iterator[Path]:
    """The project, for a test that brings its environment up; it is down again after the test."""
    shutil.rmtree(
        serving / ".mlops" / "deploy" / "production" / "run"
    )  # it names a port that others may have
    yield serving
    assert apart("down").returncode == ExitCode.ALLOW


def bring_up() -> None:
    up = apart("up")
    assert up.returncode == ExitCode.ALLOW, up.stdout + up.stderr


@pytest.mark.slow
def test_a_version_deployed_earlier_serves_and_is_rolled_back(supervised: Path) -> None:
    bring_up()
    done = apart("rollback")
    assert done.returncode == ExitCode.ALLOW, done.stdout + done.stderr
    (serves,) = printed("status")["pointer"]["weights"]
    newest = printed("history", "deployments")["deployments"][0]
    assert (newest["deployment_id"], newest["model_version"]["version_id"]) == (serves, "1")


@pytest.mark.slow
def test_a_rollout_begun_earlier_is_taken_up_and_aborted(supervised: Path) -> None:
    """The supervisor recovers from the journal alone; without requests the canary is not promoted."""
    shutil.copyfile(supervised / ".mlops" / "under-way.db", supervised / ".mlops" / "store.db")
    bring_up()
    assert printed("status")["under_way"] == "production.2"
    aborted = apart("abort")
    assert aborted.returncode == ExitCode.ALLOW, aborted.stdout + aborted.stderr
    deadline = time.monotonic() + 300
    while printed("status")["under_way"] is not None:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert printed("status")["pointer"]["weights"] == {"production.1": 100.0}
