"""Files about processes, held against the processes: what they name is ours only if it says so itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_mlops.serving.supervisor.processes import Identity, Owned, read_marks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_mlops.state.paths import Layout

__all__ = ["owned_of"]


def owned_of(
    values: Mapping[str, Any] | None, layout: Layout, marker: str, replica: str = ""
) -> Owned | None:
    """Return the process that a file names; ``None`` where it is gone, or another has its number now.

    Args:
        values: The file's.
        layout: Of the environment that it has to belong to.
        marker: What it has to carry as its marker.
        replica: The replica that it has to be; its port has to be the file's then.
    """
    identity = Identity.of(values)
    process = None if identity is None else identity.process()
    if identity is None or process is None:
        return None
    found = read_marks(process, layout.root)
    if found is None or found.marker != marker or found.replica != replica:
        return None
    if replica and found.port != str((values or {}).get("port")):
        return None
    return Owned(process=process, identity=identity)
