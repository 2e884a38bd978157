"""The store: what the registry, the evidence and the deployments keep, in SQLite or PostgreSQL."""

from importlib.util import find_spec

from pytest_mlops.errors import StoreError

if find_spec("sqlalchemy") is None or find_spec("alembic") is None:
    raise StoreError("the store needs SQLAlchemy and Alembic; install them: pip install 'pytest-mlops[ops]'")
