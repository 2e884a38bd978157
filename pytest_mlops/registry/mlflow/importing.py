"""Imports a registered model version of an MLflow server."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pytest_mlops.errors import ConflictError, InvalidMetadata, NotRegistered
from pytest_mlops.evidence.digest import digest_artifact
from pytest_mlops.records.model import ModelMetadata, ModelMetrics, ModelVersion
from pytest_mlops.registry import versions
from pytest_mlops.registry.mlflow import artifacts
from pytest_mlops.registry.mlflow.links import check_name_there, link_to, version_there
from pytest_mlops.registry.naming import split_tag
from pytest_mlops.store.log import append, take_write_lock
from pytest_mlops.text import describe_problems

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from pytest_mlops.registry.entries import Registration
    from pytest_mlops.registry.mlflow.client import MlflowClient
    from pytest_mlops.registry.mlflow.resources import Metric, Pair, RemoteRun, RemoteVersion
    from pytest_mlops.registry.registry import Registry

__all__ = ["Imported", "import_version"]

INTERNAL = "mlflow."
"""What MLflow's own tags begin with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What an import came to.

    Attributes:
        registration: The version as it is registered here.
        name: Its registered model on the server.
        version: Its version there.
        left_out: What the server has and a version here cannot hold, a message each.
    """

    registration: Registration
    name: str
    version: str
    left_out: tuple[str, ...]


def import_version(
    registry: Registry,
    client: MlflowClient,
    name: str,
    version: str,
    *,
    model_id: str | None = None,
    version_id: str | None = None,
    download: bool = False,
) -> Imported:
    """Register a version of an MLflow server here; to do it again changes nothing.

    Metrics of its run become declared metrics, which the gate never counts as measured.

    Args:
        registry: Where.
        client: The server.
        name: The registered model.
        version: Its version, or ``@ALIAS`` for the one that an alias points to there.
        model_id: What the model is called here; by default as there.
        version_id: What the version is called here; by default as there.
        download: Fetch its files too: the digest is taken of them, and they are kept.

    Raises:
        ConflictError: the name is taken by something else.
        HttpError: the server cannot be reached or refuses, or does not serve the files.
        InvalidMetadata: a name that ours cannot be.
        NotRegistered: the server has no such version.
        StoreError: something could not be written.
    """
    number = _resolve(client, name, version)
    remote = client.version(name, number)
    run = client.run(remote.run_id) if remote.run_id else None
    ours, left_out = _describe(remote, run, model_id=model_id or name, version_id=version_id or number)
    with registry.store.read() as connection:
        check_name_there(connection, ours.model_id, client.server, name)
    digest = _download(registry, client, remote) if download else None
    registration = _register(registry, client.server, remote, ours.model_copy(update={"digest": digest}))
    return Imported(registration=registration, name=name, version=number, left_out=tuple(left_out))


def _resolve(client: MlflowClient, name: str, version: str) -> str:
    if not version.startswith("@"):
        return version
    found = client.model(name).version_of(version[1:])
    if found is None:
        raise NotRegistered(f"{name} has no alias {version[1:]} on {client.server}")
    return found


def _download(registry: Registry, client: MlflowClient, remote: RemoteVersion) -> str:
    """Fetch and keep the files of a version; return their digest."""
    uri = client.artifact_uri(remote.name, remote.version)
    with tempfile.TemporaryDirectory(prefix="mlops-import-") as temporary:
        folder = Path(temporary, "model")
        artifacts.fetch(client.http, uri, folder)
        if registry.artifacts is None:
            return digest_artifact(folder).digest
        return registry.artifacts.put(folder).digest


def _register(registry: Registry, server: str, remote: RemoteVersion, ours: ModelVersion) -> Registration:
    actor, at = registry.actor, registry.clock()
    link = link_to(server, remote.name, remote.version, digest=ours.digest)
    stored = ours.digest is not None and registry.artifacts is not None
    with registry.store.write() as connection:
        take_write_lock(connection)
        _refuse_second(connection, server, remote, ours)
        done = versions.register(connection, ours, links=[link], stored=stored, actor=actor, at=at)
        if done.created:
            append(
                connection,
                kind="mlflow-import",
                subject=f"{ours.model_id}/{ours.version_id}",
                body={
                    "server": server,
                    "name": remote.name,
                    "version": remote.version,
                    "run_id": remote.run_id or None,
                    "source": remote.source,
                    "digest": ours.digest,
                },
                actor=actor,
                at=at,
            )
    return done


def _refuse_second(connection: Connection, server: str, remote: RemoteVersion, ours: ModelVersion) -> None:
    there = versions.find_version(connection, ours.model_id, ours.version_id)
    known = None if there is None else version_there(connection, there, server)
    if known is not None and known != (remote.name, remote.version):
        raise ConflictError(
            f"{ours.model_id} {ours.version_id} is linked to version {known[1]} of {known[0]} on {server}, "
            f"not to {remote.version}; import it under another version id"
        )


def _describe(
    remote: RemoteVersion, run: RemoteRun | None, *, model_id: str, version_id: str
) -> tuple[ModelVersion, list[str]]:
    left_out: list[str] = []
    metadata = ModelMetadata()
    if run is not None:
        metadata = ModelMetadata(
            metrics=_metrics(run.data.metrics, left_out),
            hyperparameters=_numbers(run.data.params, left_out),
        )
    elif remote.run_id:
        left_out.append(f"metrics and parameters: the server no longer has run {remote.run_id}")
    try:
        ours = ModelVersion(
            model_id=model_id,
            version_id=version_id,
            metadata=metadata,
            created_at=remote.created_at,
            tags=_tags(remote.tags, left_out),
        )
    except ValidationError as error:
        raise InvalidMetadata(
            f"{remote.name} {remote.version} cannot be a version here: {describe_problems(error)}"
        ) from error
    return ours, left_out


def _metrics(logged: Iterable[Metric], left_out: list[str]) -> ModelMetrics:
    """Declare metrics: those with a field of their own where their values fit it, else under ``other``."""
    known: dict[str, float | int] = {}
    other: dict[str, float] = {}
    for metric in logged:
        value: float | int = metric.value
        if not math.isfinite(value):
            left_out.append(f"metric {metric.key[:80]}: its value is {value}")
            continue
        if metric.key == "model_size" and float(value).is_integer():
            value = int(value)
        if metric.key in ModelMetrics.model_fields and metric.key != "other" and _fits(metric.key, value):
            known[metric.key] = value
        else:
            other[metric.key] = float(value)
    return ModelMetrics.model_validate({**known, "other": other})


def _fits(field: str, value: float) -> bool:
    try:
        ModelMetrics.model_validate({field: value})
    except ValidationError:
        return False
    return True


def _numbers(params: Iterable[Pair], left_out: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for pair in params:
        try:
            value = float(pair.value)
        except ValueError:
            value = math.nan
        if math.isfinite(value):
            found[pair.key] = value
        else:
            left_out.append(f"parameter {pair.key[:80]}: {pair.value[:80]!r} is not a number")
    return found


def _tags(pairs: Iterable[Pair], left_out: list[str]) -> tuple[str, ...]:
    found = []
    for pair in pairs:
        if pair.key.startswith(INTERNAL):
            continue
        try:
            name, value = split_tag(f"{pair.key}={pair.value}")
        except InvalidMetadata as error:
            left_out.append(f"tag {pair.key[:80]!r}: {error}")
            continue
        if name != pair.key:
            left_out.append(f"tag {pair.key[:80]!r}: a name here has no '='")
            continue
        found.append(f"{name}={value}" if value else name)
    return tuple(found)
