"""The tables of the store, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = [
    "alias_moves",
    "aliases",
    "controls",
    "deployments",
    "integration_results",
    "journal",
    "leases",
    "lineage",
    "log",
    "log_head",
    "metadata",
    "model_versions",
    "monitored",
    "pins",
    "pointers",
    "projections",
    "version_tags",
]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts up by itself in a column that is INTEGER PRIMARY KEY to the letter, and in no other.
Id = BigInteger().with_variant(Integer, "sqlite")

# Times are seconds since the epoch, UTC: both engines keep a double exactly, and it sorts as it should.
# Bodies are JSON texts, written by our own codec, so that their bytes are the ones that were digested.

model_versions = Table(
    "model_versions",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("model_id", String(200), nullable=False),
    Column("version", String(200), nullable=False),
    Column("digest", String(64)),
    Column("parent", String(200)),
    Column("body", Text, nullable=False),
    Column("run_id", String(200)),
    Column("verdict", String(20)),
    Column("stored", Integer, nullable=False, default=0),
    Column("created_at", Double, nullable=False),
    Column("created_by", String(200), nullable=False),
    UniqueConstraint("model_id", "version"),
    Index(None, "model_id", "id", "created_at", "verdict"),
    Index(None, "digest"),
)
"""One row a registered version; ``body`` is its ModelVersion, ``stored`` whether its bytes are kept here."""

version_tags = Table(
    "version_tags",
    metadata,
    Column("version_id", Id, ForeignKey("model_versions.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", String(200), primary_key=True),
    Column("value", Text, nullable=False, default=""),
    Index(None, "tag", "version_id"),
)
"""Tags to find a version by; ``value`` is empty for those without one."""

lineage = Table(
    "lineage",
    metadata,
    Column("version_id", Id, ForeignKey("model_versions.id", ondelete="CASCADE"), primary_key=True),
    Column("relation", String(40), primary_key=True),
    Column("target", String(500), primary_key=True),
    Column("digest", String(64)),
)
"""What a version was made from: its parent version, data sets, code, each with a digest where known."""

aliases = Table(
    "aliases",
    metadata,
    Column("model_id", String(200), primary_key=True),
    Column("alias", String(200), primary_key=True),
    Column("version", String(200)),
    Column("revision", Integer, nullable=False),
    Column("updated_at", Double, nullable=False),
)
"""Where each alias points; without a version it was taken away. ``revision`` counts its moves from 1."""

alias_moves = Table(
    "alias_moves",
    metadata,
    Column("model_id", String(200), primary_key=True),
    Column("alias", String(200), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("previous", String(200)),
    Column("version", String(200)),
    Column("moved_at", Double, nullable=False),
    Column("moved_by", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence", String(200)),
)
"""Every move of every alias: who, when, why, and the run whose evidence it rests on."""

pins = Table(
    "pins",
    metadata,
    Column("holder", String(200), primary_key=True),
    Column("model_id", String(200), primary_key=True),
    Column("version", String(200), primary_key=True),
    Column("pinned_at", Double, nullable=False),
)
"""Versions that a holder such as a deployment depends on; retention leaves them alone."""

integration_results = Table(
    "integration_results",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("run_id", String(200), nullable=False, unique=True),
    Column("model_id", String(200)),
    Column("version", String(200)),
    Column("digest", String(64)),
    Column("verdict", String(20), nullable=False),
    Column("decision", String(20), nullable=False),
    Column("context", String(40), nullable=False),
    Column("coverage", Double),
    Column("pass_rate", Double),
    Column("quality_score", Double),
    Column("duration", Double, nullable=False),
    Column("timestamp", Double, nullable=False),
    Column("record_digest", String(64), nullable=False),
    Column("record", LargeBinary, nullable=False),
    Index(None, "model_id", "timestamp"),
    Index(None, "timestamp"),
)
"""History: one row a recorded run; ``record`` is its JSON, compressed."""

projections = Table(
    "projections",
    metadata,
    Column("server", String(500), primary_key=True),
    Column("model_id", String(200), primary_key=True),
    Column("alias", String(200), primary_key=True),
    Column("version", String(200)),
    Column("remote_version", String(200)),
    Column("revision", Integer, nullable=False),
    Column("projected_at", Double, nullable=False),
)
"""Aliases as they were last projected to another registry, to notice when another client moved them there."""

log = Table(
    "log",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("kind", String(80), nullable=False),
    Column("subject", String(500), nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index(None, "kind", "seq"),
    Index(None, "subject", "seq"),
)
"""The append-only log: ``hash`` is taken over the entry and the hash of the one before."""

log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)
"""One row: the last entry of the log. Locking it serialises writers."""

deployments = Table(
    "deployments",
    metadata,
    Column("deployment_id", String(240), primary_key=True),
    Column("environment", String(200), nullable=False),
    Column("number", Integer, nullable=False),
    Column("model_id", String(200), nullable=False),
    Column("version", String(200), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("run_id", String(200), nullable=False),
    Column("status", String(20), nullable=False),
    Column("message", Text, nullable=False, default=""),
    Column("wanted", Integer, nullable=False, default=0),
    Column("tries", Integer),
    Column("body", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    UniqueConstraint("environment", "number"),
    Index(None, "environment", "wanted"),
)
"""One row a deployment: ``body`` is its plan, ``wanted`` the number of replicas, ``tries`` the restart budget
that is left before it is rolled back (null: it is blessed)."""

pointers = Table(
    "pointers",
    metadata,
    Column("environment", String(200), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("stable", String(240)),
    Column("previous", String(240)),
    Column("weights", Text, nullable=False),
    Column("shadow", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("updated_at", Double, nullable=False),
)
"""What serves an environment: ``weights`` maps deployments to percent of the traffic, ``shadow`` to the share
of requests copied. A writer names the revision that it read, and a fence that is not old."""

leases = Table(
    "leases",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("holder", String(400), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("acquired_at", Double, nullable=False),
    Column("renewed_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
)
"""The holder that may change an environment, until when; ``fence`` counts the holders."""

journal = Table(
    "journal",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("environment", String(200), nullable=False),
    Column("deployment_id", String(240), nullable=False),
    Column("step", String(40), nullable=False),
    Column("phase", String(20), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("at", Double, nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "deployment_id", "id"),
)
"""Steps that were started and finished, in order; recovery reads only this."""

controls = Table(
    "controls",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("environment", String(200), nullable=False),
    Column("deployment_id", String(240), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("at", Double, nullable=False),
    Index(None, "deployment_id", "id"),
)
"""Commands to a rollout under way: promote, pause, resume, abort."""

monitored = Table(
    "monitored",
    metadata,
    Column("deployment_id", String(240), primary_key=True),
    Column("environment", String(200), nullable=False),
    Column("started_at", Double, nullable=False),
    Column("stopped_at", Double),
    Column("body", Text, nullable=False),
    Index(None, "environment", "started_at"),
)
"""Deployments that are monitored, since when, and the run whose numbers they are compared with."""
