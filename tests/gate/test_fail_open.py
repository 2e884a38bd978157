"""Ways in which a run could pass without evidence, by accident, and does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlops.records.results import Outcome
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
    assert gate.record().test_results.session.uncollected == ("--ignore",)


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
