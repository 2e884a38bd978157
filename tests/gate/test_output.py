"""Recording runs in the history: where asked for, after the record, and without a say in the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("sqlalchemy")

from pytest_mlops.store import history
from pytest_mlops.store.engine import open_store
from pytest_mlops.store.history import list_results
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from tests.conftest import Gate

MODEL = "model: {id: credit, version: '1'}\n"
TEST = """\
import pytest

@pytest.mark.model_test
def test_it(mlops):
    mlops.metric("accuracy", 0.9)
"""


def project(gate: Gate, section: str = "history: {}\n") -> None:
    gate.write("mlops.yaml", f"version: 1\n{MODEL}{section}")
    gate.write("test_model.py", TEST)


def recorded(gate: Gate) -> list[str]:
    with open_store(folder=gate.folder) as store:
        return [entry.run_id for entry in list_results(store).entries]


def test_without_the_section_there_is_no_store(gate: Gate) -> None:
    project(gate, "")
    gate.run()
    assert not (gate.folder / ".mlops" / "store.db").exists()


def test_each_run_is_recorded_whatever_its_verdict_and_the_oldest_go(gate: Gate) -> None:
    project(gate, "history: {keep: 2}\n")
    for run in ("a", "b"):
        assert gate.run(f"--mlops-run-id={run}").ret == 0
    gate.write("test_model.py", TEST + "    assert False\n")
    assert gate.run("--mlops-run-id=c").ret == 1
    assert recorded(gate) == ["c", "b"]
    with open_store(folder=gate.folder) as store:
        (failed,) = list_results(store, verdict=Verdict.FAIL).entries
    assert (failed.run_id, failed.model_id) == ("c", "credit")


def test_a_store_that_cannot_be_written_is_a_loud_warning_and_no_verdict(gate: Gate) -> None:
    project(gate)
    gate.write(".mlops/store.db", "this is no database, and longer than a header of one" * 100)
    result = gate.run()
    assert result.ret == 0
    assert "warning: this run is not in the history:" in result.stdout.str()
    assert gate.record().verdict is Verdict.PASS


@pytest.mark.parametrize("error", [RuntimeError("boom"), SystemExit(3)])
def test_whatever_goes_wrong_there_the_verdict_stands(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_arguments: object, **_names: object) -> None:
        raise error

    monkeypatch.setattr(history, "record_result", fail)
    project(gate)
    result = gate.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*warning: this run is not in the history: *"])


def test_the_run_of_an_untrusted_pull_request_is_not_recorded(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace
    from typing import Any

    from pytest_mlops.gate import session
    from pytest_mlops.gate.output import keep_history

    def untrusted(run: Any, record: Any) -> str | None:
        trust = run.provenance.model_copy(update={"trust": "untrusted-pr"})
        return keep_history(replace(run, provenance=trust), record)

    monkeypatch.setattr(session, "keep_history", untrusted)
    project(gate)
    result = gate.run()
    assert result.ret == 0
    assert "history" not in result.stdout.str()
    assert not (gate.folder / ".mlops" / "store.db").exists()


def test_a_run_whose_record_could_not_be_written_is_not_recorded(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_mlops.errors import IoError
    from pytest_mlops.gate import session

    def fail(*_arguments: object) -> None:
        raise IoError("disk full")

    monkeypatch.setattr(session, "write_attested", fail)
    project(gate)
    assert gate.run().ret == 1
    assert not (gate.folder / ".mlops" / "store.db").exists()


@pytest.mark.parametrize("section", ["{keep: 0}", "{max_age_days: 0}", "{keep: yes}", "{most: 3}"])
def test_a_history_that_makes_no_sense_is_refused(gate: Gate, section: str) -> None:
    project(gate, f"history: {section}\n")
    assert gate.run().ret == pytest.ExitCode.USAGE_ERROR


def test_trends_are_in_the_page_where_a_history_is_kept(gate: Gate) -> None:
    pytest.importorskip("jinja2")
    pytest.importorskip("plotly")
    project(gate)
    gate.run("--mlops-run-id=first")
    gate.run("--mlops-run-id=second", "--mlops-report=html=report.html,md=report.md")
    page = (gate.folder / "report.html").read_text(encoding="utf-8")
    assert '<h2 id="trends">' in page
    assert "<td>first</td>" in page
    assert "<td>second</td>" in page


def test_a_page_without_trends_is_better_than_none(gate: Gate) -> None:
    pytest.importorskip("jinja2")
    pytest.importorskip("plotly")
    project(gate)
    gate.write(".mlops/store.db", "this is no database, and longer than a header of one" * 100)
    result = gate.run("--mlops-report=html=report.html")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["report: report.html", "report without trends: *"])
    assert 'id="trends"' not in (gate.folder / "report.html").read_text(encoding="utf-8")
