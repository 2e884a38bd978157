"""What plugins provide through our hooks, checked.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_mlops.errors import ConfigError, IncompleteEvidence, Problem, RecordingError, refuse
from pytest_mlops.gate.arguments import MAX_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

    from pytest_mlops.checks.base import Check
    from pytest_mlops.metrics.plugin_metrics import MetricFunction
    from pytest_mlops.records.integration import CodeQuality, IntegrationResult
    from pytest_mlops.records.model import ModelVersion
    from pytest_mlops.records.policy import Policy

__all__ = [
    "announce",
    "compared_metrics",
    "extra_checks",
    "extra_metrics",
    "load_model",
    "measured_code_quality",
]


def load_model(request: pytest.FixtureRequest, model_version: ModelVersion | None) -> object:
    """Return the model that a ``pytest_mlops_load_model`` hook loads.

    Raises:
        IncompleteEvidence: no plugin and no conftest.py loads it.
    """
    # Where several configurations are gated, each model has its loader in the conftest.py near its tests.
    node = request.node
    hook = request.config.hook if request.scope == "session" else node.ihook
    model: object = hook.pytest_mlops_load_model(model_version=model_version, config=request.config)
    if model is None:
        what = "no model is declared" if model_version is None else f"for {model_version.model_id}"
        raise IncompleteEvidence(
            f"the fixture mlops_model has no model ({what}): "
            "return one from the hook pytest_mlops_load_model(model_version, config) in conftest.py"
        )
    return model


def extra_metrics(hook: Any) -> dict[str, MetricFunction]:
    """Return the metrics that plugins define, by name.

    Args:
        hook: pytest's hook relay, as seen by the test that records.

    Raises:
        RecordingError: two define one name, or something is no function.
    """
    found: dict[str, MetricFunction] = {}
    for metrics in hook.pytest_mlops_metrics():
        for name, function in metrics.items():
            named = isinstance(name, str) and name.strip() and len(name) <= MAX_NAME
            if not named or not callable(function):
                raise RecordingError(
                    f"pytest_mlops_metrics returned {name!r:.60}: {function!r:.60}; expected name -> "
                    f"function, names of 1 to {MAX_NAME} characters"
                )
            if name in found:
                raise RecordingError(f"two plugins define the metric {name!r}; rename one of them")
            found[name] = function
    return found


def compared_metrics(hook: Any, policy: Policy) -> dict[str, MetricFunction]:
    """Return the metrics of plugins that rules on changes need; nothing where no rule compares.

    An error in them has failed the tests that recorded them; here they are left uncompared.
    """
    if not any(rule.compares for rule in policy.rules):
        return {}
    try:
        return extra_metrics(hook)
    except Exception:  # noqa: BLE001 -- a rule about a metric that is not there is INCOMPLETE
        return {}


def extra_checks(hook: Any) -> dict[str, type[Check]]:
    """Return the checks that plugins provide, by name.

    Raises:
        ConfigError: a hook raised, or gave something that is no check under its own name.
    """
    if not hook.pytest_mlops_checks.get_hookimpls():
        return {}
    found: dict[str, type[Check]] = {}
    problems = []
    try:
        offered = [pair for checks in hook.pytest_mlops_checks() for pair in checks.items()]
    except Exception as error:  # noqa: BLE001 -- another plugin's hook may raise anything
        refuse("pytest_mlops_checks", f"raised {type(error).__name__}: {error}")
    for name, cls in offered:
        problem = _wrong_check(name, cls, found)
        if problem is not None:
            problems.append(Problem(path=str(name), message=problem))
        found[name] = cls
    if problems:
        raise ConfigError("pytest_mlops_checks", problems)
    return found


def _wrong_check(name: object, cls: object, found: Mapping[str, object]) -> str | None:
    from pytest_mlops.checks.base import Check  # noqa: PLC0415 -- where plugins provide some only
    from pytest_mlops.checks.catalog import BUILT_IN  # noqa: PLC0415

    if not (isinstance(cls, type) and issubclass(cls, Check)):
        return f"got {cls!r:.60}; expected a subclass of pytest_mlops.Check"
    field = cls.model_fields.get("check")
    if field is None or field.default != name:
        return f'{cls.__name__} needs the field check: Literal["{name}"] = "{name}"'
    if name in BUILT_IN:
        return "is the name of a check of pytest-mlops; choose another"
    return "is provided by two plugins; rename one of them" if name in found else None


def measured_code_quality(hook: Any, folder: Path, policy: Policy) -> CodeQuality | str | None:
    """Return the code quality that a plugin measured, ``None`` for none, or why it cannot be used."""
    from pytest_mlops.records.integration import CodeQuality  # noqa: PLC0415 -- as the rest of the records

    try:
        found = hook.pytest_mlops_code_quality(folder=folder, policy=policy)
    except Exception as error:  # noqa: BLE001 -- whatever it was, the component was not measured
        return f"pytest_mlops_code_quality raised {type(error).__name__}: {error}"
    if found is None or isinstance(found, CodeQuality):
        return found
    return f"pytest_mlops_code_quality gave a {type(found).__name__}; expected a CodeQuality or None"


def announce(hook: Any, record: IntegrationResult, path: Path) -> str | None:
    """Call the plugins' hook for the verdict; return what went wrong there."""
    try:
        hook.pytest_mlops_after_verdict(record=record, path=path)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 -- pytest.fail and sys.exit change nothing here either
        return f"pytest_mlops_after_verdict raised {type(error).__name__}: {error}"
    return None
