"""Takes back a version that serves and whose replicas keep dying, once for each move of the pointer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError, NotRegistered
from pytest_mlops.rollout.crash_loop import crash_loops
from pytest_mlops.targets.local import LocalTarget

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_mlops.rollout.manager import DeploymentManager
    from pytest_mlops.serving.supervisor.lifecycle import SupervisorCommand
    from pytest_mlops.state.paths import Layout
    from pytest_mlops.state.pointer import Pointer

__all__ = ["Mending"]


@dataclass(kw_only=True)
class Mending:
    """Looks at what serves, and goes back to the version before where that keeps dying.

    Where there is nothing to go back to, or the way back fails, the version is started again and again.

    Attributes:
        layout: Where the environment's files lie.
        start: How its supervisor is started.
        manager: Makes what rolls back. It reads what the environment demands now: how often replicas may die
            in a row, whether a version is taken back then at all, and what may be gone back to.
    """

    layout: Layout
    start: SupervisorCommand
    manager: Callable[[], DeploymentManager]
    _tried: int = 0

    def __call__(self, pointer: Pointer) -> None:
        """Look once.

        Raises:
            EvidenceError, NotRegistered: it keeps dying, and there is no way back; once for each pointer.
            MLOpsError: something else was in the way, as another deployment; the next look tries again.
        """
        if pointer.stable is None or pointer.revision == self._tried:
            return
        target = LocalTarget(layout=self.layout, supervisor=self.start)
        replicas = target.replicas(pointer.stable)
        if not crash_loops(replicas, tries=1):
            return
        manager = self.manager()
        rollout = manager.environment.rollout
        if not rollout.auto_rollback or not crash_loops(replicas, tries=rollout.tries):
            return
        try:
            manager.rollback()
        except (EvidenceError, NotRegistered):
            self._tried = pointer.revision
            raise
