"""Sealing: one record a run, of that run, whatever goes wrong on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.decision.judge import judge
from pytest_mlops.errors import IoError
from pytest_mlops.evidence.verify import verify_record
from pytest_mlops.files import write_atomically
from pytest_mlops.gate.output import write_record
from pytest_mlops.records.codec import load_integration_result
from pytest_mlops.verdict import Decision, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Gate

GOOD = "import pytest\n\n@pytest.mark.model_test\ndef test_good(mlops): mlops.metric('accuracy', 0.9)\n"
MODEL = "model: {id: risk, version: '7', artifact: weights}\n"


def test_before_the_first_test_the_old_record_is_replaced_by_an_incomplete_one(gate: Gate) -> None:
    gate.write("test_model.py", GOOD)
    gate.run("--mlops-run-id=first")
    assert gate.record().success
    gate.write(
        "test_model.py",
        """
        import pathlib, pytest
        from pytest_mlops.records.codec import load_integration_result

        @pytest.mark.model_test
        def test_it():
            record = load_integration_result(pathlib.Path(".mlops/integration-result.json").read_bytes())
            assert (record.run_id, record.verdict) == ("second", "incomplete")
            assert not record.success
        """,
    )
    assert gate.run("--mlops-run-id=second").ret == 0
    assert gate.record().run_id == "second"


def test_the_incomplete_record_is_judged_and_written_once(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = {"judge": 0, "write_record": 0}

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            calls[name] += 1
            return function(*arguments, **options)

        return call

    monkeypatch.setattr("pytest_mlops.gate.seal.judge", counted("judge", judge))
    monkeypatch.setattr("pytest_mlops.gate.activate.write_record", counted("write_record", write_record))
    gate.write("mlops.yaml", MODEL)
    gate.write("weights", "w")
    gate.write("test_model.py", GOOD)
    gate.write("conftest.py", "def pytest_sessionstart(): raise KeyboardInterrupt")
    gate.run()
    assert calls == {"judge": 1, "write_record": 1}
    record = gate.record()
    assert record.model_version is not None
    assert record.model_version.digest is not None


@pytest.mark.parametrize("text", ["rules: [", "model: {id: risk, version: '7', artifact: gone}\n"])
def test_a_run_that_cannot_start_replaces_an_earlier_pass(gate: Gate, text: str) -> None:
    gate.write("test_model.py", GOOD)
    gate.run("--mlops-run-id=first")
    assert gate.record().success
    gate.write("mlops.yaml", text)
    assert gate.run("--mlops-run-id=second").ret == pytest.ExitCode.USAGE_ERROR
    record = gate.record()
    assert (record.run_id, record.verdict, record.decision) == ("second", "incomplete", "block")


def test_every_run_has_an_id_of_its_own(gate: Gate) -> None:
    gate.write("test_model.py", GOOD)
    gate.run()
    first = gate.record().run_id
    gate.run()
    assert gate.record().run_id != first


def test_a_sealed_record_verifies(gate: Gate) -> None:
    gate.write("mlops.yaml", MODEL)
    weights = gate.write("weights", "w")
    gate.write("test_model.py", GOOD)
    gate.run("--mlops-run-id=r")
    verified = verify_record(gate.record(), folder=gate.path.parent, run_id="r", model=weights)
    assert {"run id", "model digest"} <= set(verified.checks)


def test_the_record_goes_where_the_option_says(gate: Gate) -> None:
    gate.write("test_model.py", GOOD)
    gate.run("--mlops-result=out/result.json")
    assert (gate.folder / "out" / "result.json").is_file()
    assert not gate.path.exists()


def test_a_model_that_changes_during_the_run_is_incomplete(gate: Gate) -> None:
    gate.write("mlops.yaml", MODEL)
    gate.write("weights", "w")
    gate.write(
        "test_model.py",
        """
        import pathlib, pytest

        @pytest.mark.model_test
        def test_it(): pathlib.Path("weights").write_text("other")
        """,
    )
    assert gate.run().ret == pytest.ExitCode.TESTS_FAILED
    record = gate.record()
    assert (record.verdict, record.decision, record.deployable) == (
        Verdict.INCOMPLETE,
        Decision.BLOCK,
        False,
    )
    assert "weights" in record.reasons[0].text


def test_a_model_that_vanishes_during_the_run_is_incomplete(gate: Gate) -> None:
    gate.write("mlops.yaml", MODEL)
    gate.write("weights", "w")
    gate.write(
        "test_model.py",
        """
        import pathlib, pytest

        @pytest.mark.model_test
        def test_it(): pathlib.Path("weights").unlink()
        """,
    )
    assert gate.run().ret == pytest.ExitCode.TESTS_FAILED
    assert gate.record().verdict is Verdict.INCOMPLETE


def test_a_record_that_cannot_be_written_at_the_start_is_a_usage_error(gate: Gate) -> None:
    gate.write("test_model.py", "raise SystemExit('nothing may run')")
    gate.write("file", "not a folder")
    result = gate.run("--mlops-result=file/result.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*cannot write *result.json*"])
    result.stderr.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize("quiet", [(), ("-q",), ("-p", "no:terminal")])
def test_a_disk_that_fills_up_blocks_and_leaves_the_incomplete_record(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, quiet: tuple[str, ...]
) -> None:
    written = []

    def fill_up(path: Path, data: bytes) -> None:
        written.append(path)
        if load_integration_result(data).success:
            raise IoError(f"cannot write {path}: No space left on device")
        write_atomically(path, data)

    monkeypatch.setattr("pytest_mlops.gate.output.write_atomically", fill_up)
    gate.write("test_model.py", GOOD)
    result = gate.run(*quiet)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    if "no:terminal" not in quiet:
        result.stdout.fnmatch_lines(["*INCOMPLETE: cannot write *No space left on device*"])
        result.stdout.no_fnmatch_line("*PASS: *")
    assert gate.record().verdict is Verdict.INCOMPLETE
    assert len(written) > 1


def test_an_internal_error_of_a_plugin_is_incomplete(gate: Gate) -> None:
    gate.write("test_model.py", GOOD)
    gate.write(
        "conftest.py",
        "def pytest_runtest_logreport(report):\n    if report.when == 'call': raise OSError('broken')\n",
    )
    result = gate.run()
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    record = gate.record()
    assert record.verdict is Verdict.INCOMPLETE
    assert "broken" in str(record.test_results.session.interrupted)


def test_a_session_that_a_plugin_stops_is_incomplete(gate: Gate) -> None:
    gate.write("test_model.py", GOOD + "\n@pytest.mark.model_test\ndef test_later(): pass\n")
    gate.write(
        "conftest.py",
        "def pytest_runtest_teardown(item): item.session.shouldstop = 'enough'\n",
    )
    assert gate.run().ret != 0
    assert gate.record().verdict is Verdict.INCOMPLETE
    assert gate.record().test_results.not_run_tests == 1


def test_a_failing_code_is_never_changed(gate: Gate) -> None:
    gate.write("test_model.py", GOOD)
    gate.write("conftest.py", "def pytest_sessionfinish(session): session.exitstatus = 7\n")
    assert gate.run("--mlops-min-coverage=1").ret == 7


@pytest.mark.parametrize("option", ["--help", "--version", "--markers", "--fixtures", "--setup-plan"])
def test_an_option_under_which_nothing_runs_touches_no_record(gate: Gate, option: str) -> None:
    gate.write("test_model.py", GOOD)
    gate.run()
    before = gate.path.read_bytes()
    assert gate.run(option).ret == 0
    assert gate.path.read_bytes() == before


def test_thresholds_of_the_command_line_raise_and_never_lower(gate: Gate) -> None:
    gate.write("mlops.yaml", "gate: {min_coverage: 0.9, min_pass_rate: 0.5}")
    gate.write("test_model.py", GOOD)
    gate.run("--mlops-min-coverage=0.1", "--mlops-min-pass-rate=0.75")
    gates = gate.record().policy.gate
    assert (gates.min_coverage, gates.min_pass_rate) == (0.9, 0.75)


def test_two_runs_in_one_process_leave_nothing_behind(gate: Gate, pytester: pytest.Pytester) -> None:
    gate.write("test_model.py", GOOD)
    gate.run()
    before = gate.path.read_bytes()
    result = pytester.runpytest_inprocess()
    assert gate.path.read_bytes() == before
    result.stdout.no_fnmatch_line("*mlops gate*")
