"""Where a waiver or the pass rate decides on a failure, pytest sees xfailed and the record says failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlops.records.results import Outcome
from pytest_mlops.verdict import Verdict
from tests.conftest import BARE_AND_WORKERS

if TYPE_CHECKING:
    from tests.conftest import Gate

TESTS = """
import pytest

pytestmark = pytest.mark.model_test

@pytest.mark.parametrize("case", range(9))
def test_good(case): pass

def test_bad(): {body}
"""
WAIVER = """
waivers:
  - {{test: "{test}", scope: "*", reason: known, approver: Ada, expires: {expires}}}
"""
FOREVER = "2099-12-31"


def outcome_of(gate: Gate, name: str) -> Outcome:
    (found,) = (test for test in gate.record().test_results.results if test.test_name.endswith(name))
    return found.outcome


@BARE_AND_WORKERS
def test_a_waived_failure_is_xfailed_to_pytest_and_failed_in_the_record(
    gate: Gate, how: tuple[str, ...]
) -> None:
    gate.write("mlops.yaml", WAIVER.format(test="test_model.py::test_bad", expires=FOREVER))
    gate.write("test_model.py", TESTS.format(body="assert 0, 'too low'"))
    result = gate.run(*how)
    result.assert_outcomes(passed=9, xfailed=1)
    record = gate.record()
    assert (result.ret, record.verdict, record.success) == (0, Verdict.WAIVED, True)
    assert outcome_of(gate, "test_bad") is Outcome.FAILED
    assert record.test_results.failed_tests == 1
    assert "too low" in next(test.message for test in record.test_results.results if test.message)


@pytest.mark.parametrize(("least", "code", "verdict"), [(0.9, 0, Verdict.PASS), (0.95, 1, Verdict.FAIL)])
def test_below_a_pass_rate_of_one_the_gate_decides_on_every_failure(
    gate: Gate, least: float, code: int, verdict: Verdict
) -> None:
    gate.write("mlops.yaml", f"gate: {{min_pass_rate: {least}}}")
    gate.write("test_model.py", TESTS.format(body="assert 0"))
    result = gate.run()
    result.assert_outcomes(passed=9, xfailed=1)
    assert (result.ret, gate.record().verdict) == (code, verdict)
    assert outcome_of(gate, "test_bad") is Outcome.FAILED


def test_another_exception_stays_a_failure(gate: Gate) -> None:
    gate.write("mlops.yaml", "gate: {min_pass_rate: 0.5}")
    gate.write("test_model.py", TESTS.format(body="raise OSError('disk')"))
    result = gate.run()
    result.assert_outcomes(passed=9, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_an_ordinary_test_stays_a_failure(gate: Gate) -> None:
    gate.write("mlops.yaml", "gate: {min_pass_rate: 0.5}")
    gate.write("test_model.py", TESTS.format(body="pass"))
    gate.write("test_ordinary.py", "def test_it(): assert 0")
    gate.run().assert_outcomes(passed=10, failed=1)


def test_a_failure_that_no_waiver_names_stays_a_failure(gate: Gate) -> None:
    gate.write("mlops.yaml", WAIVER.format(test="*test_good*", expires=FOREVER))
    gate.write("test_model.py", TESTS.format(body="assert 0"))
    result = gate.run()
    result.assert_outcomes(passed=9, failed=1)
    assert gate.record().verdict is Verdict.FAIL


def test_an_expired_waiver_lets_nothing_through(gate: Gate) -> None:
    gate.write("mlops.yaml", WAIVER.format(test="*test_bad", expires="2020-01-31"))
    gate.write("test_model.py", TESTS.format(body="assert 0"))
    result = gate.run()
    assert (result.ret, gate.record().verdict) == (1, Verdict.FAIL)
    assert any("expired on 2020-01-31" in reason.text for reason in gate.record().reasons)


def test_a_waiver_that_matches_nothing_fails_the_run(gate: Gate) -> None:
    gate.write("mlops.yaml", WAIVER.format(test="*test_gone", expires=FOREVER))
    gate.write("test_model.py", TESTS.format(body="pass"))
    result = gate.run()
    assert (result.ret, gate.record().verdict) == (1, Verdict.FAIL)


@pytest.mark.parametrize(("accepted", "code"), [("true", 0), ("false", 1)])
def test_a_waived_run_is_released_where_the_environment_accepts_it(
    gate: Gate, accepted: str, code: int
) -> None:
    config = WAIVER.format(test="*test_bad", expires=FOREVER)
    gate.write("mlops.yaml", f"{config}\nenvironments: {{production: {{accept_waived: {accepted}}}}}\n")
    gate.write("test_model.py", TESTS.format(body="assert 0"))
    result = gate.run("--mlops-context=release", "--mlops-environment=production")
    assert (result.ret, gate.record().verdict) == (code, Verdict.WAIVED)
    assert gate.run("--mlops-context=release").ret == pytest.ExitCode.TESTS_FAILED
