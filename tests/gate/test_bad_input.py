"""Bad input ends in one clear sentence, never in a traceback, a pass, or the loss of what was measured."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.verdict import Decision, Verdict

if TYPE_CHECKING:
    from tests.conftest import Gate

MODEL_TEST = """
import pytest

@pytest.mark.model_test
def test_good(mlops):
    mlops.metric("accuracy", 0.9)
"""
USAGE_ERROR = pytest.ExitCode.USAGE_ERROR

# ---- mlops.yaml and the options ----

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefg", "bcdefgh", strict=True)
)
CONFIGS = {
    "broken": ("rules: [", "*not valid YAML*line 1*"),
    "oversized": ("# " + "x" * 1_100_000, "*mlops.yaml*"),
    "an alias bomb": (BOMB, "*aliases followed*"),
    "too deep": ("a: " + "[" * 60 + "]" * 60, "*levels deep*"),
    "a tag that runs code": ("a: !!python/object/apply:os.system ['true']", "*tag*is not supported*"),
    "a key twice": ("version: 1\nversion: 1", "*version*"),
    "a wrong type": ("gate:\n  min_coverage: high", "*gate.min_coverage*line 2*"),
    "a number that is none": ("gate: {min_coverage: .nan}", "*gate.min_coverage*"),
    "an unknown key": ("gaet: {}", "*gaet*"),
    "an unknown format": ("version: 2", "*version*2*"),
    "no mapping": ("- 1", "*mlops.yaml*"),
    "a model that is missing": ("model: {id: m, version: '1', artifact: model/}", "*model*"),
    "a model that leaves its folder": ("model: {id: m, version: '1', artifact: ../m}", "*model.artifact*"),
    "an absolute model path": ("model: {id: m, version: '1', artifact: /etc/hosts}", "*absolute*"),
}


def assert_usage_error(gate: Gate, result: pytest.RunResult, pattern: str) -> None:
    """Check exit 4, the sentence, no traceback, and that the record of the run before is gone."""
    assert result.ret == USAGE_ERROR
    result.stderr.fnmatch_lines([pattern])
    shown = "\n".join([*result.outlines, *result.errlines])
    assert "Traceback" not in shown
    assert "INTERNALERROR" not in shown
    record = gate.record()
    assert (record.verdict, record.decision) == (Verdict.INCOMPLETE, Decision.BLOCK)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_bad_configuration_is_a_usage_error(gate: Gate, name: str) -> None:
    text, pattern = CONFIGS[name]
    gate.write("test_model.py", MODEL_TEST)
    assert gate.run().ret == 0
    gate.write("mlops.yaml", text)
    assert_usage_error(gate, gate.run(), pattern)


def test_every_mistake_is_named_at_once(gate: Gate) -> None:
    gate.write("mlops.yaml", "gaet: {}\ngate: {min_coverage: 3}\nrules:\n  - {metric: a}\n")
    result = gate.run()
    assert_usage_error(gate, result, "*3 mistakes*")
    result.stderr.fnmatch_lines_random(["*gaet*", "*gate.min_coverage*", "*rules*line 4*"])


def test_a_model_reached_by_a_link_out_of_its_folder_is_refused(gate: Gate) -> None:
    outside = gate.folder.parent / "outside"
    outside.mkdir()
    (outside / "weights").write_text("w", encoding="utf-8")
    gate.write("mlops.yaml", "model: {id: m, version: '1', artifact: model}")
    (gate.folder / "model").symlink_to(outside)
    assert_usage_error(gate, gate.run(), "*model*")


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        (("--mlops-config=elsewhere.yaml",), "*no such file*"),
        (("--mlops-environment=moon",), "*got 'moon'*"),
        (("--mlops-model-version=none.json",), "*cannot read *none.json*"),
    ],
)
def test_an_option_that_names_nothing_is_a_usage_error(
    gate: Gate, arguments: tuple[str, ...], pattern: str
) -> None:
    gate.write("test_model.py", MODEL_TEST)
    gate.write("mlops.yaml", "version: 1")
    assert_usage_error(gate, gate.run(*arguments), pattern)


def test_a_model_version_with_a_wrong_field_is_a_usage_error(gate: Gate) -> None:
    gate.write("version.json", json.dumps({"model_id": "m", "version_id": 3}))
    assert_usage_error(gate, gate.run("--mlops-model-version=version.json"), "*version_id*")


@pytest.mark.parametrize("share", ["1.5", "-0.1", "nan", "half"])
def test_a_threshold_beyond_0_to_1_is_refused(gate: Gate, share: str) -> None:
    result = gate.run(f"--mlops-min-coverage={share}")
    assert result.ret == USAGE_ERROR
    result.stderr.fnmatch_lines(["*expected a number from 0 to 1*"])


# ---- markers ----

MARKS = {
    "a positional argument": ("'ranking:all'", "*got a positional argument*"),
    "an unknown argument": ("cover=['ranking:all']", "*unknown argument 'cover'*"),
    "covers of a wrong type": ("covers=3", "*covers is 3*"),
    "an empty cell": ("covers=['']", "*covers is*"),
    "a data set of a wrong type": ("dataset=3", "*dataset is 3*"),
    "an undeclared cell": ("covers=['rankng:all']", "*'rankng:all'*Did you mean 'ranking:all'?*"),
    "a cell like no other": ("covers=['qqqq:young']", "*'qqqq:young'*Declared are: *ranking:all*"),
    "a data set that owes nothing": (
        "covers=['fit:all'], dataset='old'",
        "*'fit:all'*required on the data sets new*'old'*",
    ),
    "no data set where one is owed": ("covers=['fit:all']", "*'fit:all'*names no data set*"),
}
REQUIREMENTS = "requirements:\n  - {capability: ranking}\n  - {capability: fit, datasets: [new]}\n"


@pytest.mark.parametrize("name", MARKS)
def test_a_wrong_marker_is_a_collection_error(gate: Gate, name: str) -> None:
    mark, pattern = MARKS[name]
    gate.write("mlops.yaml", REQUIREMENTS)
    gate.write("test_model.py", f"import pytest\n\n@pytest.mark.model_test({mark})\ndef test_it(): pass\n")
    result = gate.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([f"test_model.py:*test_it: model_test {pattern}"])
    result.stdout.no_fnmatch_line("*Traceback*")
    assert gate.record().verdict is Verdict.INCOMPLETE


@pytest.mark.slow
def test_a_wrong_marker_is_a_collection_error_on_workers_too(gate: Gate) -> None:
    gate.write("mlops.yaml", REQUIREMENTS)
    gate.write("test_good.py", MODEL_TEST)
    mark = MARKS["an undeclared cell"][0]
    gate.write("test_model.py", f"import pytest\n\n@pytest.mark.model_test({mark})\ndef test_it(): pass\n")
    result = gate.run("-n2")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*Did you mean 'ranking:all'?*"])
    assert gate.record().verdict is Verdict.INCOMPLETE
    assert gate.record().test_results.session.collection_errors == ("test_model.py",)


# ---- recording calls ----

CALLS = {
    "NaN": ("mlops.metric('auc', float('nan'))", "*auc*nan*finite*"),
    "infinity": ("mlops.metric('auc', float('inf'))", "*auc*inf*finite*"),
    "a text": ("mlops.metric('auc', '0.9')", "*auc*'0.9'*"),
    "a truth value": ("mlops.metric('auc', True)", "*auc*True*"),
    "an array": ("mlops.metric('auc', np.array([1.0, 2.0]))", "*auc*one finite number*"),
    "no examples": ("mlops.metric('auc', 0.9, n=0)", "*n is 0*at least 1*"),
    "an error of 0": ("mlops.metric('auc', 0.9, stderr=0)", "*stderr is 0*mlops.score*"),
    "a negative error": ("mlops.metric('auc', 0.9, stderr=-1)", "*stderr is -1*"),
    "no name": ("mlops.metric(' ', 0.9)", "*name is ' '*"),
    "mismatched lengths": ("mlops.predictions([0, 1, 1], [0, 1])", "*y_pred*2*3*"),
    "no predictions": ("mlops.predictions([], [])", "*y_true*"),
    "a gap": ("mlops.predictions([0.5, 1.5], [0.1, float('nan')])", "*y_pred*NaN*position 1*"),
    "duplicate ids": ("mlops.predictions([0, 1], [0, 1], ids=['a', 'a'])", "*ids*'a'*"),
    "a slice of another length": ("mlops.predictions([0, 1], [0, 1], slices={'young': [True]})", "*young*"),
    "a negative time": ("mlops.latencies([0.1, -0.1])", "*seconds*"),
    "a score beyond 1": ("mlops.score('judge', [0.5, 1.5])", "*1.5*"),
    "no such file": ("mlops.artifact('nowhere.png')", "*nowhere.png*is not a file*"),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_cannot_be_evidence_fails_the_test_where_it_was_recorded(gate: Gate, name: str) -> None:
    call, pattern = CALLS[name]
    gate.write(
        "test_model.py",
        f"import numpy as np\n{MODEL_TEST}\n@pytest.mark.model_test\ndef test_bad(mlops): {call}\n",
    )
    result = gate.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"E  *RecordingError: {pattern}"])
    record = gate.record()
    assert record.verdict is Verdict.FAIL
    assert [(kept.name, kept.value) for kept in record.measurements] == [("accuracy", 0.9)]


# ---- one number, one writer ----

WRITERS = """
import pytest

