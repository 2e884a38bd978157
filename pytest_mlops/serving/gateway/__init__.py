"""The gateway: the one address that clients talk to, whichever version answers."""

from importlib.util import find_spec

from pytest_mlops.errors import TaskError

_missing = [
    name
    for name in ("httptools", "prometheus_client", "psutil", "pyarrow", "uvicorn")
    if find_spec(name) is None
]
if _missing:
    raise TaskError(
        f"the gateway needs {', '.join(_missing)}; install what it needs: pip install 'pytest-mlops[ops]'"
    )
