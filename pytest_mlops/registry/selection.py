"""The statements that read versions."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, null, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from pytest_mlops.store.prepared import Prepared
from pytest_mlops.store.schema import aliases, model_versions, version_tags

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler

__all__ = ["BY_ALIAS", "BY_NAME", "TAGS_BETWEEN", "listing"]


class _Joined(FunctionElement[str]):
    """The texts of a group in one, with a separator between them."""

    type = Text()
    inherit_cache = True


@compiles(_Joined, "sqlite")
def _sqlite(element: _Joined, compiler: SQLCompiler, **options: Any) -> str:
    return f"group_concat({compiler.process(element.clauses, **options)})"


@compiles(_Joined, "postgresql")
def _postgresql(element: _Joined, compiler: SQLCompiler, **options: Any) -> str:
    return f"string_agg({compiler.process(element.clauses, **options)})"


_versions = model_versions.c
_tags = (
    select(
        _Joined(
            version_tags.c.tag + bindparam("between", "\x1f", type_=Text()) + version_tags.c.value,
            bindparam("separator", "\x1e", type_=Text()),
        )
    )
    .where(version_tags.c.version_id == _versions.id)
    .correlate(model_versions)
    .scalar_subquery()
)
# In the order of VersionEntry's fields.
_COLUMNS = (
    _versions.id,
    _versions.model_id,
    _versions.version,
    _versions.digest,
    _versions.parent,
    _versions.body,
    _versions.run_id,
    _versions.verdict,
    _versions.stored,
    _versions.created_at,
    _versions.created_by,
)
_SELECT = select(*_COLUMNS, _tags)

TAGS_BETWEEN = Prepared(
    select(version_tags.c.version_id, version_tags.c.tag, version_tags.c.value).where(
        version_tags.c.version_id.between(bindparam("first"), bindparam("last"))
    )
)
"""The tags of versions by a range of their numbers: for a page less work than a query a row."""

BY_NAME = Prepared(
    _SELECT.where(_versions.model_id == bindparam("model_id"), _versions.version == bindparam("version"))
)
BY_ALIAS = Prepared(
    _SELECT.join(
        aliases, (aliases.c.model_id == _versions.model_id) & (aliases.c.version == _versions.version)
    ).where(aliases.c.model_id == bindparam("model_id"), aliases.c.alias == bindparam("alias"))
)

_tagged = version_tags.alias("tagged")
_pointed = model_versions.alias("pointed")
_FILTERS = {
    "model_id": _versions.model_id == bindparam("model_id"),
    "verdict": _versions.verdict == bindparam("verdict"),
    "since": _versions.created_at >= bindparam("since"),
    "before": _versions.created_at < bindparam("before"),
    "tag": _tagged.c.tag == bindparam("tag"),
    "tag_value": _tagged.c.value == bindparam("tag_value"),
    "alias": _versions.id.in_(
        select(_pointed.c.id)
        .join(
            aliases, (aliases.c.model_id == _pointed.c.model_id) & (aliases.c.version == _pointed.c.version)
        )
        .where(aliases.c.alias == bindparam("alias"))
    ),
}


@lru_cache(maxsize=512)
def listing(filters: frozenset[str]) -> Prepared:
    """Return the statement that lists versions, newest first, under filters by these names, and ``count``.

    Their tags are left empty; see :data:`TAGS_BETWEEN`.
    """
    query, number = select(*_COLUMNS, null()), _versions.id
    if "tag" in filters:
        # Their index is in the order of the list, so a page of a rare tag costs no more than one of a common.
        number = _tagged.c.version_id
        query = query.join(_tagged, number == _versions.id)
    conditions = [_FILTERS[name] for name in sorted(filters - {"cursor"})]
    if "cursor" in filters:
        conditions.append(number < bindparam("cursor"))
    return Prepared(query.where(*conditions).order_by(number.desc()).limit(bindparam("count")))
