"""What the report tests share: records made from parts, judged like any other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pytest_mlops.decision.counts import count_outcomes
from pytest_mlops.decision.judge import judge
from pytest_mlops.records.codec import policy_digest
from pytest_mlops.records.integration import CodeQuality, IntegrationResult, Provenance
from pytest_mlops.records.measurement import Binomial, Measurement, Origin
from pytest_mlops.records.policy import Policy
from pytest_mlops.records.results import OrdinaryTests, Outcome, SessionFacts, TestResult, TestResults
from pytest_mlops.verdict import Context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.records.model import ModelVersion

ENDED = datetime(2026, 6, 15, 12, tzinfo=UTC)


class MakeRecord(Protocol):
    """Builds a record."""

    def __call__(
        self,
        *,
        tests: Sequence[TestResult] = ...,
        shares: Sequence[tuple[str, str, int]] = ...,
        policy: Policy = ...,
        context: Context = ...,
        model: ModelVersion | None = ...,
        **fields: Any,
    ) -> IntegrationResult: ...


def a_test(name: str, outcome: Outcome = Outcome.PASSED, **fields: Any) -> TestResult:
    passed = outcome in {Outcome.PASSED, Outcome.XPASSED}
    return TestResult(test_name=name, passed=passed, outcome=outcome, conclusive=passed, **fields)


@pytest.fixture(scope="session")
def make_record() -> MakeRecord:
    """Return a builder; ``shares`` are (metric, slice, successes in 100)."""

    def make(
        *,
        tests: Sequence[TestResult] = (a_test("test_model.py::test_one"),),
        shares: Sequence[tuple[str, str, int]] = (),
        policy: Policy = Policy(),  # noqa: B008 -- frozen
        context: Context = Context.LOCAL,
        model: ModelVersion | None = None,
        **fields: Any,
    ) -> IntegrationResult:
        measurements = tuple(
            Measurement(
                name=metric,
                slice=slice_,
                value=successes / 100,
                n=100,
                basis=Binomial(successes=successes, trials=100),
                origin=Origin.SCORE,
                test=tests[0].test_name,
            )
            for metric, slice_, successes in shares
        ) + fields.pop("measurements", ())
        results = TestResults(
            results=tuple(tests),
            ordinary=fields.pop("ordinary", OrdinaryTests()),
            session=fields.pop("session", SessionFacts()),
            **count_outcomes(tests),
        )
        comparison = fields.pop("comparison", None)
        judgement = judge(
            results=results,
            measurements=measurements,
            comparison=comparison,
            code_quality=CodeQuality(),
            model_version=model,
            policy=policy,
            context=context,
            today=ENDED.date(),
        )
        judged = {name: getattr(judgement, name) for name in type(judgement).model_fields}
        evidence = {
            "run_id": "r1",
            "context": context,
            "model_version": model,
            "test_results": results,
            "comparison": comparison,
            "measurements": measurements,
            "policy": policy,
            "policy_digest": policy_digest(policy),
            "provenance": Provenance(tool_version="1", pytest_version="9", python="3.11", platform="here"),
            "duration": 1.0,
            "timestamp": ENDED,
        }
        return IntegrationResult(**{**judged, **evidence, **fields})

    return make
