"""Lineage links from our versions to their counterparts on an MLflow server."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from sqlalchemy import delete, select

from pytest_mlops.errors import ConflictError
from pytest_mlops.registry.entries import Link
from pytest_mlops.registry.lineage import keep_links, links_of
from pytest_mlops.store.schema import lineage, model_versions

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from pytest_mlops.registry.entries import VersionEntry

__all__ = ["RELATION", "check_name_there", "link_to", "name_there", "set_link", "version_there"]

RELATION = "mlflow"
"""The relation of a version to the one that stands for it on an MLflow server."""


def link_to(server: str, name: str, version: str, *, digest: str | None) -> Link:
    """Return the link to a version's page on a server."""
    return Link(
        relation=RELATION, target=f"{_models(server)}{quote(name, safe='')}/versions/{version}", digest=digest
    )


def version_there(connection: Connection, entry: VersionEntry, server: str) -> tuple[str, str] | None:
    """Return the name and version that stand for a version of ours on a server, or ``None``."""
    pages = (link.target for link in links_of(connection, entry.number) if link.relation == RELATION)
    return next((found for page in pages if (found := _read(page, server)) is not None), None)


def set_link(connection: Connection, number: int, server: str, link: Link) -> None:
    """Link a version of ours to one version on a server, instead of any other there."""
    connection.execute(
        delete(lineage).where(
            lineage.c.version_id == number,
            lineage.c.relation == RELATION,
            lineage.c.target.startswith(_models(server), autoescape=True),
        )
    )
    keep_links(connection, number, [link])


def name_there(connection: Connection, model_id: str, server: str) -> str | None:
    """Return what a model of ours is called on a server; ``None`` where no version of it is there."""
    query = (
        select(lineage.c.target)
        .join(model_versions, model_versions.c.id == lineage.c.version_id)
        .where(
            model_versions.c.model_id == model_id,
            lineage.c.relation == RELATION,
            lineage.c.target.startswith(_models(server), autoescape=True),
        )
        .order_by(model_versions.c.id.desc())
        .limit(1)
    )
    page = connection.scalar(query)
    found = None if page is None else _read(page, server)
    return None if found is None else found[0]


def check_name_there(connection: Connection, model_id: str, server: str, name: str) -> None:
    """Refuse a second name for a model on one server: its aliases would collide.

    Raises:
        ConflictError: other versions of the model have another name there.
    """
    known = name_there(connection, model_id, server)
    if known is not None and known != name:
        raise ConflictError(f"{model_id} is {known} on {server}, not {name}; use one name per server")


def _models(server: str) -> str:
    return f"{server}/#/models/"


def _read(page: str, server: str) -> tuple[str, str] | None:
    if not page.startswith(_models(server)):
        return None
    name, _, version = page.removeprefix(_models(server)).partition("/versions/")
    return unquote(name), version
