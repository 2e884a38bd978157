"""Registering the evidence source, in a plain run or in an xdist worker.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.gate.evidence_source import SOURCE_KEY, EvidenceSource
from pytest_mlops.gate.worker_config import WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_mlops.checks.base import Check
    from pytest_mlops.gate.config_run import ConfigRun

__all__ = ["CONFIG_RUNS_KEY", "SOURCE_NAME", "activate_worker", "register_source"]

SOURCE_NAME = "mlops-source"
CONFIG_RUNS_KEY: pytest.StashKey[list[ConfigRun]] = pytest.StashKey()
"""What the controller gathers, where the exit code can be held against it at the very end."""


def activate_worker(config: pytest.Config, settings: list[dict[str, Any]]) -> None:
    """Start the evidence source of an xdist worker, with what the controller sent it.

    A worker reads no configuration and makes no record, so it starts without what those need.
    """
    worker_configs = [WorkerSettings.from_json(each) for each in settings]
    checks: Mapping[str, type[Check]] = {}
    if any(each.checks for each in worker_configs):
        from pytest_mlops.gate.extensions import extra_checks  # noqa: PLC0415 -- where there are checks only

        checks = extra_checks(config.hook)
    register_source(config, worker_configs, checks)


def register_source(
    config: pytest.Config, settings: Sequence[WorkerSettings], checks: Mapping[str, type[Check]]
) -> None:
    """Start the evidence source of this process."""
    for each in settings:
        if each.config is not None and not _spanned(config, Path(each.config)):
            # Checks are expected whatever paths were asked for.
            config.args.append(each.config)
    source = EvidenceSource(settings, checks)
    config.stash[SOURCE_KEY] = source
    config.pluginmanager.register(source, SOURCE_NAME)


def _spanned(config: pytest.Config, path: Path) -> bool:
    """Tell whether an argument leads pytest to ``path``; pytest 8 drops a folder if its file is named too."""
    folder = config.invocation_params.dir
    named = [(folder / argument).resolve() for argument in config.args if "::" not in argument]
    return any(path.is_relative_to(each) for each in named)
