"""Runs migrations on the connection that the store gives to Alembic, inside its transaction."""

from __future__ import annotations

from alembic import context

from pytest_mlops.store.migrations import REVISION_TABLE
from pytest_mlops.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=REVISION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
