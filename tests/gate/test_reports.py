"""``--mlops-report``: made after the record, and without a say in the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

# Imported before the runs inside this process, which drop every module they were first to import.
import jinja2  # noqa: F401
import plotly.offline  # noqa: F401
import pytest

from pytest_mlops.gate.reports import place_reports
from pytest_mlops.gate.terminal import relative_path
from pytest_mlops.report import write

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.report.write import Kind
    from tests.conftest import Gate

GREEN = """
import pytest

@pytest.mark.model_test
def test_one(mlops):
    mlops.score("kept", [1.0] * 50)
"""
RED = GREEN + "    assert False\n"


@pytest.fixture
def project(gate: Gate) -> Gate:
    gate.write("test_model.py", GREEN)
    return gate


def test_both_reports_are_written_and_named_after_the_record(project: Gate) -> None:
    done = project.run("--mlops-report", "html=out/report.html, md=report.md")
    assert done.ret == 0
    done.stdout.fnmatch_lines(["record: *", "report: out/report.html", "report: report.md"])
    page = (project.folder / "out" / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert (project.folder / "report.md").read_text(encoding="utf-8").startswith("## PASS: this version")


def test_the_option_may_be_given_twice(project: Gate) -> None:
    project.run("--mlops-report=md=a.md", "--mlops-report=md=b.md")
    assert (project.folder / "a.md").read_bytes() == (project.folder / "b.md").read_bytes()


def test_quiet_runs_name_no_reports_and_still_write_them(project: Gate) -> None:
    done = project.run("-q", "--mlops-report", "md=report.md")
    done.stdout.no_fnmatch_line("report: *")
    assert (project.folder / "report.md").exists()


@pytest.mark.parametrize(("text", "code"), [(GREEN, 0), (RED, 1)])
def test_a_report_that_cannot_be_written_is_a_line_and_changes_nothing(
    gate: Gate, text: str, code: int
) -> None:
    gate.write("test_model.py", text)
    gate.write("file", "")
    done = gate.run("-q", "--mlops-report", "md=file/report.md,md=good.md")
    assert done.ret == code
    done.stdout.fnmatch_lines(["report not written: cannot write *report.md: *"])
    assert (gate.folder / "good.md").exists()
    assert gate.record().success is (code == 0)


def test_an_error_in_the_report_itself_changes_nothing(
    project: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(record: object) -> str:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(write, "to_markdown", broken)
    done = project.run("--mlops-report", "md=report.md")
    assert done.ret == 0
    done.stdout.fnmatch_lines(["report not written: report.md: ZeroDivisionError: oh"])
    assert project.record().success


@pytest.mark.parametrize("given", ["pdf=x.pdf", "html", "html=", "md=a.md,,", "report.html"])
def test_what_is_no_report_is_a_usage_error(project: Gate, given: str) -> None:
    done = project.run("--mlops-report", given)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*argument --mlops-report: got * expected html=PATH or md=PATH"])


def test_a_report_in_the_place_of_the_record_is_refused_before_anything_runs(project: Gate) -> None:
    done = project.run("--mlops-report", "md=.mlops/integration-result.json")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*.mlops/integration-result.json is already the path of a record*"])
    assert not project.record().success


def test_no_report_of_an_earlier_run_outlives_a_crash(project: Gate) -> None:
    project.run("--mlops-report", "md=report.md")
    project.write("test_model.py", "import os\ndef test_one():\n    os._exit(9)\n")
    project.run_apart("--mlops-report", "md=report.md")
    assert not (project.folder / "report.md").exists()


def test_without_a_record_there_is_no_report_of_it(project: Gate) -> None:
    taken = "    import os; os.remove({0!r}); os.mkdir({0!r})\n".format(".mlops/integration-result.json")
    project.write("test_model.py", GREEN + taken)
    done = project.run("--mlops-report", "md=report.md")
    assert done.ret == 1
    done.stdout.fnmatch_lines(["report not written: its record .mlops/integration-result.json was not*"])
    assert not (project.folder / "report.md").exists()


def test_another_listeners_error_does_not_cost_the_report(project: Gate) -> None:
    project.write("conftest.py", "def pytest_mlops_after_verdict(record, path): raise ValueError('oh')\n")
    assert project.run("--mlops-report", "md=report.md").ret == 0
    assert (project.folder / "report.md").exists()


def test_planning_leaves_reports_alone(project: Gate) -> None:
    project.write("report.md", "old")
    project.run("--collect-only", "--mlops-report", "md=report.md")
    assert (project.folder / "report.md").read_text(encoding="utf-8") == "old"


def test_without_the_terminal_reports_are_written(project: Gate) -> None:
    assert project.run_apart("-p", "no:terminal", "--mlops-report", "md=report.md").ret == 0
    assert (project.folder / "report.md").exists()


def test_workers_write_no_reports_of_their_own(project: Gate) -> None:
    done = project.run_apart("-n", "2", "--mlops-report", "md=report.md")
    assert done.ret == 0
    assert done.stdout.str().count("report: report.md") == 1


def test_a_run_without_reports_imports_their_messages_only(project: Gate) -> None:
    project.write(
        "conftest.py",
        """
        import sys
        def pytest_unconfigure():
            loaded = {name for name in sys.modules if name.startswith("pytest_mlops.report.")}
            assert loaded == {"pytest_mlops.report.messages"}
        """,
    )
    assert project.run_apart().ret == 0


def test_several_records_have_their_reports_as_far_below_as_themselves(tmp_path: Path) -> None:
    results = tmp_path / ".mlops"
    records = [results / "a" / "r.json", results / "b" / "r.json"]
    targets: list[tuple[Kind, Path]] = [("md", tmp_path / "out" / "report.md")]
    placed = place_reports(targets, records, results)
    assert placed == {
        records[0]: [("md", tmp_path / "out" / "a" / "report.md")],
        records[1]: [("md", tmp_path / "out" / "b" / "report.md")],
    }


def test_two_reports_in_one_place_are_refused(tmp_path: Path) -> None:
    targets: list[tuple[Kind, Path]] = [("md", tmp_path / "r"), ("html", tmp_path / "r")]
    with pytest.raises(pytest.UsageError, match="give each report its own path"):
        place_reports(targets, [tmp_path / "m" / "i.json"], tmp_path / "m")


def test_two_models_in_one_run_have_a_report_each(gate: Gate) -> None:
    for name in ("a", "b"):
        gate.write(f"{name}/mlops.yaml", f"version: 1\nmodel: {{id: {name}, version: '1'}}\n")
        gate.write(f"{name}/test_{name}.py", GREEN)
    gate.run("--mlops-config=a/mlops.yaml", "--mlops-config=b/mlops.yaml", "--mlops-report=md=out.md")
    for name in ("a", "b"):
        assert f"{name} 1 is allowed" in (gate.folder / name / "out.md").read_text(encoding="utf-8")


def test_a_path_elsewhere_is_named_in_full(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert relative_path(tmp_path / "there") == str(tmp_path / "there")
