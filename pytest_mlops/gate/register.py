"""Registering the evidence source, in a plain run or in an xdist worker.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_mlops.gate.scope import ScopeSettings
from pytest_mlops.gate.source import SOURCE_KEY, EvidenceSource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pytest

    from pytest_mlops.checks.base import Check

__all__ = ["SOURCE_NAME", "activate_worker", "register_source"]

SOURCE_NAME = "mlops-source"


def activate_worker(config: pytest.Config, settings: list[dict[str, Any]]) -> None:
    """Start the evidence source of an xdist worker, with what the controller sent it.

    A worker reads no configuration and makes no record, so it starts without what those need.
    """
    scopes = [ScopeSettings.from_json(each) for each in settings]
    checks: Mapping[str, type[Check]] = {}
    if any(each.checks for each in scopes):
        from pytest_mlops.gate.extensions import extra_checks  # noqa: PLC0415 -- where there are checks only

        checks = extra_checks(config.hook)
    register_source(config, scopes, checks)


def register_source(
    config: pytest.Config, settings: Sequence[ScopeSettings], checks: Mapping[str, type[Check]]
) -> None:
    """Start the evidence source of this process."""
    for each in settings:
        if each.config is not None and each.config not in config.args:
            # Checks are expected whatever paths were asked for.
            config.args.append(each.config)
    source = EvidenceSource(settings, checks)
    config.stash[SOURCE_KEY] = source
    config.pluginmanager.register(source, SOURCE_NAME)
