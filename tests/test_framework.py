"""The framework's face: tests run in a pytest process of their own, and only its own record comes back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pytest_mlops import plugin
from pytest_mlops.errors import TaskError
from pytest_mlops.framework import MLOpsFramework, TestSuite
from pytest_mlops.operations import gate_run as own_process
from pytest_mlops.operations.gate_run import result_path
from pytest_mlops.records.environment import FrameworkConfig
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.verdict import Context, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult

VERSION = ModelVersion(model_id="risk", version_id="7", artifact_path="weights")
TESTS = """
import pathlib
import pytest

pytestmark = pytest.mark.model_test

def test_version(mlops, mlops_model_version):
    assert mlops_model_version.version_id == "7"
    assert pathlib.Path(mlops_model_version.artifact_path).read_text() == "w"
    mlops.metric("accuracy", 0.95)

@pytest.mark.parametrize("case", range(4))
def test_case(case): pass

def test_skipped(): pytest.skip("no data")
"""


@pytest.fixture
def suite(tmp_path: Path) -> TestSuite:
    (tmp_path / "test_model.py").write_text(TESTS, encoding="utf-8")
    (tmp_path / "weights").write_text("w", encoding="utf-8")
    return TestSuite(folder=tmp_path, arguments=("-p", "no:cacheprovider"))


def integrate(
    suite: TestSuite, config: FrameworkConfig | None = None, context: Context | None = None
) -> IntegrationResult:
    framework = MLOpsFramework(config=config)
    return asyncio.run(framework.continuous_integration(VERSION, suite, context=context))


def test_the_tests_of_a_version_are_run_and_judged(suite: TestSuite) -> None:
    record = integrate(suite)
    assert (record.verdict, record.success, record.context) == (Verdict.PASS, True, Context.LOCAL)
    assert record.coverage == pytest.approx(5 / 6)
    assert record.model_version is not None
    assert record.model_version.version_id == "7"
    assert record.model_version.digest is not None
    assert [kept.name for kept in record.measurements] == ["accuracy"]


def test_run_tests_returns_every_outcome(suite: TestSuite) -> None:
    results = asyncio.run(MLOpsFramework().run_tests(VERSION, suite))
    assert (results.total_tests, results.passed_tests, results.skipped_tests) == (6, 5, 1)


def test_the_thresholds_of_the_framework_raise_those_of_the_suite(suite: TestSuite) -> None:
    record = integrate(suite, FrameworkConfig(min_coverage=0.9))
    assert record.policy.gate.min_coverage == 0.9
    assert record.verdict is Verdict.FAIL


def test_the_context_and_the_config_reach_the_run(suite: TestSuite) -> None:
    (suite.folder / "other.yaml").write_text("gate: {min_coverage: 0.95}", encoding="utf-8")
    named = TestSuite(folder=suite.folder, paths=("test_model.py",), config="other.yaml")
    record = integrate(named, context=Context.RELEASE)
    assert record.context is Context.RELEASE
    assert record.policy.gate.min_coverage == 0.95
    assert record.provenance.config == "other.yaml"


def test_the_record_is_read_from_where_the_suite_sends_it(suite: TestSuite) -> None:
    elsewhere = TestSuite(folder=suite.folder, arguments=("--mlops-result=out/result.json",))
    assert integrate(elsewhere).success
    assert not (suite.folder / ".mlops").exists()


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ((), ".mlops/integration-result.json"),
        (("-x", "--mlops-result=a.json"), "a.json"),
        (("--mlops-result", "a.json", "-x"), "a.json"),
        (("--mlops-result=a.json", "--mlops-result=b.json"), "b.json"),
    ],
)
def test_the_last_option_says_where_the_record_is(arguments: tuple[str, ...], path: str) -> None:
    assert result_path(arguments) == path


def test_a_usage_error_is_a_task_error_with_what_pytest_said(suite: TestSuite) -> None:
    integrate(suite)
    (suite.folder / "mlops.yaml").write_text("gaet: {}", encoding="utf-8")
    with pytest.raises(TaskError, match="gaet"):
        integrate(suite)


def test_an_unknown_option_is_a_task_error_and_the_record_of_an_earlier_run_is_not_returned(
    suite: TestSuite,
) -> None:
    assert integrate(suite).success
    broken = TestSuite(folder=suite.folder, arguments=("--no-such-option",))
    with pytest.raises(TaskError, match=r"exited with 4 .*\n(.*\n)*.*--no-such-option"):
        integrate(broken)


def test_a_run_that_leaves_no_record_is_a_task_error(suite: TestSuite) -> None:
    collecting = TestSuite(folder=suite.folder, arguments=("--collect-only",))
    with pytest.raises(TaskError, match="left no record"):
        integrate(collecting)


def test_a_run_that_dies_returns_the_incomplete_record_of_that_run(suite: TestSuite) -> None:
    integrate(suite)
    (suite.folder / "test_model.py").write_text(
        "import os, pytest\n@pytest.mark.model_test\ndef test_it(): os._exit(13)\n", encoding="utf-8"
    )
    record = integrate(suite)
    assert (record.verdict, record.success) == (Verdict.INCOMPLETE, False)


def test_cancellation_ends_the_process(suite: TestSuite) -> None:
    started, ended = suite.folder / "started", suite.folder / "ended"
    (suite.folder / "test_model.py").write_text(
        "import pathlib, pytest, time\n\n@pytest.mark.model_test\ndef test_it():\n"
        f"    pathlib.Path({str(started)!r}).touch()\n    time.sleep(600)\n"
        f"    pathlib.Path({str(ended)!r}).touch()\n",
        encoding="utf-8",
    )

    async def cancel() -> None:
        task = asyncio.create_task(MLOpsFramework().run_tests(VERSION, suite))
        while not started.exists():
            assert not task.done()
            await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(cancel(), timeout=120))
    assert not ended.exists()


def test_both_names_of_the_default_place_are_one() -> None:
    assert own_process.DEFAULT_RESULT == plugin.DEFAULT_RESULT
