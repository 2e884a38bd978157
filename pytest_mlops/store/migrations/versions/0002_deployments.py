"""Tables of deployments: pointers, leases, journal, controls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables of deployments."""
    _make_deployments()
    _make_pointers()
    _make_leases()
    _make_journal()
    _make_controls()
    _make_monitored()


def _make_deployments() -> None:
    op.create_table(
        "deployments",
        sa.Column("deployment_id", sa.String(length=240), nullable=False),
        sa.Column("environment", sa.String(length=200), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.String(length=200), nullable=False),
        sa.Column("version", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("run_id", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer()),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("deployment_id", name=op.f("pk_deployments")),
        sa.UniqueConstraint("environment", "number", name=op.f("uq_deployments_environment_number")),
    )
    op.create_index(op.f("ix_deployments_environment_wanted"), "deployments", ["environment", "wanted"])


def _make_pointers() -> None:
    op.create_table(
        "pointers",
        sa.Column("environment", sa.String(length=200), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("stable", sa.String(length=240)),
        sa.Column("previous", sa.String(length=240)),
        sa.Column("weights", sa.Text(), nullable=False),
        sa.Column("shadow", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("environment", name=op.f("pk_pointers")),
    )


def _make_leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("holder", sa.String(length=400), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("acquired_at", sa.Double(), nullable=False),
        sa.Column("renewed_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )


def _make_journal() -> None:
    op.create_table(
        "journal",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("environment", sa.String(length=200), nullable=False),
        sa.Column("deployment_id", sa.String(length=240), nullable=False),
        sa.Column("step", sa.String(length=40), nullable=False),
        sa.Column("phase", sa.String(length=20), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
    )
    op.create_index(op.f("ix_journal_deployment_id_id"), "journal", ["deployment_id", "id"])


def _make_controls() -> None:
    op.create_table(
        "controls",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("environment", sa.String(length=200), nullable=False),
        sa.Column("deployment_id", sa.String(length=240), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_controls")),
    )
    op.create_index(op.f("ix_controls_deployment_id_id"), "controls", ["deployment_id", "id"])


def _make_monitored() -> None:
    op.create_table(
        "monitored",
        sa.Column("deployment_id", sa.String(length=240), nullable=False),
        sa.Column("environment", sa.String(length=200), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("stopped_at", sa.Double()),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("deployment_id", name=op.f("pk_monitored")),
    )
    op.create_index(op.f("ix_monitored_environment_started_at"), "monitored", ["environment", "started_at"])
