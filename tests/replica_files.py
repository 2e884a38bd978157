"""Files of replicas, as a supervisor writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_mlops.serving.run_files import ReplicaFile
from pytest_mlops.serving.versioned import save

if TYPE_CHECKING:
    from pytest_mlops.state.paths import Layout

__all__ = ["write_replica"]


def write_replica(layout: Layout, deployment_id: str, **changes: Any) -> None:
    """Write the file of a deployment's first replica, which has no process where ``changes`` name none."""
    values = {
        "index": 0,
        "pid": None,
        "process_start": None,
        "host": "127.0.0.1",
        "port": 1,
        "started_at": 1.0,
        "restarts": 0,
        "deaths": 0,
        "alive": True,
        "ready": True,
        "was_ready": True,
        "message": "",
        "death": "",
        "stop_grace": 1.0,
        **changes,
    }
    file = ReplicaFile(deployment_id=deployment_id, **values)
    save(layout.replica(file.name), file)
