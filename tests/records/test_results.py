"""Results of model tests."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pytest_mlops.records.results import Outcome, TestResult


@pytest.mark.parametrize(("passed", "outcome"), [(True, Outcome.PASSED), (False, Outcome.FAILED)])
def test_the_outcome_follows_whether_the_test_passed(passed: bool, outcome: Outcome) -> None:
    found = TestResult(test_name="symmetry", passed=passed, message="0.02 of 0.01")
    assert found.outcome is outcome


def test_an_outcome_that_contradicts_it_is_refused() -> None:
    with pytest.raises(ValidationError, match="expected them to agree"):
        TestResult(test_name="symmetry", passed=True, outcome=Outcome.FAILED)
