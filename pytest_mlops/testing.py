"""Fakes for the tests that users write of their own model tests, checks and plugins."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.decision.counts import count_outcomes
from pytest_mlops.decision.judge import judge
from pytest_mlops.gate.marks import ModelTestMark
from pytest_mlops.gate.recorder import Recorder
from pytest_mlops.gate.sink import Sink
from pytest_mlops.names import ALL, metric_title
from pytest_mlops.records.codec import policy_digest
from pytest_mlops.records.integration import CodeQuality, IntegrationResult, Provenance
from pytest_mlops.records.measurement import Measurement
from pytest_mlops.records.policy import Policy
from pytest_mlops.records.results import OrdinaryTests, Outcome, SessionFacts, TestResult, TestResults
from pytest_mlops.verdict import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from pytest_mlops.records.model import ModelVersion

__all__ = ["FakeModel", "FakeRecorder", "make_result"]

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
"""The default timestamp of made-up results."""


class FakeRecorder(Recorder):
    """A recorder that keeps what it is given in memory; pass it where a model test asks for ``mlops``.

    It refuses what the real one refuses, second writers included.

    Args:
        model_version: What ``recorder.model_version`` answers.
    """

    def __init__(self, model_version: ModelVersion | None = None) -> None:
        self._kept = Sink(node_id="fake", mark=ModelTestMark())
        self._version = model_version
        super().__init__(self._kept)

    @property
    def model_version(self) -> ModelVersion | None:
        """The version that the constructor was given."""
        return self._version

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """Everything recorded so far, in order."""
        return tuple(
            Measurement(test=self._kept.node_id, **entry)
            for entry in self._kept.recorded.get("measurements", ())
        )

    def value(self, name: str, *, slice: str = ALL, dataset: str | None = None) -> float:  # noqa: A002
        """Return a recorded number.

        Raises:
            KeyError: it was not recorded, or is undefined on these data; the message lists what was recorded.
        """
        found = {measurement.key: measurement.value for measurement in self.measurements}
        value = found.get((name, slice, dataset))
        if value is None:
            known = ", ".join(sorted(metric_title(*key) for key in found)) or "nothing"
            raise KeyError(f"{metric_title(name, slice, dataset)} has no value; recorded are: {known}")
        return value


class FakeModel:
    """A model with given predictions, which keeps the rows it was given.

    Args:
        answer: The prediction for every row, or a function of the rows ``X`` that returns one for each.
    """

    def __init__(self, answer: object | Callable[[Any], Any]) -> None:
        self._answer = answer
        self.calls: list[Any] = []
        """Every ``X`` it was given, in order."""

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803 -- the field's name for it
        """Return one prediction for each of the n rows of ``X``, shape (n,)."""
        self.calls.append(X)
        if callable(self._answer):
            return np.asarray(self._answer(X))
        return np.full(len(X), self._answer)


def make_result(
    *,
    passed: int = 1,
    failed: int = 0,
    measurements: Sequence[Measurement] = (),
    test_results: TestResults | None = None,
    code_quality: CodeQuality | None = None,
    model_version: ModelVersion | None = None,
    policy: Policy | None = None,
    context: Context = Context.LOCAL,
    run_id: str = "fake",
    timestamp: datetime = WHEN,
) -> IntegrationResult:
    """Return a valid result of made-up evidence; its verdict is the one that this evidence leads to.

    Args:
        passed: Model tests that passed.
        failed: Model tests that failed.
        measurements: What they recorded.
        test_results: The tests themselves, instead of ``passed`` and ``failed``.
        code_quality: Measured code quality.
        model_version: The version under test.
        policy: Thresholds, rules and waivers; by default those of a run without ``mlops.yaml``.
        context: Where the verdict is needed.
        run_id: Names the run.
        timestamp: The end of the run, in any time zone.
    """
    results = test_results if test_results is not None else _tests(passed, failed)
    policy = policy if policy is not None else Policy()
    code = code_quality if code_quality is not None else CodeQuality()
    judgement = judge(
        results=results,
        measurements=measurements,
        code_quality=code,
        model_version=model_version,
        policy=policy,
        context=context,
        today=timestamp.astimezone(UTC).date(),
    )
    return IntegrationResult(
        **{name: getattr(judgement, name) for name in type(judgement).model_fields},
        run_id=run_id,
        context=context,
        model_version=model_version,
        test_results=results,
        measurements=tuple(measurements),
        code_quality=code,
        policy=policy,
        policy_digest=policy_digest(policy),
        provenance=Provenance(tool_version="fake", pytest_version="fake", python="fake", platform="fake"),
        duration=0.0,
        timestamp=timestamp,
    )


def _tests(passed: int, failed: int) -> TestResults:
    outcomes = [Outcome.PASSED] * passed + [Outcome.FAILED] * failed
    results = tuple(
        TestResult(
            test_name=f"test_model.py::test_{number}",
            passed=outcome is Outcome.PASSED,
            outcome=outcome,
            conclusive=True,
        )
        for number, outcome in enumerate(outcomes)
    )
    return TestResults(
        results=results, **count_outcomes(results), ordinary=OrdinaryTests(), session=SessionFacts()
    )
