"""Each hook is asked where it should be, bare and with workers, and what it answers is held to its word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlops.verdict import Verdict
from tests.conftest import BARE_AND_WORKERS

if TYPE_CHECKING:
    from tests.conftest import Gate

MODEL_TEST = """
import pytest

@pytest.mark.model_test
def test_predictions(mlops):
    mlops.predictions([1, 0, 1, 0], [1, 1, 1, 0], slices={"first": [True, True, False, False]})
"""


def messages(gate: Gate) -> str:
    record = gate.record()
    return "\n".join(
        [*(reason.text for reason in record.reasons), *record.test_results.session.collection_errors]
    )


# ---- loading the model ----

USES_MODEL = """
import pytest

@pytest.mark.model_test
def test_weight(mlops_model, mlops):
    mlops.metric("weight", mlops_model["weight"])
"""


@BARE_AND_WORKERS
def test_the_model_that_the_hook_loads_reaches_the_test(gate: Gate, how: tuple[str, ...]) -> None:
    gate.write("weights.txt", "0.5")
    gate.write("mlops.yaml", "model: {id: m, version: '1', artifact: weights.txt}")
    gate.write(
        "conftest.py",
        """
        from pathlib import Path

        def pytest_mlops_load_model(model_version, config):
            return {"weight": float(Path(model_version.artifact_path).read_text())}
        """,
    )
    gate.write("test_model.py", USES_MODEL)
    assert gate.run(*how).ret == 0
    assert [(found.name, found.value) for found in gate.record().measurements] == [("weight", 0.5)]


def test_a_model_that_no_hook_loads_says_which_hook_would(gate: Gate) -> None:
    gate.write("test_model.py", USES_MODEL)
    result = gate.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*pytest_mlops_load_model(model_version, config) in conftest.py*"])
    assert not gate.record().success


def test_the_loader_is_asked_without_the_gate_too(gate: Gate) -> None:
    gate.write("conftest.py", "def pytest_mlops_load_model(model_version):\n    return {'weight': 2.0}\n")
    gate.write("test_model.py", "def test_it(mlops_model):\n    assert mlops_model == {'weight': 2.0}\n")
    assert gate.pytester.runpytest_inprocess().ret == 0


# ---- metrics ----


@BARE_AND_WORKERS
def test_a_metric_of_a_plugin_is_computed_overall_and_per_slice(gate: Gate, how: tuple[str, ...]) -> None:
    gate.write(
        "conftest.py",
        """
        from pytest_mlops.stats.estimate import Estimate

        def pytest_mlops_metrics():
            return {
                "cost": lambda y_true, y_pred: 5 * (y_true > y_pred).sum() + (y_pred > y_true).sum(),
                "hits": lambda y_true, y_pred: Estimate.share(int((y_true == y_pred).sum()), len(y_true)),
            }
        """,
    )
    gate.write("test_model.py", MODEL_TEST)
    assert gate.run(*how).ret == 0
    found = {measurement.key[:2]: measurement for measurement in gate.record().measurements}
    assert found["cost", "all"].value == 1
    assert found["cost", "first"].value == 1
    assert found["cost", "first"].n == 2
    assert found["hits", "all"].value == 0.75
    assert found["hits", "all"].basis is not None


def test_a_rule_decides_on_a_metric_of_a_plugin(gate: Gate) -> None:
    gate.write(
        "conftest.py", "def pytest_mlops_metrics():\n    return {'cost': lambda t, p: float(sum(t != p))}\n"
    )
    gate.write("test_model.py", MODEL_TEST)
    gate.write("mlops.yaml", "rules: [{metric: cost, max: 0}]")
    assert gate.run().ret == 1
    assert "cost = 1, must be at most 0" in messages(gate)


def test_a_metric_that_is_undefined_leaves_its_rule_incomplete(gate: Gate) -> None:
    gate.write("conftest.py", "def pytest_mlops_metrics():\n    return {'cost': lambda t, p: float('nan')}\n")
    gate.write("test_model.py", MODEL_TEST)
    gate.write("mlops.yaml", "rules: [{metric: cost, max: 0}]")
    assert gate.run().ret == 1
    assert gate.record().verdict is Verdict.INCOMPLETE
    assert "the metric returned nan" in messages(gate)


BAD_METRICS = {
    "a standard name": ("{'accuracy': lambda t, p: 1.0}", "'accuracy', which is a standard one"),
    "an exception": ("{'cost': lambda t, p: 1 / 0}", "'cost' raised ZeroDivisionError"),
    "no number": ("{'cost': lambda t, p: 'low'}", "'cost' returned 'low' (str)"),
    "a truth value": ("{'cost': lambda t, p: True}", "'cost' returned True (bool)"),
    "no function": ("{'cost': 3}", "expected name -> function"),
    "no name": ("{'': len}", "expected name -> function"),
    "an estimate of NaN": (
        "{'cost': lambda t, p: Estimate(value=float('nan'), n=4)}",
        "expected finite numbers",
    ),
}


@pytest.mark.parametrize("name", BAD_METRICS)
def test_a_bad_metric_fails_the_test_that_records(gate: Gate, name: str) -> None:
    metrics, sentence = BAD_METRICS[name]
    source = "from pytest_mlops.stats.estimate import Estimate\ndef pytest_mlops_metrics():\n    return "
    gate.write("conftest.py", f"{source}{metrics}\n")
    gate.write("test_model.py", MODEL_TEST)
    assert gate.run().ret == 1
    record = gate.record()
    assert record.verdict is Verdict.FAIL
    assert sentence in record.test_results.results[0].message
    assert record.measurements == ()


def test_two_plugins_cannot_define_one_metric(gate: Gate) -> None:
    hook = "def pytest_mlops_metrics():\n    return {'cost': lambda t, p: 1.0}\n"
    gate.write("conftest.py", hook)
    gate.write("tests/conftest.py", hook)
    gate.write("tests/test_model.py", MODEL_TEST)
    assert gate.run().ret == 1
    assert "two plugins define the metric 'cost'" in gate.record().test_results.results[0].message


# ---- code quality ----


@BARE_AND_WORKERS
def test_code_quality_of_a_plugin_stands_in_for_the_reports(gate: Gate, how: tuple[str, ...]) -> None:
    gate.write(
        "conftest.py",
        """
        from pytest_mlops.records.integration import CodeQuality

        def pytest_mlops_code_quality(folder, policy):
            assert (folder / "mlops.yaml").exists() and policy.configured
            return CodeQuality(line_coverage=0.5)
        """,
    )
    gate.write("mlops.yaml", "quality:\n  weights: {tests: 1, code: 1}\n  code: {coverage: missing.json}\n")
    gate.write("test_model.py", MODEL_TEST)
    assert gate.run(*how).ret == 0
    record = gate.record()
    assert record.code_quality.line_coverage == 0.5
    assert record.quality_score == 0.75


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("raise OSError('no linter')", "raised OSError: no linter"),
        ("return 0.9", "gave a float; expected a CodeQuality"),
    ],
)
def test_code_quality_that_cannot_be_used_is_incomplete(gate: Gate, body: str, sentence: str) -> None:
    gate.write("conftest.py", f"def pytest_mlops_code_quality():\n    {body}\n")
    gate.write("test_model.py", MODEL_TEST)
    assert gate.run().ret == 1
    assert gate.record().verdict is Verdict.INCOMPLETE
    assert sentence in messages(gate)


def test_a_plugin_may_leave_code_quality_to_the_reports(gate: Gate) -> None:
    gate.write("conftest.py", "def pytest_mlops_code_quality():\n    return None\n")
    gate.write("mlops.yaml", "quality: {code: {coverage: coverage.json}}")
    gate.write("coverage.json", '{"totals": {"num_statements": 4, "covered_lines": 3}}')
    gate.write("test_model.py", MODEL_TEST)
    gate.run()
    assert gate.record().code_quality.line_coverage == 0.75


# ---- checks ----

CHECK_PLUGIN = """
from typing import Literal

