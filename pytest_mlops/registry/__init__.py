"""The registry of model versions."""

from importlib.util import find_spec

from pytest_mlops.errors import StoreError

_NEEDED = ("sqlalchemy", "alembic", "fsspec", "packaging", "cryptography")

if _missing := [name for name in _NEEDED if find_spec(name) is None]:
    raise StoreError(
        f"the registry needs {', '.join(_missing)}; install what it needs: pip install 'pytest-mlops[ops]'"
    )
