"""The hooks of pytest-mlops: where a conftest.py or a plugin can step in.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_mlops.checks.base import Check
    from pytest_mlops.metrics.plugin_metrics import MetricFunction
    from pytest_mlops.records.integration import CodeQuality, IntegrationResult
    from pytest_mlops.records.model import ModelVersion
    from pytest_mlops.records.policy import Policy


@pytest.hookspec(firstresult=True)
def pytest_mlops_load_model(model_version: ModelVersion | None, config: pytest.Config) -> object | None:
    """Return the model for the fixture ``mlops_model``, or ``None`` to leave it to the next plugin.

    Args:
        model_version: The version under test, its ``artifact_path`` absolute; ``None`` without the gate, or
            where ``mlops.yaml`` declares no model.
        config: pytest's configuration.
    """


@pytest.hookspec
def pytest_mlops_metrics() -> Mapping[str, MetricFunction]:
    """Return further metrics for ``mlops.predictions`` to compute, overall and per slice.

    Returns:
        Name -> function of ``(y_true, y_pred)``, arrays of shape (n,), n ≥ 1; it returns a number, or an
        ``Estimate`` where an interval is known. NaN means that the metric is undefined on these examples.
    """
    raise NotImplementedError


@pytest.hookspec(firstresult=True)
def pytest_mlops_code_quality(folder: Path, policy: Policy) -> CodeQuality | None:
    """Return the code quality, instead of the reports that ``quality.code`` names, or ``None``.

    Args:
        folder: Folder of ``mlops.yaml``, or the one the run was started in.
        policy: What the run is judged under.
    """


@pytest.hookspec
def pytest_mlops_checks() -> Mapping[str, type[Check]]:
    """Return further checks for ``checks:`` in ``mlops.yaml``, by the name that ``check:`` calls them by.

    It is called before tests are collected: for installed plugins, and for the conftest.py files that pytest
    loads at its start.
    """
    raise NotImplementedError


@pytest.hookspec
def pytest_mlops_after_verdict(record: IntegrationResult, path: Path) -> None:
    """Act on a verdict, where it was reached and after its record was written.

    What is raised here is shown, and changes neither record nor exit code.

    Args:
        record: The record.
        path: The file it was written to.
    """
