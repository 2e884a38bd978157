"""Attempts are counted whichever plugin repeats a test, and every answer is looked at."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.records.results import Outcome
from pytest_mlops.verdict import Decision, Verdict

if TYPE_CHECKING:
    from tests.conftest import Gate

ONCE_FAILING = """
import pathlib
import pytest

@pytest.mark.model_test
def test_it(mlops):
    seen = pathlib.Path("seen")
    mlops.metric("accuracy", 0.9 if seen.exists() else 0.1)
    if not seen.exists():
        seen.touch()
        assert 0, "first"
"""

REPEATERS = {
    "calls the item again inside the call": """
        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_call(item):
            try:
                return (yield)
            except AssertionError:
                item.runtest()
        """,
    "runs the protocol again and shows the last": """
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
            if any(report.failed for report in reports):
                item._initrequest()
                reports = runtestprotocol(item, log=False, nextitem=nextitem)
            for report in reports:
                item.ihook.pytest_runtest_logreport(report=report)
            return True
        """,
    "turns the report around after calling again": """
        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_runtest_makereport(item, call):
            report = yield
            if call.when == "call" and report.failed:
                item.runtest()
                report.outcome, report.longrepr = "passed", None
            return report
        """,
}


def result(gate: Gate) -> tuple[Outcome, list[Outcome]]:
    (only,) = gate.record().test_results.results
    return only.outcome, [attempt.outcome for attempt in only.attempts]


@pytest.mark.parametrize("name", REPEATERS)
@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["bare", "n2"])
def test_passing_only_when_repeated_is_flaky(gate: Gate, name: str, workers: tuple[str, ...]) -> None:
    gate.write("mlops.yaml", "version: 1\n")
    gate.write("conftest.py", "import pytest\n" + dedent(REPEATERS[name]))
    gate.write("test_model.py", ONCE_FAILING)
    assert gate.run("--mlops-context=release", *workers).ret == 1
    assert gate.record().verdict is Verdict.UNDECIDED
    assert result(gate) == (Outcome.FLAKY, [Outcome.FAILED])


@pytest.mark.parametrize("name", REPEATERS)
def test_evidence_of_an_attempt_that_was_repeated_is_replaced(gate: Gate, name: str) -> None:
    gate.write("conftest.py", "import pytest\n" + dedent(REPEATERS[name]))
    gate.write("test_model.py", ONCE_FAILING)
    gate.run()
    record = gate.record()
    assert [number.value for number in record.measurements] == [0.9]
    assert record.test_results.session.conflicts == ()


def test_repeating_what_passed_is_no_flake(gate: Gate) -> None:
    gate.write(
        "conftest.py",
        "import pytest\n@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_call(item):\n"
        "    yield\n    return item.runtest()\n",
    )
    gate.write("test_model.py", "import pytest\n@pytest.mark.model_test\ndef test_it(): pass\n")
    assert gate.run().ret == 0
    assert result(gate) == (Outcome.PASSED, [Outcome.PASSED])


@pytest.mark.parametrize(
    "answer", ["np.array([False])", "np.array([True, False])", "0", "1", "''", "(False, 'why')", "1.0", "[]"]
)
def test_an_answer_that_is_no_plain_yes_fails(gate: Gate, answer: str) -> None:
    gate.write(
        "test_model.py",
        f"import numpy as np\nimport pytest\n@pytest.mark.model_test\ndef test_it():\n    return {answer}\n",
    )
    gate.run("-W", "ignore::pytest.PytestReturnNotNoneWarning")
    assert result(gate) == (Outcome.FAILED, [])


@pytest.mark.parametrize(
    "answer", ["None", "True", "np.bool_(True)", "np.array(True)", "np.array([True, True])"]
)
def test_a_plain_yes_passes(gate: Gate, answer: str) -> None:
    gate.write(
        "test_model.py",
        f"import numpy as np\nimport pytest\n@pytest.mark.model_test\ndef test_it():\n    return {answer}\n",
    )
    gate.run()
    assert result(gate) == (Outcome.PASSED, [])


METHODS = {
    "returns False": ("unittest.TestCase", "def test_it(self): return False", Outcome.FAILED),
    "is a coroutine function": ("unittest.TestCase", "async def test_it(self): assert False", Outcome.FAILED),
    "is an async generator": (
        "unittest.TestCase",
        "async def test_it(self):\n        assert False\n        yield",
        Outcome.FAILED,
    ),
    "is a generator": ("unittest.TestCase", "def test_it(self):\n        yield 1", Outcome.FAILED),
    "returns a coroutine": (
        "unittest.TestCase",
        "def test_it(self):\n        async def body(): assert False\n        return body()",
        Outcome.FAILED,
    ),
    "is awaited": ("unittest.IsolatedAsyncioTestCase", "async def test_it(self): pass", Outcome.PASSED),
    "is awaited and fails": (
        "unittest.IsolatedAsyncioTestCase",
        "async def test_it(self): assert False",
        Outcome.FAILED,
    ),
    "is awaited and returns False": (
        "unittest.IsolatedAsyncioTestCase",
        "async def test_it(self): return False",
        Outcome.FAILED,
    ),
    "passes": ("unittest.TestCase", "def test_it(self): self.assertTrue(self)", Outcome.PASSED),
    "is expected to fail": (
        "unittest.TestCase",
        "@unittest.expectedFailure\n    def test_it(self): self.fail('known')",
        Outcome.XFAILED,
    ),
    "skips": ("unittest.TestCase", "def test_it(self): self.skipTest('no data')", Outcome.SKIPPED),
}


@pytest.mark.parametrize("name", METHODS)
def test_a_method_of_a_test_case(gate: Gate, name: str) -> None:
    base, method, expected = METHODS[name]
    gate.write(
        "test_model.py",
        f"import unittest\nimport pytest\n@pytest.mark.model_test\nclass TestIt({base}):\n    {method}\n",
    )
    gate.run("-W", "ignore")
    assert result(gate) == (expected, [])


def test_a_function_that_a_plugin_never_calls_fails(gate: Gate) -> None:
    gate.write(
        "conftest.py",
        "import pytest\n@pytest.hookimpl(tryfirst=True)\ndef pytest_pyfunc_call():\n    return True\n",
    )
    gate.write("test_model.py", "import pytest\n@pytest.mark.model_test\ndef test_it(): assert 0\n")
    assert gate.run().ret == 1
    assert result(gate)[0] is Outcome.FAILED


@pytest.mark.parametrize(
    ("raised", "verdict", "outcome"),
    [
        ("UndecidedEvidence('too few')", Verdict.UNDECIDED, Outcome.UNDECIDED),
        ("IncompleteEvidence('no data')", Verdict.INCOMPLETE, Outcome.INCOMPLETE),
    ],
)
def test_a_parent_does_not_improve_on_its_subtest(
    gate: Gate, raised: str, verdict: Verdict, outcome: Outcome
) -> None:
    if not hasattr(pytest, "Subtests"):
        pytest.importorskip("pytest_subtests")
    gate.write("mlops.yaml", "version: 1\n")
    gate.write(
        "test_model.py",
        f"""\
        import pytest
        from pytest_mlops.errors import IncompleteEvidence, UndecidedEvidence

        @pytest.mark.model_test
        def test_it(subtests):
            with subtests.test("a"):
                raise {raised}
            with subtests.test("b"):
                pass
        """,
    )
    gate.run("--mlops-context=release")
    record = gate.record()
    assert (record.verdict, record.decision) == (verdict, Decision.BLOCK)
    assert result(gate)[0] is outcome


def test_evidence_of_a_test_without_the_marker_is_missed(gate: Gate) -> None:
    gate.write(
        "test_model.py",
        """\
        import pytest

        @pytest.mark.model_test
        def test_good(): pass

        def test_forgotten(mlops):
            mlops.predictions(y_true=[0, 1], y_pred=[0, 1])
        """,
    )
    assert gate.run().ret == 1
    record = gate.record()
    assert record.verdict is Verdict.INCOMPLETE
    assert record.test_results.session.unmarked == ("test_model.py::test_forgotten",)
    assert any("without the model_test marker" in reason.text for reason in record.reasons)


def test_a_record_does_not_allow_beside_a_red_run(gate: Gate) -> None:
    gate.write("mlops.yaml", "version: 1\ngate: {min_pass_rate: 0.1}\n")
    gate.write(
        "test_model.py",
        """\
        import pytest
        pytestmark = pytest.mark.model_test

        @pytest.mark.parametrize("case", range(9))
        def test_good(case): pass

        def test_raises(): raise ValueError("no assertion, so pytest counts it")
        """,
    )
    assert gate.run().ret == 1
    record = gate.record()
    assert (record.verdict, record.decision) == (Verdict.FAIL, Decision.BLOCK)
    assert record.test_results.session.failed_in_pytest == ("test_model.py::test_raises",)


def test_a_release_needs_every_model_test(gate: Gate) -> None:
    gate.write("mlops.yaml", "version: 1\n")
    gate.write(
        "test_model.py",
        """\
        import pytest
        pytestmark = pytest.mark.model_test

        @pytest.mark.parametrize("case", range(9))
        def test_good(case): pass

        def test_bias(): pytest.skip("no data")
        """,
    )
    assert gate.run("--mlops-context=pull_request").ret == 0
    assert gate.run("--mlops-context=release").ret == 1
    assert gate.record().verdict is Verdict.INCOMPLETE
