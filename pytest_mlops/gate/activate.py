"""Activation: from pytest's options to a running gate.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from pytest_mlops.ci.context import context_from_environ, new_run_id
from pytest_mlops.ci.provenance import collect_provenance
from pytest_mlops.config.find import CONFIG_NAMES, find_config
from pytest_mlops.config.guard import refuse
from pytest_mlops.config.load import LoadedConfig, load_config
from pytest_mlops.config.models import Config
from pytest_mlops.errors import ConfigError, IoError, MLOpsError
from pytest_mlops.evidence.artifact import resolve_artifact
from pytest_mlops.evidence.digest import ArtifactDigest, digest_artifact
from pytest_mlops.gate.attest import forget_attestations, settle_key
from pytest_mlops.gate.config_run import ConfigRun
from pytest_mlops.gate.config_runs import runs_of_several
from pytest_mlops.gate.extensions import extra_checks
from pytest_mlops.gate.narrowing import Narrowing, narrowing_of
from pytest_mlops.gate.register import CONFIG_RUNS_KEY, SOURCE_NAME, register_source
from pytest_mlops.gate.run import GateRun
from pytest_mlops.gate.seal import unfinished, write_record
from pytest_mlops.gate.session import GateSession
from pytest_mlops.gate.worker_config import WorkerSettings
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.records.policy import GateSettings, Policy
from pytest_mlops.text import problems_of
from pytest_mlops.verdict import Context

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_mlops.checks.base import Check

__all__ = ["activate_controller", "deactivate"]

SESSION_NAME = "mlops-session"
RECORD_START = b'{"schema_version"'
"""How every record begins."""


def activate_controller(config: pytest.Config, *, planning: bool) -> None:
    """Start the gate in the process that decides.

    Args:
        config: pytest's configuration.
        planning: Nothing will be run (``--collect-only``), so markers are checked and no record is made.

    Raises:
        pytest.UsageError: an option, ``mlops.yaml`` or the model's files are wrong.
    """
    try:
        bare = _bare_run(config)
        named = config.option.mlops_config or []
        runs = runs_of_several(bare, named, write=not planning) if len(named) > 1 else [bare]
        if not planning:
            # Before anything can go wrong: from here on no earlier PASS can be taken for this run's.
            _displace(runs)
            forget_attestations(runs, bare)
        key = settle_key(config.option.mlops_sign_key, os.environ, bare)
        checks = extra_checks(config.hook)
        runs = [_settle(config, run, _load(config, run, checks)) for run in runs]
        if not planning:
            for run in runs:
                write_record(run, unfinished(run))
    except MLOpsError as error:
        raise pytest.UsageError(str(error)) from error
    config_runs = [ConfigRun(run=run, settings=_worker_settings(run), key=key) for run in runs]
    register_source(config, [config_run.settings for config_run in config_runs], checks)
    if not planning:
        config.stash[CONFIG_RUNS_KEY] = config_runs
        config.pluginmanager.register(GateSession(config_runs, config.rootpath), SESSION_NAME)


def _displace(runs: Sequence[GateRun]) -> None:
    """Put an INCOMPLETE record in place of every earlier one; where that cannot be, leave no earlier one.

    Raises:
        IoError: a record could not be written, as on a full disk.
    """
    try:
        for run in runs:
            write_record(run, unfinished(run))
    except IoError:
        for run in runs:
            _discard(run.path)
        raise


def _discard(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        # Nothing can be removed from the folder; to empty the file takes neither that right nor space.
        with contextlib.suppress(OSError):
            os.truncate(path, 0)


def deactivate(config: pytest.Config) -> None:
    """Take out what activation put in."""
    for name in (SOURCE_NAME, SESSION_NAME):
        if config.pluginmanager.hasplugin(name):
            config.pluginmanager.unregister(name=name)


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


def _bare_run(config: pytest.Config) -> GateRun:
    """Describe the run as far as it is known without reading any configuration."""
    option = config.option
    context = Context(option.mlops_context) if option.mlops_context else context_from_environ(os.environ)
    folder = config.invocation_params.dir
    named = option.mlops_config or []
    return GateRun(
        run_id=option.mlops_run_id or new_run_id(),
        path=_result_path(folder / option.mlops_result),
        folder=folder,
        context=context,
        policy=Policy(),
        config=None,
        model_version=None,
        artifact=None,
        narrowing=Narrowing(),
        provenance=collect_provenance(
            environ=os.environ,
            folder=folder,
            pytest_version=pytest.__version__,
            arguments=[str(argument) for argument in config.invocation_params.args],
            workers=_workers(config),
        ),
        started=datetime.now(UTC),
        named=(folder / named[0]).resolve() if len(named) == 1 else None,
    )


def _result_path(path: Path) -> Path:
    """Refuse to put a record in place of a file that is none."""
    try:
        with path.open("rb") as stream:
            found = stream.read(len(RECORD_START))
    except OSError:
        found = b""
    if found and found != RECORD_START:
        refuse("--mlops-result", f"{path} is there and is no record; name a file of its own")
    return path.resolve()


def _workers(config: pytest.Config) -> int:
    return len(getattr(config.option, "tx", None) or ())


def _settle(config: pytest.Config, bare: GateRun, loaded: LoadedConfig | None) -> GateRun:
    """Complete the description with the configuration and the model's bytes."""
    option = config.option
    settings = Config() if loaded is None else loaded.config
    folder = bare.folder if loaded is None else loaded.path.parent
    policy = settings.policy(accept_waived=_accepts_waived(settings, option.mlops_environment))
    policy = policy.model_copy(
        update={"gate": _tightened(policy.gate, option), "configured": loaded is not None}
    )
    version = settings.model.model_version() if settings.model is not None else None
    if option.mlops_model_version:
        if bare.gates is not None:
            refuse("--mlops-model-version", "names one model, but --mlops-config names several; leave it out")
        version = _read_version(bare.folder / option.mlops_model_version)
    artifact = _digest(folder, version)
    if version is not None:
        version = version.model_copy(update={"digest": None if artifact is None else artifact[1].digest})
    shown = None if loaded is None else os.path.relpath(loaded.path, bare.folder)
    return replace(
        bare,
        folder=folder,
        config=loaded,
        policy=policy,
        model_version=version,
        artifact=artifact,
        narrowing=narrowing_of(config, folder),
        provenance=bare.provenance.model_copy(update={"config": shown}),
    )


