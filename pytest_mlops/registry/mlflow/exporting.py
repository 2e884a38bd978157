"""Exports a version as a version of a registered model on an MLflow server."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlops.errors import ConflictError, HttpError, NotRegistered, StoreError
from pytest_mlops.registry.mlflow import artifacts
from pytest_mlops.registry.mlflow.links import (
    check_name_there,
    link_to,
    name_there,
    set_link,
    version_there,
)
from pytest_mlops.store.log import append, take_write_lock

if TYPE_CHECKING:
    from pytest_mlops.registry.entries import VersionEntry
    from pytest_mlops.registry.mlflow.client import MlflowClient
    from pytest_mlops.registry.mlflow.resources import RemoteVersion
    from pytest_mlops.registry.registry import Registry

__all__ = ["EXPERIMENT", "Exported", "export_version", "tags_of"]

EXPERIMENT = "pytest-mlops"
"""The experiment on the server whose runs hold the files of exported versions."""
TAG = "pytest_mlops."


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """What an export came to.

    Attributes:
        name: The registered model on the server.
        version: The version there.
        source: Where its files lie.
        created: False where it was there already, and its tags were brought up to date.
    """

    name: str
    version: str
    source: str
    created: bool


def tags_of(entry: VersionEntry) -> dict[str, str]:
    """Return the tags of a version on the server: its name here, digest, verdict and run."""
    values = {
        "model": entry.model_id,
        "version": entry.version_id,
        "digest": entry.digest,
        "verdict": entry.result,
        "run_id": entry.run_id,
    }
    return {f"{TAG}{name}": value for name, value in values.items() if value is not None}


def export_version(
    registry: Registry,
    client: MlflowClient,
    entry: VersionEntry,
    *,
    name: str | None = None,
    source: str | None = None,
) -> Exported:
    """Create a version on the server that stands for one of ours; a second time, update its tags.

    Args:
        registry: Ours.
        client: The server.
        entry: The version.
        name: What the model is called there; by default as it was, else as here.
        source: Where its files lie for MLflow, as ``s3://bucket/models/7``; by default the files that are
            kept here are put into a run on the server.

    Raises:
        ConflictError: the version that stands for it there is of other bytes; or the model has another name.
        HttpError: the server cannot be reached or refuses.
        StoreError: its files are not stored here and no source is named, or something could not be read.
    """
    with registry.store.read() as connection:
        named = name or name_there(connection, entry.model_id, client.server) or entry.model_id
        check_name_there(connection, entry.model_id, client.server, named)
        linked = version_there(connection, entry, client.server)
    there = _find(client, entry, named, linked)
    if there is not None:
        _bring_up_to_date(client, entry, there)
        _remember(registry, client.server, entry, there, created=False)
        return Exported(name=there.name, version=there.version, source=there.source, created=False)
    client.create_model(named)
    run_id = None
    if source is None:
        source, run_id = _put_files(registry, client, entry)
    created = client.create_version(
        named,
        source=source,
        run_id=run_id,
        tags=tags_of(entry),
        description=f"{entry.model_id} {entry.version_id}, registered with pytest-mlops",
    )
    _remember(registry, client.server, entry, created, created=True)
    return Exported(name=created.name, version=created.version, source=created.source or source, created=True)


def _find(
    client: MlflowClient, entry: VersionEntry, name: str, linked: tuple[str, str] | None
) -> RemoteVersion | None:
    """Return what stands for ``entry`` there: the version linked to, else one tagged with its name."""
    if linked is not None:
        try:
            return client.version(*linked)
        except NotRegistered:  # it was deleted there
            return None
    expected = (entry.model_id, entry.version_id)
    found = [
        one for one in client.versions(name) if (one.tag(f"{TAG}model"), one.tag(f"{TAG}version")) == expected
    ]
    return found[0] if found else None


def _bring_up_to_date(client: MlflowClient, entry: VersionEntry, there: RemoteVersion) -> None:
    digest = there.tag(f"{TAG}digest")
    if digest is not None and digest != entry.digest:
        raise ConflictError(
            f"version {there.version} of {there.name} on {client.server} is tagged with the digest "
            f"{digest[:64]}, and {entry.model_id} {entry.version_id} has {entry.digest}; the tag was "
            "changed there, or other bytes were exported under this name"
        )
    for key, value in tags_of(entry).items():
        if there.tag(key) != value:
            client.set_version_tag(there.name, there.version, key, value)


def _put_files(registry: Registry, client: MlflowClient, entry: VersionEntry) -> tuple[str, str]:
    """Put the kept files into a run on the server; return where they lie, and the run."""
    if not entry.stored or entry.digest is None or registry.artifacts is None:
        raise StoreError(
            f"the files of {entry.model_id} {entry.version_id} are not stored here; set --source to where "
            "MLflow finds them"
        )
    at = int(registry.clock().timestamp() * 1000)
    with tempfile.TemporaryDirectory(prefix="mlops-export-") as temporary:
        folder = registry.artifacts.get(entry.digest, Path(temporary, "model"))
        experiment = client.experiment(EXPERIMENT)
        run_name = f"{entry.model_id} {entry.version_id}"
        run = client.create_run(experiment, name=run_name, at=at, tags=tags_of(entry))
        if not artifacts.is_served(run.info.artifact_uri):
            raise HttpError(
                f"{client.server} keeps files at {run.info.artifact_uri[:200]} and does not accept them over "
                "HTTP; upload them yourself, and set --source to their location"
            )
        source = f"{run.info.artifact_uri.rstrip('/')}/model"
        names = [file.name for file in registry.artifacts.manifest(entry.digest).files]
        artifacts.put(client.http, source, folder, names)
    client.finish_run(run.info.run_id, at=int(registry.clock().timestamp() * 1000))
    return source, run.info.run_id


def _remember(
    registry: Registry, server: str, entry: VersionEntry, there: RemoteVersion, *, created: bool
) -> None:
    actor, at = registry.actor, registry.clock()
    with registry.store.write() as connection:
        take_write_lock(connection)
        known = version_there(connection, entry, server)
        if known == (there.name, there.version) and not created:
            return
        link = link_to(server, there.name, there.version, digest=entry.digest)
        set_link(connection, entry.number, server, link)
        append(
            connection,
            kind="mlflow-export",
            subject=f"{entry.model_id}/{entry.version_id}",
            body={
                "server": server,
                "name": there.name,
                "version": there.version,
                "source": there.source,
                "digest": entry.digest,
                "verdict": entry.result,
                "run_id": entry.run_id,
            },
            actor=actor,
            at=at,
        )