import pytest

from pytest_mlops.checks.base import Check, CheckResult, FixtureName
from pytest_mlops.verdict import Verdict
from tests.conftest import BARE_AND_WORKERS


class LengthFloor(Check):
    check: Literal["length_floor"] = "length_floor"
    of: FixtureName
    min: int

    def evaluate(self, given):
        length = len(given.fixtures[self.of])
        verdict = Verdict.PASS if length >= self.min else Verdict.FAIL
        return CheckResult(verdict=verdict, message=f"has {length} rows, must have {self.min}")


def pytest_mlops_checks():
    return {"length_floor": LengthFloor}


@pytest.fixture
def rows():
    return [1, 2, 3]
"""


@BARE_AND_WORKERS
@pytest.mark.parametrize(("least", "verdict"), [(3, Verdict.PASS), (4, Verdict.FAIL)])
def test_a_check_of_a_plugin_runs_from_the_configuration(
    gate: Gate, how: tuple[str, ...], least: int, verdict: Verdict
) -> None:
    gate.write("conftest.py", CHECK_PLUGIN)
    gate.write("mlops.yaml", f"checks: [{{check: length_floor, of: rows, min: {least}}}]")
    result = gate.run(*how)
    assert result.ret == (verdict is Verdict.FAIL)
    record = gate.record()
    assert record.verdict is verdict
    assert [test.test_name for test in record.test_results.results] == ["mlops.yaml::length_floor-rows"]


def test_a_mistake_in_an_entry_of_a_plugins_check_is_named_with_its_line_and_keys(gate: Gate) -> None:
    gate.write("conftest.py", CHECK_PLUGIN)
    gate.write("mlops.yaml", "checks:\n  - {check: length_floor, of: rows, mni: 3}\n")
    result = gate.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines_random(['*checks?0?.mni: is not a known key; did you mean "min"*line 2*'])


def test_a_check_that_nobody_knows_is_refused_naming_those_of_plugins_too(gate: Gate) -> None:
    gate.write("conftest.py", CHECK_PLUGIN)
    gate.write("mlops.yaml", "checks: [{check: lenght_floor, of: rows, min: 1}]")
    result = gate.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(['*did you mean "length_floor"*'])


BAD_CHECKS = {
    "no class": ("{'x': 3}", "*x: got 3; expected a subclass of pytest_mlops.Check*"),
    "another name": ("{'x': MetricFloor}", '*x: MetricFloor needs the field check: Literal?"x"?*'),
    "a name that is taken": ("{'metric_floor': MetricFloor}", "*metric_floor: is the name of a check of*"),
    "an exception": ("{}[1]", "*raised KeyError*"),
}


@pytest.mark.parametrize("name", BAD_CHECKS)
def test_something_that_is_no_check_of_its_own_is_a_usage_error(gate: Gate, name: str) -> None:
    checks, pattern = BAD_CHECKS[name]
    source = (
        "from pytest_mlops.checks.metric_floor import MetricFloor\ndef pytest_mlops_checks():\n    return "
    )
    gate.write("conftest.py", f"{source}{checks}\n")
    gate.write("test_model.py", MODEL_TEST)
    result = gate.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines_random([pattern])
    assert gate.record().verdict is Verdict.INCOMPLETE


# ---- after the verdict ----

LISTENER = """
import json

