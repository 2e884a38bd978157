"""Outcomes that take a process of their own, end the session, or make no record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlops.verdict import Context, Decision, Verdict

if TYPE_CHECKING:
    from pytest_mlops.records.integration import IntegrationResult
    from tests.conftest import Gate

HEAD = """
import os
import pytest

pytestmark = pytest.mark.model_test

def test_good():
    pass
"""
COUNTS = ("total", "passed", "failed", "errored", "skipped", "deselected", "undecided", "not_run")
IN_EACH_CONTEXT = pytest.mark.parametrize(
    "context",
    [
        Context.LOCAL,
        pytest.param(Context.PULL_REQUEST, marks=pytest.mark.slow),
        pytest.param(Context.RELEASE, marks=pytest.mark.slow),
    ],
)
TWO_WORKERS = ("-n2", "--dist=loadfile")
CRASH = HEAD + "def test_crash(): os._exit(13)\n"


def counted(record: IntegrationResult) -> dict[str, int]:
    """Return the counts of a record that are not 0, and the total."""
    counts = {name: getattr(record.test_results, f"{name}_tests") for name in COUNTS}
    return {name: count for name, count in counts.items() if count or name == "total"}


@IN_EACH_CONTEXT
def test_a_process_that_dies_leaves_the_incomplete_record_of_this_run(gate: Gate, context: Context) -> None:
    gate.write("test_model.py", HEAD)
    gate.run()
    assert gate.record().verdict is Verdict.PASS
    gate.write("test_model.py", CRASH)
    result = gate.run_apart("--mlops-run-id=second", f"--mlops-context={context}")
    assert result.ret == 13
    record = gate.record()
    assert (record.verdict, record.decision, record.run_id) == (
        Verdict.INCOMPLETE,
        Decision.BLOCK,
        "second",
    )


@IN_EACH_CONTEXT
def test_a_crashed_worker_is_incomplete_though_another_takes_its_place(gate: Gate, context: Context) -> None:
    gate.write("test_model.py", CRASH)
    result = gate.run("-n2", f"--mlops-context={context}")
    record = gate.record()
    assert (record.verdict, record.decision, result.ret) == (Verdict.INCOMPLETE, Decision.BLOCK, 1)
    assert counted(record) == {"total": 2, "passed": 1, "errored": 1}
    assert len(record.test_results.session.lost_workers) == 1
    (crashed,) = (test for test in record.test_results.results if test.outcome == "crashed")
    assert not crashed.conclusive


def test_a_crashed_worker_that_is_not_replaced_is_incomplete(gate: Gate) -> None:
    gate.write("test_model.py", CRASH + "def test_later(): pass\n")
    result = gate.run(*TWO_WORKERS, "--max-worker-restart=0")
    record = gate.record()
    assert (record.verdict, record.decision) == (Verdict.INCOMPLETE, Decision.BLOCK)
    assert result.ret != 0
    assert counted(record) == {"total": 3, "passed": 1, "errored": 1, "not_run": 1}


@pytest.mark.parametrize("source", ["pytest.exit('enough', returncode=0)", "pytest.exit('enough')"])
def test_a_test_that_ends_the_session_is_incomplete_whatever_code_it_asks_for(
    gate: Gate, source: str
) -> None:
    gate.write("test_model.py", f"{HEAD}\ndef test_it(): {source}\n")
    result = gate.run()
    assert gate.record().verdict is Verdict.INCOMPLETE
    assert result.ret != 0


@pytest.mark.parametrize("workers", [(), TWO_WORKERS])
def test_collecting_only_gives_no_verdict_and_touches_no_record(gate: Gate, workers: tuple[str, ...]) -> None:
    gate.write("test_model.py", HEAD)
    gate.run()
    before = gate.path.read_bytes()
    result = gate.run("--collect-only", *workers)
    assert result.ret == 0
    assert gate.path.read_bytes() == before
    result.stdout.no_fnmatch_line("*PASS*")
    result.stdout.no_fnmatch_line("*mlops gate*")


def test_collecting_only_writes_no_record_where_there_was_none(gate: Gate) -> None:
    gate.write("test_model.py", HEAD)
    assert gate.run("--collect-only").ret == 0
    assert not gate.path.parent.exists()


def test_without_config_nothing_is_deployable(gate: Gate) -> None:
    gate.write("test_model.py", HEAD)
    gate.run()
    record = gate.record()
    assert record.success
    assert not record.deployable


def test_every_attempt_of_a_rerun_is_kept(gate: Gate) -> None:
    gate.write(
        "test_model.py", HEAD + "tries = []\ndef test_it():\n    tries.append(1)\n    assert len(tries) > 2\n"
    )
    gate.run("--reruns=3")
    (flaky,) = (test for test in gate.record().test_results.results if test.outcome == "flaky")
    assert [attempt.outcome for attempt in flaky.attempts] == ["failed", "failed"]
    assert not flaky.passed


def test_an_incomplete_headline_still_lists_what_failed(gate: Gate) -> None:
    gate.write("test_model.py", HEAD + "def test_it(): assert 0\ndef test_later(): pass\n")
    gate.run("-x")
    record = gate.record()
    assert record.verdict is Verdict.INCOMPLETE
    assert Verdict.FAIL in {reason.verdict for reason in record.reasons}
