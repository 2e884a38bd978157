"""Takes back a version that serves and whose replicas keep dying, once for each move of the pointer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.deploy.crash_loop import crash_loops
from pytest_mlops.deploy.targets.local import LocalTarget

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_mlops.deploy.manager import DeploymentManager
    from pytest_mlops.deploy.paths import Layout
    from pytest_mlops.deploy.pointer import Pointer
    from pytest_mlops.deploy.supervisor.control import Start
    from pytest_mlops.records.serving import RolloutSettings

__all__ = ["Mending"]


@dataclass(kw_only=True)
class Mending:
    """Looks at what serves, and goes back to the version before where that keeps dying.

    Where there is nothing to go back to, or the way back fails, the version is started again and again.

    Attributes:
        layout: Where the environment's files lie.
        rollout: How often its replicas may die in a row, and whether it is taken back then at all.
        start: How its supervisor is started.
        manager: Makes what rolls back.
    """

    layout: Layout
    rollout: RolloutSettings
    start: Start
    manager: Callable[[], DeploymentManager]
    _tried: int = 0

    def __call__(self, pointer: Pointer) -> None:
        """Look once.

        Raises:
            MLOpsError: it keeps dying, and there is no way back; not raised again for the same pointer.
        """
        if not self.rollout.auto_rollback or pointer.stable is None or pointer.revision == self._tried:
            return
        target = LocalTarget(layout=self.layout, supervisor=self.start)
        if crash_loops(target.replicas(pointer.stable), tries=self.rollout.tries):
            self._tried = pointer.revision
            self.manager().rollback()
