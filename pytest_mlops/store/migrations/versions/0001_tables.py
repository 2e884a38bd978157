"""The first tables: versions, aliases, results and the log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables and the head of an empty log."""
    _make_versions()
    _make_aliases()
    _make_results()
    _make_log()


def _make_versions() -> None:
    op.create_table(
        "model_versions",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("model_id", sa.String(length=200), nullable=False),
        sa.Column("version", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64)),
        sa.Column("parent", sa.String(length=200)),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("run_id", sa.String(length=200)),
        sa.Column("verdict", sa.String(length=20)),
        sa.Column("stored", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_versions")),
        sa.UniqueConstraint("model_id", "version", name=op.f("uq_model_versions_model_id_version")),
    )
    op.create_index(op.f("ix_model_versions_digest"), "model_versions", ["digest"])
    op.create_index(
        op.f("ix_model_versions_model_id_id_created_at_verdict"),
        "model_versions",
        ["model_id", "id", "created_at", "verdict"],
    )
    op.create_table(
        "version_tags",
        sa.Column("version_id", ID, nullable=False),
        sa.Column("tag", sa.String(length=200), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["model_versions.id"], name=op.f("fk_version_tags_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", "tag", name=op.f("pk_version_tags")),
    )
    op.create_index(op.f("ix_version_tags_tag_version_id"), "version_tags", ["tag", "version_id"])
    op.create_table(
        "lineage",
        sa.Column("version_id", ID, nullable=False),
        sa.Column("relation", sa.String(length=40), nullable=False),
        sa.Column("target", sa.String(length=500), nullable=False),
        sa.Column("digest", sa.String(length=64)),
        sa.ForeignKeyConstraint(
            ["version_id"], ["model_versions.id"], name=op.f("fk_lineage_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", "relation", "target", name=op.f("pk_lineage")),
    )
    op.create_table(
        "pins",
        sa.Column("holder", sa.String(length=200), nullable=False),
        sa.Column("model_id", sa.String(length=200), nullable=False),
        sa.Column("version", sa.String(length=200), nullable=False),
        sa.Column("pinned_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("holder", "model_id", "version", name=op.f("pk_pins")),
    )


def _make_aliases() -> None:
    op.create_table(
        "aliases",
        sa.Column("model_id", sa.String(length=200), nullable=False),
        sa.Column("alias", sa.String(length=200), nullable=False),
        sa.Column("version", sa.String(length=200)),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("model_id", "alias", name=op.f("pk_aliases")),
    )
    op.create_table(
        "alias_moves",
        sa.Column("model_id", sa.String(length=200), nullable=False),
        sa.Column("alias", sa.String(length=200), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("previous", sa.String(length=200)),
        sa.Column("version", sa.String(length=200)),
        sa.Column("moved_at", sa.Double(), nullable=False),
        sa.Column("moved_by", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.String(length=200)),
        sa.PrimaryKeyConstraint("model_id", "alias", "revision", name=op.f("pk_alias_moves")),
    )
    op.create_table(
        "projections",
        sa.Column("server", sa.String(length=500), nullable=False),
        sa.Column("model_id", sa.String(length=200), nullable=False),
        sa.Column("alias", sa.String(length=200), nullable=False),
        sa.Column("version", sa.String(length=200)),
        sa.Column("remote_version", sa.String(length=200)),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("projected_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("server", "model_id", "alias", name=op.f("pk_projections")),
    )


def _make_results() -> None:
    op.create_table(
        "integration_results",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("run_id", sa.String(length=200), nullable=False),
        sa.Column("model_id", sa.String(length=200)),
        sa.Column("version", sa.String(length=200)),
        sa.Column("digest", sa.String(length=64)),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("decision", sa.String(length=20), nullable=False),
        sa.Column("context", sa.String(length=40), nullable=False),
        sa.Column("coverage", sa.Double()),
        sa.Column("pass_rate", sa.Double()),
        sa.Column("quality_score", sa.Double()),
        sa.Column("duration", sa.Double(), nullable=False),
        sa.Column("timestamp", sa.Double(), nullable=False),
        sa.Column("record_digest", sa.String(length=64), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_integration_results")),
        sa.UniqueConstraint("run_id", name=op.f("uq_integration_results_run_id")),
    )
    op.create_index(
        op.f("ix_integration_results_model_id_timestamp"), "integration_results", ["model_id", "timestamp"]
    )
    op.create_index(op.f("ix_integration_results_timestamp"), "integration_results", ["timestamp"])


def _make_log() -> None:
    op.create_table(
        "log",
        sa.Column("seq", ID, autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=500), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_log")),
    )
    op.create_index(op.f("ix_log_kind_seq"), "log", ["kind", "seq"])
    op.create_index(op.f("ix_log_subject_seq"), "log", ["subject", "seq"])
    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_head")),
    )
    op.execute(sa.text("INSERT INTO log_head (id, seq, hash) VALUES (1, 0, :none)").bindparams(none="0" * 64))
