"""What an earlier supervisor left: replicas that nobody wants, and processes that nobody wrote down."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_mlops.serving.supervisor.draining import Departure
from pytest_mlops.serving.supervisor.processes import GATEWAY, SUPERVISOR, find_marked, read_json
from pytest_mlops.serving.supervisor.recorded import owned_of

if TYPE_CHECKING:
    from collections.abc import Collection

    import psutil

    from pytest_mlops.state.paths import Layout

__all__ = ["marked_as", "unknown", "unwanted"]

_GRACE = 10.0


def unwanted(
    layout: Layout, *, wanted: Collection[str], spared: Collection[str], now: float
) -> list[Departure]:
    """Return the replicas that have a file and that nobody wants; the files of dead ones are removed.

    Args:
        layout: Where the files lie.
        wanted: Names of the replicas that are.
        spared: Deployments that are left as they are.
        now: Seconds since the epoch.
    """
    found = []
    for path in layout.replicas.glob("[!.]*.json"):
        values = read_json(path) or {}
        deployment = str(values.get("deployment_id"))
        name = f"{deployment}.{values.get('index')}"
        ours = layout.replica(name) == path
        if ours and (name in wanted or deployment in spared):
            continue
        owned = owned_of(values, layout, deployment, name)
        if owned is None:
            path.unlink(missing_ok=True)
            continue
        found.append(
            Departure(
                name=name,
                owned=owned,
                left_behind=partial(marked_as, layout, name, str(values.get("port"))),
                path=path,
                grace=_grace_of(values),
                since=now,
            )
        )
    return found


def unknown(
    layout: Layout, *, known: Collection[tuple[str, str]], spared: Collection[str]
) -> list[psutil.Process]:
    """Return the processes of replicas that no file names, as where a supervisor died while it started one.

    Args:
        layout: Where the files lie.
        known: Name and port of replicas that need no file.
        spared: Deployments that are left as they are.
    """
    files = [read_json(path) or {} for path in layout.replicas.glob("[!.]*.json")]
    written = {(f"{each.get('deployment_id')}.{each.get('index')}", str(each.get("port"))) for each in files}
    return [
        each.process
        for each in find_marked(layout.root)
        if each.marker not in {GATEWAY, SUPERVISOR, *spared}
        and (each.replica, each.port) not in {*known, *written}
    ]


def marked_as(layout: Layout, replica: str, port: str) -> list[psutil.Process]:
    """Return the processes that carry the marks of one start of a replica, orphans too."""
    found = find_marked(layout.root)
    return [each.process for each in found if (each.replica, each.port) == (replica, port)]


def _grace_of(values: dict[str, Any]) -> float:
    grace = values.get("stop_grace")
    return float(grace) if isinstance(grace, int | float) and grace >= 0 else _GRACE
