"""Auto-rollback: a serving version whose replicas keep dying is rolled back, once per move of the pointer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError, NotRegistered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_mlops.rollout.manager import DeploymentManager
    from pytest_mlops.state.pointer import Pointer
    from pytest_mlops.targets.protocol import Replica, Target

__all__ = ["AutoRollback", "crash_loops"]


@dataclass(kw_only=True)
class AutoRollback:
    """Checks the version that serves, and rolls it back where its replicas keep dying.

    Where there is no rollback candidate, or the rollback fails, the version is restarted again and again.

    Attributes:
        target: Runs the version.
        manager: Makes what rolls back. It reads what the environment demands now: how often replicas may die
            in a row, whether a version is rolled back then at all, and which candidates may serve.
    """

    target: Target
    manager: Callable[[], DeploymentManager]
    _tried: int = 0

    def __call__(self, pointer: Pointer) -> None:
        """Check once.

        Raises:
            EvidenceError, NotRegistered: it keeps dying, and nothing can be rolled back to; once for each
                pointer.
            MLOpsError: something else was in the way, as another deployment; the next check tries again.
        """
        if pointer.stable is None or pointer.revision == self._tried:
            return
        replicas = self.target.replicas(pointer.stable)
        if not crash_loops(replicas, deaths=1):
            return
        manager = self.manager()
        rollout = manager.environment.rollout
        if not rollout.auto_rollback or not crash_loops(replicas, deaths=rollout.tries):
            return
        try:
            manager.rollback()
        except (EvidenceError, NotRegistered):
            self._tried = pointer.revision
            raise


def crash_loops(replicas: Sequence[Replica], *, deaths: int) -> bool:
    """Return whether every replica has died ``deaths`` times in a row or more, and none is ready.

    Of no replica nothing is known, and one that is ready serves.
    """
    return bool(replicas) and all(not replica.ready and replica.deaths >= deaths for replica in replicas)