def pytest_mlops_after_verdict(record, path):
    with open("heard.txt", "a") as stream:
        stream.write(f"{record.verdict} {json.loads(path.read_text())['verdict']}\\n")
"""


@BARE_AND_WORKERS
def test_the_listener_is_told_once_when_the_record_stands(gate: Gate, how: tuple[str, ...]) -> None:
    gate.write("conftest.py", LISTENER)
    gate.write("test_model.py", MODEL_TEST)
    assert gate.run(*how).ret == 0
    assert gate.folder.joinpath("heard.txt").read_text() == "pass pass\n"


@BARE_AND_WORKERS
@pytest.mark.parametrize(
    "body", ["raise OSError('no network')", "raise SystemExit(7)", "pytest.fail('no network')"]
)
def test_a_listener_that_raises_is_shown_and_changes_nothing(
    gate: Gate, how: tuple[str, ...], body: str
) -> None:
    gate.write("conftest.py", f"import pytest\ndef pytest_mlops_after_verdict(record):\n    {body}\n")
    gate.write("test_model.py", MODEL_TEST)
    result = gate.run(*how)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*PASS: *", "warning: pytest_mlops_after_verdict raised *"])
    assert gate.record().verdict is Verdict.PASS


def test_no_listener_is_told_where_no_test_is_run(gate: Gate) -> None:
    gate.write("conftest.py", LISTENER)
    gate.write("test_model.py", MODEL_TEST)
    gate.run("--collect-only")
    assert not gate.folder.joinpath("heard.txt").exists()


# ---- the specifications ----


def test_an_unknown_hook_of_ours_is_refused(gate: Gate) -> None:
    gate.write("conftest.py", "def pytest_mlops_load_modle():\n    pass\n")
    gate.write("test_model.py", MODEL_TEST)
    result = gate.run_apart()
    assert result.ret != 0
    assert "unknown hook 'pytest_mlops_load_modle'" in str(result.stdout) + str(result.stderr)


def test_every_hook_says_what_it_is_for() -> None:
    from pytest_mlops import hookspecs

    hooks = [name for name in vars(hookspecs) if name.startswith("pytest_mlops_")]
    assert sorted(hooks) == [
        "pytest_mlops_after_verdict",
        "pytest_mlops_checks",
        "pytest_mlops_code_quality",
        "pytest_mlops_load_model",
        "pytest_mlops_metrics",
    ]
    assert all(getattr(hookspecs, name).__doc__ for name in hooks)
