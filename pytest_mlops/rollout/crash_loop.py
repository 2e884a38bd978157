"""Whether a version that serves keeps dying. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.targets.protocol import Replica

__all__ = ["crash_loops"]


def crash_loops(replicas: Sequence[Replica], *, tries: int) -> bool:
    """Tell whether every replica has died ``tries`` times in a row or more, and none is ready.

    Of no replica nothing is known, and one that is ready serves.
    """
    return bool(replicas) and all(not replica.ready and replica.deaths >= tries for replica in replicas)
