"""The gate between a trained model and production: evidence in, verdict out.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_mlops.checks.base import Check, CheckResult
    from pytest_mlops.checks.model_test import ModelTest
    from pytest_mlops.errors import ConfigError, EvidenceError, MLOpsError, RecordingError
    from pytest_mlops.framework import MLOpsFramework, TestSuite
    from pytest_mlops.gate.recorder import Recorder
    from pytest_mlops.metrics.slicing import slices_by
    from pytest_mlops.records import (
        FrameworkConfig,
        IntegrationResult,
        ModelMetadata,
        ModelMetrics,
        ModelVersion,
        TestResult,
        TestResults,
        TrainingConfig,
    )
    from pytest_mlops.verdict import Context, Decision, Verdict

__all__ = [
    "Check",
    "CheckResult",
    "ConfigError",
    "Context",
    "Decision",
    "EvidenceError",
    "FrameworkConfig",
    "IntegrationResult",
    "MLOpsError",
    "MLOpsFramework",
    "ModelMetadata",
    "ModelMetrics",
    "ModelTest",
    "ModelVersion",
    "Recorder",
    "RecordingError",
    "TestResult",
    "TestResults",
    "TestSuite",
    "TrainingConfig",
    "Verdict",
    "slices_by",
]

# pytest imports this package in every run of everyone who has it installed, so a name costs only its user.
_HOMES = {
    "pytest_mlops.checks.base": ("Check", "CheckResult"),
    "pytest_mlops.checks.model_test": ("ModelTest",),
    "pytest_mlops.errors": ("ConfigError", "EvidenceError", "MLOpsError", "RecordingError"),
    "pytest_mlops.framework": ("MLOpsFramework", "TestSuite"),
    "pytest_mlops.gate.recorder": ("Recorder",),
    "pytest_mlops.records": (
        "FrameworkConfig",
        "IntegrationResult",
        "ModelMetadata",
        "ModelMetrics",
        "ModelVersion",
        "TestResult",
        "TestResults",
        "TrainingConfig",
    ),
    "pytest_mlops.metrics.slicing": ("slices_by",),
    "pytest_mlops.verdict": ("Context", "Decision", "Verdict"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 -- idle runs never come here

    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
