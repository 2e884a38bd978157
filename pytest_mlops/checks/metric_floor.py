"""Metric floor: a standard metric of the predictions reaches a bound, by its confidence bound or its value.

::

    - {check: metric_floor, of: holdout, model: model, metric: recall, min: 0.9, confidence: 0.95}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import model_validator

from pytest_mlops.checks.base import Check, CheckResult, FixtureName, Given, Level, settle
from pytest_mlops.checks.data import predictions_of
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.names import ALL
from pytest_mlops.records.base import Label, Number
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from pytest_mlops.stats.estimate import Estimate

__all__ = ["MetricFloor"]