def _load(config: pytest.Config, bare: GateRun, checks: Mapping[str, type[Check]]) -> LoadedConfig | None:
    """Read the configuration that ``--mlops-config`` names, or the nearest one above what is tested."""
    if bare.named is not None:
        return load_config(bare.named, checks)
    folder = config.invocation_params.dir
    tested = [(folder / argument.partition("::")[0]).resolve() for argument in config.args]
    start = Path(os.path.commonpath(tested)) if tested else folder
    for candidate in (start, folder):
        found = find_config(candidate, _repository(config.rootpath))
        if found is not None:
            return load_config(found, checks)
    _refuse_misspelt(start if start.is_dir() else start.parent, folder)
    return None


def _refuse_misspelt(*folders: Path) -> None:
    """Refuse to run by the defaults beside a configuration whose name is nearly right."""
    for folder in folders:
        for path in sorted(folder.glob("*.y*ml")):
            if get_close_matches(path.name, CONFIG_NAMES, n=1, cutoff=0.8):
                refuse(str(path), "is not read; rename it to mlops.yaml, or name it with --mlops-config")


def _repository(root: Path) -> Path:
    """Return the folder of the repository that pytest's root lies in, or else that root.

    A pytest.ini below mlops.yaml must not hide it.
    """
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)


def _accepts_waived(settings: Config, environment: str | None) -> bool:
    if environment is None:
        return False
    if environment not in settings.environments:
        known = ", ".join(settings.environments) or "none"
        text = f"got {environment!r}; mlops.yaml declares {known}. Name one of them under environments:"
        refuse("--mlops-environment", text)
    return settings.environments[environment].accept_waived


def _tightened(gate: GateSettings, option: Any) -> GateSettings:
    """Apply thresholds from the command line, which can raise those of the file and never lower them."""
    names = ("min_pass_rate", "min_coverage", "min_quality_score")
    given = {name: getattr(option, f"mlops_{name}") for name in names}
    update = {name: max(getattr(gate, name), value) for name, value in given.items() if value is not None}
    return gate.model_copy(update=update)


def _read_version(path: Path) -> ModelVersion:
    source = "--mlops-model-version"
    try:
        return ModelVersion.model_validate_json(path.read_bytes())
    except OSError as error:
        text = f"cannot read {path}: {error.strerror or error}"
        refuse(source, text)
    except ValidationError as error:
        raise ConfigError(f"{source} {path}", problems_of(error)) from error


def _digest(folder: Path, version: ModelVersion | None) -> tuple[Path, ArtifactDigest] | None:
    if version is None or version.artifact_path is None:
        return None
    path = resolve_artifact(folder, version.artifact_path)
    return path, digest_artifact(path)
