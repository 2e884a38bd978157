"""The recorder: the same checks with the gate on or off, and the same record from one process or several."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_mlops.errors import RecordingError
from pytest_mlops.evidence.arrays import load_arrays
from pytest_mlops.gate.recorder import Recorder
from tests.conftest import BARE_AND_WORKERS

if TYPE_CHECKING:
    from tests.conftest import Gate

EVIDENCE = """
import numpy as np
import pytest

pytestmark = pytest.mark.model_test(dataset="holdout")

def test_numbers(mlops):
    mlops.metric("auc", np.float32(0.5), n=np.int64(40), stderr=0.01)
    mlops.metric("auc", 0.6, slice="young", dataset="spring")
    mlops.score("judge", [0.25, 0.75, 1.0])
    mlops.latencies([0.010, 0.020, 0.030])

def test_predictions(mlops):
    mlops.predictions(
        y_true=[0, 1, 1, 0],
        y_pred=[0, 1, 0, 0],
        ids=["a", "b", "c", "d"],
        slices={"young": [True, True, False, False]},
    )

def test_artifact(mlops):
    mlops.artifact("plot.svg", name="curve")
"""


def write_evidence(gate: Gate) -> None:
    gate.write("test_model.py", EVIDENCE)
    gate.write("plot.svg", "<svg/>")


# What differs from run to run by its nature.
OF_THE_RUN = {"run_id", "timestamp", "duration", "provenance"}


def evidence_of(gate: Gate) -> dict[str, Any]:
    """Return the record without what is of the run alone, and without times of tests."""
    data = gate.record().model_dump(mode="json", exclude=OF_THE_RUN)
    for result in data["test_results"]["results"]:
        del result["duration"]
    return data


def test_every_call_leaves_its_evidence(gate: Gate) -> None:
    write_evidence(gate)
    gate.run().assert_outcomes(passed=3)
    record = gate.record()
    numbers = {kept.title: kept for kept in record.measurements}
    assert numbers["auc@holdout"].value == 0.5
    assert numbers["auc@holdout"].n == 40
    assert numbers["auc[young]@spring"].value == 0.6
    assert numbers["judge@holdout"].value == pytest.approx(2 / 3)
    assert numbers["latency_mean_ms@holdout"].value == pytest.approx(20)
    assert numbers["accuracy@holdout"].value == 0.75
    assert numbers["accuracy[young]@holdout"].value == 1.0
    assert numbers["accuracy[young]@holdout"].n == 2
    assert numbers["accuracy@holdout"].test == "test_model.py::test_predictions"


def test_arrays_lie_beside_the_record_under_their_digest(gate: Gate) -> None:
    write_evidence(gate)
    gate.run()
    (reference,) = gate.record().arrays
    arrays = load_arrays(gate.path.parent / "arrays" / f"{reference.digest}.npz")
    assert (reference.n, reference.ids, reference.dataset) == (4, "given", "holdout")
    np.testing.assert_array_equal(arrays["y_pred"], [0, 1, 0, 0])
    np.testing.assert_array_equal(arrays["ids"], ["a", "b", "c", "d"])
    np.testing.assert_array_equal(arrays["slice:young"], [True, True, False, False])


def test_artifacts_lie_beside_the_record_under_their_digest(gate: Gate) -> None:
    write_evidence(gate)
    gate.run()
    (kept,) = gate.record().artifacts
    data = (gate.path.parent / "artifacts" / kept.digest).read_bytes()
    assert (kept.name, kept.size, data) == ("curve", 6, b"<svg/>")
    assert hashlib.sha256(data).hexdigest() == kept.digest


def test_ids_that_nobody_gave_are_positions_and_the_record_says_so(gate: Gate) -> None:
    gate.write(
        "test_model.py",
        "import pytest\n@pytest.mark.model_test\ndef test_it(mlops): mlops.predictions([0, 1], [0, 1])\n",
    )
    gate.run()
    (reference,) = gate.record().arrays
    assert reference.ids == "position"


def test_two_workers_make_the_record_of_one_process(gate: Gate) -> None:
    write_evidence(gate)
    gate.run()
    alone = evidence_of(gate)
    gate.run("-n2", "--dist=loadfile")
    assert gate.record().provenance.workers == 2
    for key, value in evidence_of(gate).items():
        if key != "measurements":
            assert value == alone[key], key
    for there, here in zip(evidence_of(gate)["measurements"], alone["measurements"], strict=True):
        is_time = here["origin"] == "latencies"
        assert there == here | {"contended": is_time}


def test_two_runs_make_the_same_record(gate: Gate) -> None:
    write_evidence(gate)
    gate.run()
    first = evidence_of(gate)
    gate.run()
    assert evidence_of(gate) == first


def test_a_failing_test_keeps_what_it_and_others_measured(gate: Gate) -> None:
    gate.write(
        "test_model.py", EVIDENCE + "\ndef test_late(mlops):\n    mlops.metric('f1', 0.1)\n    assert 0\n"
    )
    gate.write("plot.svg", "<svg/>")
    gate.run()
    titles = {kept.title for kept in gate.record().measurements}
    assert {"auc@holdout", "accuracy@holdout", "f1@holdout"} <= titles


def test_what_fixtures_record_in_setup_and_teardown_is_kept(gate: Gate) -> None:
    gate.write(
        "test_model.py",
        """
        import pytest

        @pytest.fixture
        def around(mlops):
            mlops.metric("before", 1.0)
            yield
            mlops.metric("after", 2.0)

        @pytest.mark.model_test
        def test_it(around): pass
        """,
    )
    gate.run()
    assert [kept.name for kept in gate.record().measurements] == ["before", "after"]


def test_what_an_ordinary_test_records_is_no_evidence(gate: Gate) -> None:
    gate.write(
        "test_model.py",
        """
        import pytest

        def test_ordinary(mlops): mlops.metric("accuracy", 1.0)

        @pytest.mark.model_test
        def test_it(): pass
        """,
    )
    gate.run()
    assert gate.record().measurements == ()


# ---- the gate off ----


@BARE_AND_WORKERS
def test_with_the_gate_off_calls_work_and_write_nothing(
    gate: Gate, pytester: pytest.Pytester, how: tuple[str, ...]
) -> None:
    write_evidence(gate)
    pytester.runpytest_inprocess(*how).assert_outcomes(passed=3)
    assert not gate.path.parent.exists()


@pytest.mark.parametrize(
    "call",
    [
        "metric('auc', float('nan'))",
        "predictions([0, 1], [0])",
        "latencies([-1])",
        "score('judge', [2.0])",
        "artifact('nowhere')",
    ],
)
def test_with_the_gate_off_calls_check_all_the_same(gate: Gate, pytester: pytest.Pytester, call: str) -> None:
    gate.write("test_model.py", f"def test_it(mlops): mlops.{call}")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E  *RecordingError: *"])


def test_a_recorder_of_nothing_still_refuses_a_second_writer() -> None:
    recorder = Recorder()
    recorder.metric("accuracy", 0.9)
    with pytest.raises(RecordingError, match="accuracy was recorded twice"):
        recorder.metric("accuracy", 0.9)
    recorder.metric("accuracy", 0.9, slice="young")
    recorder.metric("accuracy", 0.9, dataset="spring")


def test_a_call_with_one_taken_key_keeps_none_of_its_numbers(gate: Gate) -> None:
    gate.write(
        "test_model.py",
        """
        import pytest

        @pytest.mark.model_test
        def test_it(mlops):
            mlops.metric("recall", 0.9)
            with pytest.raises(ValueError):
                mlops.predictions([0, 1], [0, 1])
        """,
    )
    gate.run()
    assert [kept.name for kept in gate.record().measurements] == ["recall"]
    assert gate.record().arrays == ()


def test_a_recorder_says_whose_it_is() -> None:
    assert repr(Recorder()) == "<Recorder of no test, gate off>"
    assert Recorder().model_version is None


def test_the_model_version_reaches_the_test_with_an_absolute_path(gate: Gate) -> None:
    gate.write("mlops.yaml", "model: {id: risk, version: '7', artifact: weights}")
    gate.write("weights", "w")
    gate.write(
        "test_model.py",
        """
        import pathlib, pytest

        @pytest.mark.model_test
        def test_it(mlops, mlops_model_version):
            assert mlops.model_version == mlops_model_version
            assert mlops_model_version.version_id == "7"
            path = pathlib.Path(mlops_model_version.artifact_path)
            assert path.is_absolute() and path.read_text() == "w"
        """,
    )
    assert gate.run().ret == 0
    assert gate.record().model_version is not None


def test_without_the_gate_there_is_no_model_version(gate: Gate, pytester: pytest.Pytester) -> None:
    gate.write("test_model.py", "def test_it(mlops_model_version): assert mlops_model_version is None")
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_a_class_names_one_cell_as_text_and_answers_with_a_result_without_an_outcome(gate: Gate) -> None:
    gate.write("mlops.yaml", "model: {id: m, version: '1'}\nrequirements: [{capability: ranking}]\n")
    gate.write(
        "test_model.py",
        """
        from pytest_mlops import ModelTest, TestResult

        class Symmetry(ModelTest):
            covers = "ranking"

            def run(self, model_version):
                return TestResult(test_name="symmetry", passed=True, message="fine")
        """,
    )
    gate.run()
    (found,) = gate.record().test_results.results
    assert (found.covers, found.outcome) == (("ranking:all",), "passed")
