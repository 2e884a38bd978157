"""Versions and aliases of a project's registry and of an MLflow server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.operations.registry import open_project_registry
from pytest_mlops.registry.mlflow import exporting, importing, projection
from pytest_mlops.registry.mlflow.client import connect

if TYPE_CHECKING:
    from pytest_mlops.operations.project import Project
    from pytest_mlops.registry.mlflow.exporting import Exported
    from pytest_mlops.registry.mlflow.importing import Imported
    from pytest_mlops.registry.mlflow.projection import AliasComparison

__all__ = ["export_version", "import_version", "project_alias", "reconcile_aliases"]


def import_version(
    project: Project,
    name: str,
    version: str,
    *,
    server: str | None,
    model_id: str | None = None,
    version_id: str | None = None,
    download: bool = False,
) -> Imported:
    """Register a version of a server; see :func:`pytest_mlops.registry.mlflow.importing.import_version`.

    ``server`` is an address; ``None``: ``$MLFLOW_TRACKING_URI``.
    """
    with connect(server) as client, open_project_registry(project, create=True) as registry:
        return importing.import_version(
            registry, client, name, version, model_id=model_id, version_id=version_id, download=download
        )


def export_version(
    project: Project,
    model: str,
    version: str,
    *,
    server: str | None,
    name: str | None = None,
    source: str | None = None,
) -> Exported:
    """Create a version on a server; see :func:`pytest_mlops.registry.mlflow.exporting.export_version`."""
    with connect(server) as client, open_project_registry(project) as registry:
        entry = registry.get(model, version)
        return exporting.export_version(registry, client, entry, name=name, source=source)


def project_alias(
    project: Project, model: str, alias: str, *, server: str | None, restore: bool = False
) -> AliasComparison:
    """Point an alias on a server to where ours points; see ``registry.mlflow.projection.project``."""
    with connect(server) as client, open_project_registry(project) as registry:
        return projection.project(registry, client, model, alias, restore=restore)


def reconcile_aliases(
    project: Project, model: str | None = None, *, server: str | None, restore: bool = False
) -> tuple[str, tuple[AliasComparison, ...]]:
    """Compare the aliases on a server with ours; return the server's address and what was found."""
    with connect(server) as client, open_project_registry(project) as registry:
        return client.server, tuple(projection.reconcile(registry, client, model, restore=restore))
