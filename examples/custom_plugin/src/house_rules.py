"""A pytest-mlops plugin with the conventions of one company: loading, metrics, checks, notifications.

``conftest.py`` lists it in ``pytest_plugins``. In a separate package it would be an entry point:
``[project.entry-points.pytest11] house-rules = "house_rules"``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field
from wines import CentroidModel

from pytest_mlops import Check, CheckResult, Verdict
from pytest_mlops.checks.base import CheckContext, FixtureName
from pytest_mlops.checks.data import predictions_of
from pytest_mlops.stats.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from pytest_mlops import IntegrationResult, ModelVersion

DEAREST = 2
"""The most expensive kind of wine."""


def pytest_mlops_load_model(model_version: ModelVersion | None) -> CentroidModel | None:
    """Load the model for the fixture ``mlops_model``, from the path in ``mlops.yaml``."""
    if model_version is None or model_version.artifact_path is None:
        return None
    return CentroidModel.load(Path(model_version.artifact_path) / "model.json")


def pytest_mlops_metrics() -> Mapping[str, Callable[..., Estimate]]:
    """Add a metric to every call of ``mlops.predictions``."""
    return {"cost_per_bottle": cost_per_bottle}


def cost_per_bottle(y_true: NDArray[np.int64], y_pred: NDArray[np.int64]) -> Estimate:
    """Return the mean cost of a misclassified bottle: 1, or 5 for the most expensive kind."""
    costs = np.where(y_true == DEAREST, 5.0, 1.0) * (y_true != y_pred)
    return Estimate.mean(costs)


class RecallOfEachClass(Check):
    """Every class has a minimum recall, not only the average over classes."""

    check: Literal["recall_of_each_class"] = "recall_of_each_class"
    of: FixtureName
    """Fixture with ``y_true`` and ``X`` or ``y_pred``."""
    model: FixtureName | None = None
    """Fixture of the model that predicts on ``X``."""
    min: Annotated[float, Field(ge=0, le=1)]
    """Minimum recall of every class."""

    inputs = ("of", "model")

    def evaluate(self, context: CheckContext) -> CheckResult:
        """Compare the class with the lowest recall with ``min``."""
        found = predictions_of(context, self.of, self.model)
        true, predicted = found.arrays["y_true"], found.arrays["y_pred"]
        recalls = {
            label: Estimate.share(int((predicted[true == label] == label).sum()), int((true == label).sum()))
            for label in np.unique(true).tolist()
        }
        worst = min(recalls, key=lambda label: recalls[label].value or 0.0)
        lowest = recalls[worst].value or 0.0
        return CheckResult(
            verdict=Verdict.PASS if lowest >= self.min else Verdict.FAIL,
            message=f"the lowest recall is {lowest:.4g}, of class {worst}; must be at least {self.min:g}",
            measurements=tuple((f"recall_of_class_{label}", "all", each) for label, each in recalls.items()),
        )


def pytest_mlops_checks() -> Mapping[str, type[Check]]:
    """Make the check available under ``checks:`` in ``mlops.yaml``."""
    return {"recall_of_each_class": RecallOfEachClass}


def pytest_mlops_after_verdict(record: IntegrationResult, path: Path) -> None:
    """Append a line for each verdict beside the record; a chat message could be sent here too."""
    line = {"run": record.run_id, "verdict": record.verdict, "at": record.timestamp.isoformat()}
    with path.with_name("verdicts.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(line) + "\n")
