"""What a target has to do for the state machine, whatever it runs versions on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.targets.traffic import Traffic

__all__ = ["Replica", "Target"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Replica:
    """One running copy of a version.

    Attributes:
        deployment_id: The deployment that it is of.
        index: Number within the deployment, from 0.
        host: Where it listens.
        port: Where it listens.
        alive: Whether its process runs.
        ready: Whether the gateway would send it requests.
        restarts: Times that it died and was restarted.
        deaths: Of them, those in a row, without a long life between.
        message: Why it is not alive, or was restarted.
    """

    deployment_id: str
    index: int
    host: str
    port: int
    alive: bool
    ready: bool
    restarts: int = 0
    deaths: int = 0
    message: str = ""


class Target(Protocol):
    """Runs versions and routes traffic to them. Every method may be called again after a crash."""

    def require_up(self) -> None:
        """Make sure that versions can be run at all.

        Raises:
            TaskError: they cannot, as where the environment was taken down.
        """

    def start(self, deployment_id: str) -> None:
        """See to it that the replicas that the store demands of a deployment are being started; do not wait.

        Raises:
            TaskError: nothing is there that could start them.
        """

    def replicas(self, deployment_id: str) -> Sequence[Replica]:
        """Return the replicas of a deployment as they are now; none is no error.

        Raises:
            ConflictError: the environment is being taken down, whatever the version does.
        """

    def routed(self) -> int:
        """Return the revision of the pointer that all new requests follow; 0 for none.

        Raises:
            ConflictError: as :meth:`replicas`.
        """

    def traffic(self) -> Traffic:
        """Return what the traffic has come to.

        Raises:
            TaskError: they cannot be had; that is no evidence of anything.
        """

    def stop(self, deployment_id: str) -> None:
        """See to it that a deployment's replicas end, once their requests are answered; do not wait."""
