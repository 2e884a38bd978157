"""Migrations of the store's tables, one file a revision, applied in the order of their numbers."""

REVISION_TABLE = "store_revision"
"""Where a store keeps its revision; not Alembic's usual name, so that two programs can share a database."""