@pytest.mark.model_test
def test_{name}(mlops):
    mlops.metric("accuracy", 0.{digit})
"""


def write_two_writers(gate: Gate) -> None:
    for name, digit in (("first", 9), ("second", 8)):
        gate.write(f"test_{name}.py", WRITERS.format(name=name, digit=digit))


def test_the_second_writer_of_a_number_fails_and_names_both(gate: Gate) -> None:
    write_two_writers(gate)
    result = gate.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["*accuracy was recorded by test_first.py::test_first and again by test_second.py::test_second*"]
    )
    assert [kept.value for kept in gate.record().measurements] == [0.9]


def test_two_writers_on_two_workers_fail_the_run_and_are_named(gate: Gate) -> None:
    write_two_writers(gate)
    result = gate.run("-n2", "--dist=loadfile")
    record = gate.record()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert record.verdict is Verdict.FAIL
    told = " ".join([*(reason.text for reason in record.reasons), *result.outlines])
    assert "test_first.py::test_first" in told
    assert "test_second.py::test_second" in told
    assert len(record.measurements) == 1


def test_one_test_may_not_write_a_number_twice(gate: Gate) -> None:
    gate.write("test_model.py", MODEL_TEST + "    mlops.metric('accuracy', 0.9)\n")
    gate.run().stdout.fnmatch_lines(["*accuracy was recorded twice by test_model.py::test_good*"])


def test_a_rerun_may_write_again(gate: Gate) -> None:
    gate.write(
        "test_model.py",
        MODEL_TEST + "    tries.append(1)\n    assert len(tries) > 1\n\ntries = []\n",
    )
    gate.run("--reruns=1")
    record = gate.record()
    assert [(kept.name, kept.value) for kept in record.measurements] == [("accuracy", 0.9)]
    assert record.verdict is Verdict.UNDECIDED
