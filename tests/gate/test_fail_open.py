"""Ways in which a run could pass without evidence, by accident, and does not."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.records.results import Outcome, TestResult
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from tests.conftest import Gate

MODEL_TEST = "import pytest\n\n\n@pytest.mark.model_test\ndef test_it(mlops):\n    mlops.metric('a', 0.9)\n"
CHECK = """\
version: 1
checks:
  - {check: metric_floor, of: holdout, metric: accuracy, min: 0.9, confidence: 0.95}
"""
HOLDOUT = """\
import pytest


@pytest.fixture
def holdout():
    return {"y_true": [0, 1] * 20, "y_pred": [0, 1] * 19 + [1, 0]}
"""


def outcomes(gate: Gate) -> dict[str, Outcome]:
    return {test.test_name.rpartition("::")[2]: test.outcome for test in gate.record().test_results.results}


@pytest.mark.parametrize("options", [(), ("--runxfail",)], ids=["plain", "runxfail"])
def test_undecided_check_stays_undecided(gate: Gate, options: tuple[str, ...]) -> None:
    gate.write("mlops.yaml", CHECK)
    gate.write("conftest.py", HOLDOUT)
    gate.write("test_model.py", MODEL_TEST)
    result = gate.run("--mlops-context=release", *options)
    assert result.ret == 1
    assert gate.record().verdict is Verdict.UNDECIDED
    assert outcomes(gate)["metric_floor-holdout"] is Outcome.UNDECIDED


def test_check_whose_fixture_skips_is_incomplete(gate: Gate) -> None:
    gate.write("mlops.yaml", CHECK)
    gate.write(
        "conftest.py", "import pytest\n\n\n@pytest.fixture\ndef holdout():\n    pytest.skip('no data')\n"
    )
    gate.write("test_model.py", MODEL_TEST)
    assert gate.run("--mlops-context=pull_request").ret == 1
    assert outcomes(gate)["metric_floor-holdout"] is Outcome.INCOMPLETE


def test_check_that_is_never_collected_is_missed(gate: Gate) -> None:
    gate.write("mlops.yaml", CHECK)
    gate.write("conftest.py", f"{HOLDOUT}\n\ncollect_ignore_glob = ['*.yaml']\n")
    gate.write("test_model.py", MODEL_TEST)
    assert gate.run("--mlops-context=pull_request").ret == 1
    assert gate.record().verdict is Verdict.INCOMPLETE
    assert outcomes(gate)["metric_floor-holdout"] is Outcome.NOT_RUN


def test_teardown_that_skips_does_not_hide_a_failure(gate: Gate) -> None:
    gate.write(
        "test_model.py",
        "import pytest\n\n\n@pytest.fixture\ndef resource():\n    yield\n    pytest.skip('broken')\n\n\n"
        "@pytest.mark.model_test\ndef test_it(resource):\n    assert False\n",
    )
    assert gate.run().ret == 1
    assert outcomes(gate) == {"test_it": Outcome.FAILED}


def test_ignored_file_with_model_tests_is_missed(gate: Gate) -> None:
    gate.write("test_a.py", MODEL_TEST)
    gate.write("test_b.py", MODEL_TEST.replace("0.9)", "0.1)\n    assert False"))
    assert gate.run("--ignore=test_b.py", "--mlops-context=pull_request").ret == 1
    session = gate.record().test_results.session
    assert (session.uncollected, session.narrowed_by) == (("test_b.py",), ("--ignore",))


def test_file_that_is_left_out_by_a_path_is_missed(gate: Gate) -> None:
    gate.write("test_a.py", MODEL_TEST)
    gate.write("test_b.py", MODEL_TEST.replace("'a'", "'b'"))
    assert gate.run("test_a.py", "--mlops-context=pull_request").ret == 1
    assert gate.record().verdict is Verdict.INCOMPLETE


def test_path_that_leaves_out_no_model_test_changes_nothing(gate: Gate) -> None:
    gate.write("test_a.py", MODEL_TEST)
    gate.write("test_b.py", "def test_plain():\n    pass\n")
    assert gate.run("test_a.py", "--mlops-context=pull_request").ret == 0
    assert gate.record().verdict is Verdict.PASS


def test_numbers_of_another_data_set_are_no_evidence(gate: Gate) -> None:
    gate.write(
        "mlops.yaml",
        "version: 1\ngate: {require_evidence: true}\n"
        "requirements: [{capability: ranking, datasets: [holdout]}]\n",
    )
    gate.write(
        "test_model.py",
        "import pytest\n\n\n@pytest.mark.model_test(covers=['ranking'], dataset='holdout')\n"
        "def test_it(mlops):\n    mlops.metric('a', 0.9, n=50, dataset='train')\n",
    )
    assert gate.run().ret == 1
    assert gate.record().coverage == 0


def test_lone_surrogate_in_a_message_loses_nothing(gate: Gate) -> None:
    gate.write(
        "test_model.py",
        "import pytest\n\n\n@pytest.mark.model_test\ndef test_it():\n    assert False, '\\ud800'\n",
    )
    assert gate.run().ret == 1
    assert outcomes(gate) == {"test_it": Outcome.FAILED}


def test_name_that_is_too_long_is_a_collection_error(gate: Gate) -> None:
    gate.write("test_model.py", MODEL_TEST.replace("model_test\n", f"model_test(dataset='{'x' * 201}')\n", 1))
    result = gate.run()
    result.stdout.fnmatch_lines(["*of 201 characters; expected at most 200*"])


def test_session_that_ends_in_sys_exit_does_not_exit_with_0(gate: Gate) -> None:
    gate.write("test_model.py", MODEL_TEST)
    gate.write(
        "conftest.py",
        "import sys\n\n\ndef pytest_mlops_code_quality(folder, policy):\n    sys.exit(0)\n",
    )
    assert gate.run_apart().ret == 1
    assert gate.record().verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize(
    "call",
    ["mlops.metric('a', float('nan'))", "mlops.predictions([1], [1, 0])", "mlops.metric('b', 10**400)"],
)
def test_refused_recording_that_a_test_swallows_is_incomplete(gate: Gate, call: str) -> None:
    gate.write(
        "test_model.py",
        f"""\
        import pytest

        @pytest.mark.model_test
        def test_it(mlops):
            mlops.metric('good', 0.9)
            try:
                {call}
            except Exception:
                pass
        """,
    )
    assert gate.run("--mlops-context=pull_request").ret == 1
    assert outcomes(gate)["test_it"] is Outcome.INCOMPLETE
    assert "a recording call was refused, and the test went on" in gate.record().reasons[0].text


@pytest.mark.parametrize(
    ("answer", "expected"), [("False", Outcome.FAILED), ("numpy.bool_(0)", Outcome.FAILED)]
)
def test_returning_false_is_no_pass(gate: Gate, answer: str, expected: Outcome) -> None:
    gate.write(
        "test_model.py",
        f"import numpy\nimport pytest\n\n\n@pytest.mark.model_test\ndef test_it():\n    return {answer}\n",
    )
    gate.run("-W", "ignore::pytest.PytestReturnNotNoneWarning")
    assert outcomes(gate)["test_it"] is expected
    assert "returned False; use assert instead" in gate.record().test_results.results[0].message


def test_metrics_of_several_data_sets_count_by_the_worst(gate: Gate) -> None:
    gate.write(
        "test_model.py",
        """\
        import numpy as np
        import pytest

        y = np.arange(100) % 2

        @pytest.mark.model_test(dataset="good")
        def test_good(mlops):
            mlops.predictions(y, y)

        @pytest.mark.model_test(dataset="bad")
        def test_bad(mlops):
            mlops.predictions(y, 1 - y)
        """,
    )
    gate.write("mlops.yaml", "version: 1\n")
    assert gate.run("--mlops-context=release", "-v").ret == 1
    record = gate.record()
    assert record.verdict is Verdict.FAIL
    accuracy = next(part for part in record.quality.metrics if part.name == "accuracy")
    assert (accuracy.score, accuracy.note) == (0.0, "the lowest over the data sets bad, good")


@pytest.mark.parametrize("how", ["@functools.lru_cache\ndef", "@pytest.mark.anyio\nasync def"])
def test_returning_false_by_another_way_is_no_pass(gate: Gate, how: str) -> None:
    head = "import functools\nimport pytest\n\n\n"
    head += "@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n\n\n"
    gate.write("test_model.py", f"{head}@pytest.mark.model_test\n{how} test_it():\n    return False\n")
    gate.run("-W", "ignore::pytest.PytestReturnNotNoneWarning")
    assert outcomes(gate)["test_it"] is Outcome.FAILED


@pytest.mark.parametrize("base", ["", "unittest.TestCase"])
def test_methods_that_return_nothing_pass_as_before(gate: Gate, base: str) -> None:
    gate.write(
        "test_model.py",
        f"""\
        import unittest
        import pytest

        class Test{"(" + base + ")" if base else ""}:
            @pytest.mark.model_test
            def test_it(self):
                assert self is not None
        """,
    )
    assert gate.run().ret == 0
    assert outcomes(gate)["test_it"] is Outcome.PASSED


def test_module_that_skips_itself_counts_as_a_test_that_was_skipped(gate: Gate) -> None:
    gate.write("test_model.py", MODEL_TEST)
    gate.write("test_other.py", f"import pytest\n\npytest.importorskip('not_there')\n{MODEL_TEST}")
    gate.write("test_plain.py", "import pytest\n\npytest.importorskip('not_there')\n")
    assert gate.run("--mlops-context=pull_request").ret == 1
    results = gate.record().test_results
    assert (results.total_tests, results.skipped_tests) == (2, 1)
    assert gate.record().coverage == 0.5
    assert "not_there" in results.results[1].message


def test_marker_that_a_hook_adds_makes_a_model_test(gate: Gate) -> None:
    gate.write("test_model.py", "def test_it(mlops):\n    mlops.metric('a', 0.9)\n")
    gate.write(
        "conftest.py",
        "import pytest\n\n\ndef pytest_collection_modifyitems(items):\n"
        "    for item in items:\n        item.add_marker(pytest.mark.model_test)\n",
    )
    assert gate.run().ret == 0
    assert outcomes(gate) == {"test_it": Outcome.PASSED}
    assert [one.name for one in gate.record().measurements] == ["a"]


def test_wrong_marker_that_a_hook_adds_is_a_usage_error(gate: Gate) -> None:
    gate.write("test_model.py", "def test_it():\n    pass\n")
    gate.write(
        "conftest.py",
        "import pytest\n\n\ndef pytest_collection_modifyitems(items):\n"
        "    items[0].add_marker(pytest.mark.model_test(covers=['undeclared:x']))\n",
    )
    gate.write("mlops.yaml", "version: 1\nrequirements: [{capability: ranking}]\n")
    result = gate.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert gate.record().verdict is Verdict.INCOMPLETE


def test_required_evidence_is_required_without_declared_cells_too(gate: Gate) -> None:
    gate.write("test_model.py", "import pytest\n\n\n@pytest.mark.model_test\ndef test_it():\n    pass\n")
    gate.write("mlops.yaml", "version: 1\ngate: {require_evidence: true}\n")
    assert gate.run("--mlops-context=pull_request").ret == 1
    assert gate.record().coverage == 0
    assert any("recorded no metric" in reason.text for reason in gate.record().reasons)


def test_configuration_above_a_folder_with_a_pytest_ini_counts(gate: Gate) -> None:
    (gate.folder / ".git").mkdir()
    gate.write("mlops.yaml", "version: 1\nrules: [{metric: a, min: 0.95}]\n")
    gate.write("part/pytest.ini", "[pytest]\n")
    gate.write("part/test_model.py", MODEL_TEST)
    assert gate.run("part", "--rootdir=part").ret == 1
    assert gate.record().verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "name",
    ["mlop.yaml", "mlops.yam.yaml", "mlosp.yml", "MLOPS.yaml", "Mlops.YML", ".mlops.yaml"],
)
def test_misspelt_configuration_is_a_usage_error(gate: Gate, name: str) -> None:
    gate.write(name, "version: 1\nrules: [{metric: a, min: 0.95}]\n")
    gate.write("test_model.py", MODEL_TEST)
    result = gate.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*rename it to mlops.yaml*"])


def test_record_never_takes_the_place_of_another_file(gate: Gate) -> None:
    gate.write("test_model.py", MODEL_TEST)
    kept = (gate.folder / "test_model.py").read_text()
    result = gate.run("--mlops-result=test_model.py")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*exists and is not a record*"])
    assert (gate.folder / "test_model.py").read_text() == kept


@pytest.mark.parametrize("name", ["conf/mlops.yaml", "models/a/mlops.yml"])
def test_configuration_below_what_is_tested_is_named(gate: Gate, name: str) -> None:
    gate.write(name, "version: 1\nrules: [{metric: a, min: 0.95}]\n")
    gate.write("tests/test_model.py", MODEL_TEST)
    gate.write("pytest.ini", "[pytest]\n")
    gate.write("venv/pyvenv.cfg", "")
    gate.write("venv/mlops.yaml", "not read")
    for paths in ((), ("tests",)):
        result = gate.run(*paths)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([f"*{name}*", "*pass it with --mlops-config*"])
        assert gate.record().verdict is Verdict.INCOMPLETE


def test_release_without_a_policy_is_incomplete(gate: Gate) -> None:
    gate.write("test_model.py", MODEL_TEST)
    assert gate.run("--mlops-context=release").ret == 1
    record = gate.record()
    assert record.verdict is Verdict.INCOMPLETE
    assert any("a release needs a policy" in reason.text for reason in record.reasons)
    gate.write("mlops.yaml", "version: 1\n")
    gate.run("--mlops-context=release")
    assert not any("a release needs a policy" in reason.text for reason in gate.record().reasons)


CI_EVENTS = {
    "pull_request": {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request"},
    "release": {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "release"},
}


@pytest.mark.parametrize("event", CI_EVENTS)
@pytest.mark.parametrize("named", ["local", "pull_request", "release"])
def test_context_named_by_addopts_cannot_lower_that_of_the_event(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, event: str, named: str
) -> None:
    gate.write("test_model.py", MODEL_TEST)
    gate.write("pytest.ini", f"[pytest]\naddopts = --mlops-context={named}\n")
    for name, value in CI_EVENTS[event].items():
        monkeypatch.setenv(name, value)
    gate.run()
    assert gate.record().context == max(event, named, key=["local", "pull_request", "release"].index)


def test_record_never_takes_the_place_of_a_device_or_pipe(gate: Gate) -> None:
    gate.write("test_model.py", MODEL_TEST)
    os.mkfifo(gate.folder / "pipe")
    (gate.folder / "null").symlink_to("/dev/null")
    for name in ("pipe", "null", "/dev/null"):
        result = gate.run(f"--mlops-result={name}")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["*is not a regular file*"])
    assert stat.S_ISFIFO((gate.folder / "pipe").stat().st_mode)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_secrets_of_the_command_line_are_not_recorded(gate: Gate) -> None:
    gate.write("test_model.py", MODEL_TEST)
    gate.write(
        "conftest.py",
        "def pytest_addoption(parser):\n"
        "    parser.addoption('--api-key')\n"
        "    parser.addoption('--hub-token')\n",
    )
    assert gate.run("--api-key=s3cr3t", "--hub-token", "s3cr3t").ret == 0
    assert "s3cr3t" not in gate.path.read_text()
    assert {"--api-key=***", "--hub-token"} <= set(gate.record().provenance.arguments)


def test_passed_cannot_contradict_its_outcome() -> None:
    with pytest.raises(ValueError, match="passed is True, but the outcome is skipped"):
        TestResult(test_name="t", passed=True, outcome=Outcome.SKIPPED)
