"""Settling what a run is judged under, before its tests.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from pytest_mlops.ci.context import context_of, new_run_id
from pytest_mlops.ci.provenance import collect_provenance
from pytest_mlops.config.find import CONFIG_NAMES, find_config, overlooked_configs
from pytest_mlops.errors import ConfigError, refuse
from pytest_mlops.files import is_replaceable
from pytest_mlops.gate.narrowing import Narrowing, narrowing_of
from pytest_mlops.gate.run import GateRun
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.records.policy import GateSettings, Policy
from pytest_mlops.text import problems_of
from pytest_mlops.verdict import Context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_mlops.checks.base import Check
    from pytest_mlops.config.load import LoadedConfig
    from pytest_mlops.evidence.digest import ArtifactDigest

__all__ = ["bare_runs", "digest_model", "settle"]

RECORD_START = b'{"schema_version"'
"""How every record begins."""


def bare_runs(config: pytest.Config) -> list[GateRun]:
    """Return the run of each configuration, before any of them is read.

    With several, the record of ``models/a/mlops.yaml`` goes to ``models/a/`` below the folder that
    ``--mlops-result`` names a file in: so it is known before the configuration is read, which
    may be broken.

    Raises:
        ConfigError: a record would replace a file that is none, or two configurations lie in one folder.
    """
    bare = _bare_run(config)
    named = config.option.mlops_config or []
    if len(named) < 2:
        return [bare if not named else replace(bare, named=(bare.folder / named[0]).resolve())]
    runs: dict[Path, GateRun] = {}
    for name in named:
        path = (bare.folder / name).resolve()
        folder = path.parent
        if folder in runs:
            text = f"{name}: its folder has another configuration in this run; give each its own"
            refuse("--mlops-config", text)
        record = _result_path(bare.path.parent / _below(folder, bare.folder) / bare.path.name)
        runs[folder] = replace(bare, path=record, named=path, gates=folder)
    return list(runs.values())


def _bare_run(config: pytest.Config) -> GateRun:
    """Return what does not depend on the configuration."""
    option = config.option
    named = Context(option.mlops_context) if option.mlops_context else None
    folder = config.invocation_params.dir
    return GateRun(
        run_id=option.mlops_run_id or new_run_id(),
        path=_result_path(folder / option.mlops_result),
        folder=folder,
        context=context_of(named, os.environ),
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
            workers=len(getattr(config.option, "tx", None) or ()),
        ),
        started=datetime.now(UTC),
    )


def _result_path(path: Path) -> Path:
    """Refuse to replace a file that is no record; only a regular file is opened or replaced."""
    if not is_replaceable(path):
        refuse("--mlops-result", f"{path} is not a regular file; name a file of its own")
    try:
        with path.open("rb") as stream:
            found = stream.read(len(RECORD_START))
    except OSError:
        found = b""
    if found and found != RECORD_START:
        refuse("--mlops-result", f"{path} exists and is not a record; choose another file")
    return path.resolve()


def _below(folder: Path, start: Path) -> Path:
    """Return the folder seen from where the run was started, its steps upward turned into names."""
    parts = Path(os.path.relpath(folder, start.resolve())).parts
    return Path(*("up" if part == ".." else part for part in parts))


def settle(config: pytest.Config, bare: GateRun, checks: Mapping[str, type[Check]]) -> GateRun:
    """Complete a run's description with its configuration and the model's bytes.

    Args:
        config: pytest's configuration.
        bare: What is known of the run.
        checks: Checks that plugins provide, by name.

    Raises:
        ConfigError: an option or the configuration is wrong.
        ModelArtifactNotFound: the model's files are missing.
    """
    option = config.option
    loaded = _load(config, bare, checks)
    folder = bare.folder if loaded is None else loaded.path.parent
    policy = _policy(loaded, option.mlops_environment)
    policy = policy.model_copy(update={"gate": _tightened(policy.gate, option)})
    version = _version(option, bare, loaded)
    artifact = digest_model(folder, version)
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
        narrowing=narrowing_of(config),
        provenance=bare.provenance.model_copy(update={"config": shown}),
    )


def _load(config: pytest.Config, bare: GateRun, checks: Mapping[str, type[Check]]) -> LoadedConfig | None:
    """Read the configuration that ``--mlops-config`` names, or the nearest one above what is tested."""
    path = bare.named or _nearest(config)
    if path is None:
        return None
    from pytest_mlops.config.load import load_config  # noqa: PLC0415 -- YAML where there is some only

    return load_config(path, checks)


def _nearest(config: pytest.Config) -> Path | None:
    folder = config.invocation_params.dir
    tested = [(folder / argument.partition("::")[0]).resolve() for argument in config.args]
    start = Path(os.path.commonpath(tested)) if tested else folder
    for candidate in (start, folder):
        found = find_config(candidate, _repository(config.rootpath))
        if found is not None:
            return found
    _refuse_overlooked(start if start.is_dir() else start.parent, folder, config.rootpath)
    return None


def _refuse_overlooked(*folders: Path) -> None:
    """Refuse to run by the defaults near a configuration that lies below, or whose name is nearly right."""
    for path in overlooked_configs(folders):
        if path.name in CONFIG_NAMES:
            refuse(str(path), "is ignored, since it is below the tested folder; pass it with --mlops-config")
        refuse(str(path), "is ignored; rename it to mlops.yaml, or pass it with --mlops-config")


def _repository(root: Path) -> Path:
    """Return the folder of the repository that pytest's root lies in, or else that root.

    A pytest.ini below mlops.yaml must not hide it.
    """
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)


def _policy(loaded: LoadedConfig | None, environment: str | None) -> Policy:
    """Return the policy of the configuration; of none, the default one."""
    known = {} if loaded is None else loaded.config.environments
    if environment is not None and environment not in known:
        names = ", ".join(known) or "none"
        text = f"got {environment!r}; mlops.yaml declares {names}. Name one of them under environments:"
        refuse("--mlops-environment", text)
    if loaded is None:
        return Policy()
    accept_waived = environment is not None and known[environment].accept_waived
    return loaded.config.policy(accept_waived=accept_waived)


def _tightened(gate: GateSettings, option: Any) -> GateSettings:
    """Apply thresholds from the command line, which can raise those of the file and never lower them."""
    names = ("min_pass_rate", "min_coverage", "min_quality_score")
    given = {name: getattr(option, f"mlops_{name}") for name in names}
    update = {name: max(getattr(gate, name), value) for name, value in given.items() if value is not None}
    return gate.model_copy(update=update)


def _version(option: Any, bare: GateRun, loaded: LoadedConfig | None) -> ModelVersion | None:
    if not option.mlops_model_version:
        model = None if loaded is None else loaded.config.model
        return None if model is None else model.model_version()
    if bare.gates is not None:
        refuse("--mlops-model-version", "names one model, but --mlops-config names several; leave it out")
    return _read_version(bare.folder / option.mlops_model_version)


def _read_version(path: Path) -> ModelVersion:
    source = "--mlops-model-version"
    try:
        return ModelVersion.model_validate_json(path.read_bytes())
    except OSError as error:
        text = f"cannot read {path}: {error.strerror or error}"
        refuse(source, text)
    except ValidationError as error:
        raise ConfigError(f"{source} {path}", problems_of(error)) from error


def digest_model(folder: Path, version: ModelVersion | None) -> tuple[Path, ArtifactDigest] | None:
    """Return where the files of a version are, and their digest; ``None`` where it names none.

    Raises:
        ModelArtifactNotFound: they are missing, or lie outside ``folder``.
    """
    if version is None or version.artifact_path is None:
        return None
    from pytest_mlops.evidence.artifact import resolve_artifact  # noqa: PLC0415 -- where there is a model
    from pytest_mlops.evidence.digest import digest_artifact  # noqa: PLC0415 -- as above

    path = resolve_artifact(folder, version.artifact_path)
    return path, digest_artifact(path)
