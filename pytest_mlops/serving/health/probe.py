"""What all kinds of probes share: where they look, how they fail."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pytest_mlops.errors import InvalidHealthCheck, MLOpsError

if TYPE_CHECKING:
    from pytest_mlops.records.health import HealthCheck

__all__ = ["SHOWN", "Endpoint", "Probe", "ProbeFailed"]

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """A replica's address; what is not of a replica has none.

    Attributes:
        host: Name or address.
        port: Port.
        folder: Where commands and functions run; by default where this process does.
    """

    host: str | None = None
    port: int | None = None
    folder: str | None = None

    @property
    def name(self) -> str:
        """The address for people."""
        return "" if self.host is None else f"{self.host}:{self.port}"

    def fill(self, text: str) -> str:
        """Return ``text`` with ``{host}``, ``{port}`` and ``{url}`` filled in.

        Raises:
            InvalidHealthCheck: there is no address to fill in. Other braces stay as they are.
        """
        if self.host is None or self.port is None:
            values: dict[str, str] = {}
        else:
            host = f"[{self.host}]" if ":" in self.host else self.host
            values = {"host": self.host, "port": str(self.port), "url": f"http://{host}:{self.port}"}

        def value(found: re.Match[str]) -> str:
            if found[1] in values:
                return values[found[1]]
            if found[1] in {"host", "port", "url"}:
                raise InvalidHealthCheck(
                    f"{text!r} uses {found[0]} of a replica, which a check with target: environment does not "
                    "have"
                )
            return found[0]

        return _PLACEHOLDER.sub(value, text)


SHOWN = 500
"""Characters of what a service, a program or a library wrote that a message shows."""


class ProbeFailed(MLOpsError):  # noqa: N818 -- an outcome, not a fault
    """One probe of a service failed; whether the service is unhealthy depends on the check's thresholds."""


class Probe(Protocol):
    """One kind of probe. Its caller ends it when the check's time is over."""

    async def __call__(self, check: HealthCheck, endpoint: Endpoint, /) -> str:
        """Probe once; return what was seen in a short message.

        Raises:
            ProbeFailed: the service is unhealthy, or nothing is known of it.
            InvalidHealthCheck: the check cannot be carried out as written.
        """
