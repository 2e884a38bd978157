"""How a version is rolled out and judged: what cannot be meant is refused in a sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from pytest_mlops.records.serving import JudgeSettings, RolloutSettings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"metrics": ()}, "at least 1 item"),
        ({"metrics": ("errors", "errors")}, "got metrics errors, errors"),
        ({"metrics": ("cost",)}, "'errors' or 'slow'"),
        ({"acceptable_ratio": 2.0, "harmful_ratio": 2.0}, "expected a value below harmful_ratio"),
    ],
)
def test_a_judge_that_cannot_be_meant_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        JudgeSettings(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": [{"weight": 10.0}]}, "steps apply only to strategy: canary, got all_at_once"),
        (
            {"strategy": "canary", "steps": [{"weight": 50.0}, {"weight": 10.0}]},
            "expected increasing weights",
        ),
        (
            {"strategy": "canary", "steps": [{"weight": 10.0}, {"weight": 10.0}]},
            "expected increasing weights",
        ),
    ],
)
def test_a_rollout_that_cannot_be_meant_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RolloutSettings.model_validate_json(json.dumps(given))
