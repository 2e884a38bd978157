"""The fakes behave like what they stand for."""

from __future__ import annotations

import pytest

from pytest_mlops.decision.judge import judge_again
from pytest_mlops.errors import RecordingError
from pytest_mlops.records.codec import dump, load_integration_result
from pytest_mlops.records.measurement import Measurement, Origin
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.records.policy import Policy
from pytest_mlops.records.results import TestResults
from pytest_mlops.records.rule import Rule
from pytest_mlops.testing import FakeModel, FakeRecorder, make_result
from pytest_mlops.verdict import Context, Decision, Verdict


def check_of_a_user(mlops: FakeRecorder, model: FakeModel) -> None:
    """What a user's model test might look like."""
    mlops.predictions([1, 0, 1], model.predict([[0], [1], [2]]), slices={"late": [False, True, True]})
    mlops.latencies([0.001] * 20)


def test_what_a_model_test_records_can_be_looked_at() -> None:
    recorder = FakeRecorder()
    check_of_a_user(recorder, FakeModel(1))
    assert recorder.value("accuracy") == pytest.approx(2 / 3)
    assert recorder.value("accuracy", slice="late") == 0.5
    assert recorder.value("latency_p50_ms") == pytest.approx(1)
    assert {measurement.origin for measurement in recorder.measurements} == {"predictions", "latencies"}


def test_a_number_that_was_not_recorded_names_those_that_were() -> None:
    recorder = FakeRecorder()
    with pytest.raises(KeyError, match="recorded are: nothing"):
        recorder.value("recall")
    recorder.metric("accuracy", 0.5, dataset="holdout")
    with pytest.raises(KeyError, match="recall\\[late\\] has no value; recorded are: accuracy@holdout"):
        recorder.value("recall", slice="late")


def test_the_fake_recorder_refuses_what_the_real_one_refuses() -> None:
    recorder = FakeRecorder()
    recorder.metric("accuracy", 0.5)
    with pytest.raises(RecordingError, match="recorded twice"):
        recorder.metric("accuracy", 0.6)
    with pytest.raises(RecordingError, match="finite"):
        recorder.metric("recall", float("nan"))
    assert recorder.value("accuracy") == 0.5


def test_the_fake_recorder_hands_on_the_model_version() -> None:
    version = ModelVersion(model_id="m", version_id="1")
    assert FakeRecorder(version).model_version is version
    assert FakeRecorder().model_version is None


def test_the_fake_model_answers_and_remembers() -> None:
    model = FakeModel(lambda rows: [row[0] > 0 for row in rows])
    assert model.predict([[1], [-1]]).tolist() == [True, False]
    assert FakeModel("cat").predict([1, 2]).tolist() == ["cat", "cat"]
    assert model.calls == [[[1], [-1]]]


def test_a_made_up_result_is_one_that_its_evidence_leads_to() -> None:
    for result in (make_result(), make_result(failed=1), make_result(passed=0)):
        assert load_integration_result(dump(result)) == result
        again = judge_again(result)
        assert (again.verdict, again.decision) == (result.verdict, result.decision)
    assert make_result().verdict is Verdict.PASS
    assert make_result(failed=1).verdict is Verdict.FAIL
    assert make_result(passed=0).verdict is Verdict.INCOMPLETE


def test_a_made_up_result_follows_its_policy_and_measurements() -> None:
    measurement = Measurement(
        name="accuracy", value=0.7, n=10, origin=Origin.METRIC, test="test_model.py::test_0"
    )
    policy = Policy(rules=(Rule(metric="accuracy", min=0.8),), configured=True)
    result = make_result(measurements=[measurement], policy=policy, context=Context.RELEASE)
    assert (result.verdict, result.decision) == (Verdict.FAIL, Decision.BLOCK)
    assert result.rules[0].estimate == 0.7


def test_a_made_up_result_takes_tests_as_they_are() -> None:
    assert make_result(test_results=TestResults()).verdict is Verdict.INCOMPLETE
