"""ModelTest objects run in this process: every way to end has its outcome, and the record is a real one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops import Context, MLOpsFramework, ModelTest, ModelVersion, TestResult, TestSuite, Verdict
from pytest_mlops.errors import ConfigError, IncompleteEvidence, ModelArtifactNotFound
from pytest_mlops.operations.verify import verify_file
from pytest_mlops.records.environment import FrameworkConfig
from pytest_mlops.records.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VERSION = ModelVersion(model_id="m", version_id="1")


class Check(ModelTest):
    """A model test that does what it is told."""

    __test__ = False

    def __init__(self, act: Callable[[Any], Any], name: str = "Check", covers: tuple[str, ...] = ()) -> None:
        self.act = act
        self.name = name
        self.covers = covers  # type: ignore[misc]

    def get_name(self) -> str:
        return self.name

    def run(self, model_version: ModelVersion | None) -> Any:
        return self.act(self)


class Awaited(ModelTest):
    __test__ = False

    async def run(self, model_version: ModelVersion | None) -> bool:
        await asyncio.sleep(0)
        assert model_version is not None
        self.mlops.metric("accuracy", 0.9, n=50)
        return model_version.model_id == "m"


def raising(error: BaseException) -> Callable[[Any], Any]:
    def act(_: Any) -> None:
        raise error

    return act


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


def skip(_: Any) -> None:
    pytest.skip("no data")


def start_a_loop(_: Any) -> bool:
    return bool(asyncio.run(later(value=True)))


ENDINGS: dict[str, tuple[Callable[[Any], Any], Outcome, str]] = {
    "None": (lambda _: None, Outcome.PASSED, ""),
    "True": (lambda _: True, Outcome.PASSED, ""),
    "False": (lambda _: False, Outcome.FAILED, "Check returned False"),
    "a result": (
        lambda _: TestResult(test_name="t", passed=True, outcome=Outcome.PASSED),
        Outcome.PASSED,
        "",
    ),
    "a failed result": (
        lambda _: TestResult(test_name="t", passed=False, outcome=Outcome.FAILED, message="too slow"),
        Outcome.FAILED,
        "too slow",
    ),
    "something else": (lambda _: 0.93, Outcome.FAILED, "RecordingError: Check returned float 0.93"),
    "a coroutine": (lambda _: later(value=True), Outcome.PASSED, ""),
    "a coroutine that fails": (lambda _: later(value=False), Outcome.FAILED, "Check returned False"),
    "a loop of its own": (start_a_loop, Outcome.PASSED, ""),
    "an assertion": (
        raising(AssertionError("recall is low")),
        Outcome.FAILED,
        "AssertionError: recall is low",
    ),
    "an exception": (raising(OSError("disk")), Outcome.FAILED, "OSError: disk"),
    "an exit": (raising(SystemExit(3)), Outcome.FAILED, "SystemExit: 3"),
    "missing evidence": (raising(IncompleteEvidence("no holdout")), Outcome.INCOMPLETE, "no holdout"),
    "a skip": (skip, Outcome.SKIPPED, "no data"),
    "a number that is none": (
        lambda test: test.mlops.metric("a", float("nan")),
        Outcome.FAILED,
        "RecordingError: metric 'a' is nan",
    ),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_every_way_to_end_has_its_outcome_and_message(name: str) -> None:
    act, outcome, message = ENDINGS[name]
    results = asyncio.run(TestSuite(tests=[Check(act)]).run_tests(VERSION))
    (result,) = results.results
    assert (result.outcome, result.passed) == (outcome, outcome is Outcome.PASSED)
    assert result.message.startswith(message)
    assert result.conclusive is (outcome in {Outcome.PASSED, Outcome.FAILED})
    assert bool(message) is bool(result.message)


def test_the_suite_grows_and_names_stay_apart() -> None:
    suite = TestSuite()
    for act in (lambda _: True, lambda _: False):
        suite.add_test(Check(act))
    suite.add_test(Awaited())
    results = asyncio.run(suite.run_tests(VERSION))
    assert [(test.test_name, test.passed) for test in results.results] == [
        ("Check", True),
        ("Check#2", False),
        ("Awaited", True),
    ]
    assert (results.total_tests, results.passed_tests, results.failed_tests) == (3, 2, 1)
    assert results.results[2].evidence == {"all": 50}


def test_a_test_without_a_usable_name_goes_by_its_class() -> None:
    suite = TestSuite(tests=[Check(lambda _: True, name=""), Check(lambda _: True, name=" ".strip())])
    suite.tests[1].get_name = raising(KeyError("name"))  # type: ignore[method-assign,assignment]
    results = asyncio.run(suite.run_tests(VERSION))
    assert [test.test_name for test in results.results] == ["Check", "Check#2"]


def test_running_a_suite_leaves_nothing_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    test = Check(lambda test: test.mlops.predictions([1, 0], [1, 0]))
    results = asyncio.run(TestSuite(tests=[test]).run_tests(VERSION))
    assert results.results[0].passed
    assert list(tmp_path.iterdir()) == []


CONFIG = """
model: {id: m, version: "1", artifact: weights.txt}
requirements: [{capability: ranking}]
rules: [{metric: accuracy, min: 0.8}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a configuration and a model."""
    (tmp_path / "mlops.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "weights.txt").write_text("0.9", encoding="utf-8")
    return tmp_path


def record_accuracy(test: Any) -> None:
    test.mlops.predictions([1, 0, 1, 1], [1, 0, 1, 0])


def integrate(suite: TestSuite, version: ModelVersion = VERSION, **options: Any) -> Any:
    framework = MLOpsFramework(config=options.pop("config", None))
    return asyncio.run(framework.continuous_integration(version, suite, **options))


def test_integration_judges_by_the_suites_policy_and_writes_a_record_that_verifies(folder: Path) -> None:
    test = Check(record_accuracy, covers=("ranking:all",))
    version = VERSION.model_copy(update={"artifact_path": "weights.txt"})
    result = integrate(TestSuite(tests=[test], folder=folder, config="mlops.yaml"), version)
    assert result.verdict is Verdict.FAIL
    assert [rule.message for rule in result.rules] == ["accuracy = 0.75, must be at least 0.8"]
    assert result.coverage == 1
    assert result.model_version.digest is not None
    path = folder / ".mlops" / "integration-result.json"
    verified = verify_file(path, run_id=result.run_id, model=folder / "weights.txt")
    assert verified.record == result
    assert path.parent.joinpath("arrays", f"{result.arrays[0].digest}.npz").exists()


def test_integration_without_a_configuration_follows_the_default_policy(tmp_path: Path) -> None:
    result = integrate(TestSuite(tests=[Awaited()], folder=tmp_path), context=Context.PULL_REQUEST)
    assert (result.verdict, result.context, result.deployable) == (Verdict.PASS, "pull_request", False)


def test_a_release_without_a_configuration_is_incomplete(tmp_path: Path) -> None:
    result = integrate(TestSuite(tests=[Awaited()], folder=tmp_path), context=Context.RELEASE)
    assert (result.verdict, result.context) == (Verdict.INCOMPLETE, "release")


def test_the_framework_raises_the_thresholds_of_the_suite(tmp_path: Path) -> None:
    suite = TestSuite(tests=[Awaited()], folder=tmp_path)
    result = integrate(suite, config=FrameworkConfig(min_quality_score=0.99))
    assert result.verdict is Verdict.FAIL
    assert result.policy.gate.min_quality_score == 0.99


def test_a_claim_that_nobody_declared_is_incomplete(folder: Path) -> None:
    tests: list[ModelTest] = [Check(record_accuracy, covers=("rankign:all",)), Check(record_accuracy)]
    result = integrate(TestSuite(tests=tests, folder=folder, config="mlops.yaml"))
    assert result.verdict is Verdict.INCOMPLETE
    assert "Did you mean 'ranking:all'?" in result.test_results.session.collection_errors[0]


def test_checks_of_the_configuration_are_expected_and_incomplete_without_fixtures(folder: Path) -> None:
    checks = "checks: [{check: metric_floor, of: holdout, metric: accuracy, min: 0.1}]\n"
    (folder / "mlops.yaml").write_text(CONFIG.replace("0.8", "0.7") + checks, encoding="utf-8")
    test = Check(record_accuracy, covers=("ranking:all",))
    result = integrate(TestSuite(tests=[test], folder=folder, config="mlops.yaml"))
    assert result.verdict is Verdict.INCOMPLETE
    assert any("run it with pytest --mlops-gate" in reason.text for reason in result.reasons)


def test_a_crash_in_mid_run_leaves_an_incomplete_record(folder: Path) -> None:
    path = folder / ".mlops" / "integration-result.json"
    suite = TestSuite(tests=[Check(record_accuracy)], folder=folder)
    integrate(suite)
    suite.tests[0].run = raising(KeyboardInterrupt())  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        integrate(suite)
    assert verify_file(path).record.verdict is Verdict.INCOMPLETE


def test_cancelling_the_run_is_no_outcome(folder: Path) -> None:
    async def cancelled() -> None:
        running = asyncio.create_task(
            MLOpsFramework().continuous_integration(
                VERSION, TestSuite(tests=[Check(lambda _: asyncio.sleep(60))], folder=folder)
            )
        )
        await asyncio.sleep(0.5)
        running.cancel()
        await running

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())


def test_a_model_that_is_missing_is_refused(tmp_path: Path) -> None:
    version = VERSION.model_copy(update={"artifact_path": "weights.txt"})
    with pytest.raises(ModelArtifactNotFound):
        integrate(TestSuite(tests=[Awaited()], folder=tmp_path), version)


def test_tests_and_pytests_paths_do_not_mix(tmp_path: Path) -> None:
    suite = TestSuite(tests=[Awaited()], paths=("tests",), folder=tmp_path)
    with pytest.raises(ConfigError, match="use two suites"):
        integrate(suite)
    with pytest.raises(ConfigError, match="use two suites"):
        asyncio.run(suite.run_tests(VERSION))


def test_the_framework_runs_such_a_suite_too(tmp_path: Path) -> None:
    results = asyncio.run(MLOpsFramework().run_tests(VERSION, TestSuite(tests=[Awaited()])))
    assert results.passed_tests == 1


def test_a_suite_without_tests_of_its_own_is_pytests(tmp_path: Path) -> None:
    source = "import pytest\n@pytest.mark.model_test\ndef test_it(): pass\n"
    (tmp_path / "test_model.py").write_text(source, encoding="utf-8")
    results = asyncio.run(TestSuite(folder=tmp_path).run_tests(VERSION))
    assert [test.test_name for test in results.results] == ["test_model.py::test_it"]
