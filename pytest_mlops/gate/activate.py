"""Activation: from pytest's options to a running gate.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.errors import MLOpsError, refuse
from pytest_mlops.gate.evidence_source import SESSION_NAME, register_source
from pytest_mlops.gate.extensions import extra_checks
from pytest_mlops.gate.output import discard_record, write_record
from pytest_mlops.gate.run import CONFIG_RUNS_KEY, ConfigRun
from pytest_mlops.gate.seal import unfinished
from pytest_mlops.gate.session import GateSession
from pytest_mlops.gate.settle import bare_runs, settle
from pytest_mlops.gate.worker_config import WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_mlops.checks.base import Check
    from pytest_mlops.evidence.keys import SigningKey
    from pytest_mlops.gate.run import GateRun

__all__ = ["activate_controller"]

KEY_VARIABLE = "MLOPS_SIGNING_KEY"


def activate_controller(config: pytest.Config, *, planning: bool) -> None:
    """Start the gate in the process that decides.

    Args:
        config: pytest's configuration.
        planning: Nothing will be run (``--collect-only``), so markers are checked and no record is made.

    Raises:
        pytest.UsageError: an option, ``mlops.yaml`` or the model's files are wrong.
    """
    try:
        checks, config_runs = _config_runs(config, planning=planning)
    except MLOpsError as error:
        raise pytest.UsageError(str(error)) from error
    register_source(config, [each.settings for each in config_runs], checks)
    if not planning:
        config.stash[CONFIG_RUNS_KEY] = config_runs
        config.pluginmanager.register(GateSession(config_runs, config.rootpath), SESSION_NAME)
        if config.option.mlops_report:
            from pytest_mlops.gate.reports import register_reports  # noqa: PLC0415 -- where asked for only

            register_reports(config, [each.run for each in config_runs])


def _config_runs(
    config: pytest.Config, *, planning: bool
) -> tuple[Mapping[str, type[Check]], list[ConfigRun]]:
    """Settle every run, and replace every earlier record by an INCOMPLETE one."""
    runs = bare_runs(config)
    if not planning:
        _discard_earlier(config, runs)
    try:
        key = _signing_key(config.option.mlops_sign_key, os.environ, runs[0])
        checks = extra_checks(config.hook)
        runs = [settle(config, run, checks) for run in runs]
    finally:
        # Whatever went wrong, the record that stands is of this run, and INCOMPLETE.
        if not planning:
            for run in runs:
                write_record(run, unfinished(run))
    return checks, [ConfigRun(run=run, settings=_worker_settings(run), key=key) for run in runs]


def _discard_earlier(config: pytest.Config, runs: Sequence[GateRun]) -> None:
    """Remove what earlier runs left, that of a single configuration too: none of it is of these runs."""
    single = (config.invocation_params.dir / config.option.mlops_result).resolve()
    for path in {single, *(run.path for run in runs)}:
        discard_record(path)


def _signing_key(option: str | None, environ: Mapping[str, str], run: GateRun) -> SigningKey | None:
    """Return the key to sign with; ``None`` where none is named.

    Args:
        option: What ``--mlops-sign-key`` names, relative to the folder the run was started in.
        environ: Environment variables.
        run: A run, as far as it is known.

    Raises:
        ConfigError: the key cannot be used, or the run is of an untrusted pull request.
    """
    named = option or environ.get(KEY_VARIABLE)
    if not named:
        return None
    source = "--mlops-sign-key" if option else KEY_VARIABLE
    if run.provenance.trust == "untrusted-pr":
        refuse(source, "the code of an untrusted pull request could read the key; leave it out")
    from pytest_mlops.evidence.keys import load_signing_key  # noqa: PLC0415 -- where there is a key only

    return load_signing_key(run.folder / named)


def _worker_settings(run: GateRun) -> WorkerSettings:
    checks = _checks(run)
    version = run.model_version
    if version is not None and run.artifact is not None:
        version = version.model_copy(update={"artifact_path": str(run.artifact[0])})
    return WorkerSettings(
        folder=str(run.path.parent),
        gates=None if run.gates is None else str(run.gates),
        cells=tuple((cell.name, cell.dataset) for cell in run.policy.cells()),
        gate_decides=run.policy.gate.min_pass_rate < 1,
        waived=tuple(waiver.test for waiver in run.policy.waivers if waiver.test is not None),
        model_version=None if version is None else version.model_dump(mode="json"),
        config=str(run.config.path) if run.config is not None and checks else None,
        checks=checks,
    )


def _checks(run: GateRun) -> tuple[tuple[dict[str, Any], int | None], ...]:
    if run.config is None:
        return ()
    return tuple(
        (check.model_dump(mode="json"), run.config.line(("checks", index)))
        for index, check in enumerate(run.config.config.checks)
    )
