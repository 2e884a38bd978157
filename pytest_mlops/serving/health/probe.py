"""What every kind of probe has in common: it says how it went, or raises that it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pytest_mlops.errors import MLOpsError

if TYPE_CHECKING:
    from pytest_mlops.records.health import HealthCheck
    from pytest_mlops.serving.health.endpoint import Endpoint

__all__ = ["Probe", "ProbeFailed", "one_line"]

_LONGEST = 500


class ProbeFailed(MLOpsError):  # noqa: N818 -- named as what it says
    """One probe of a service failed; whether the service is unhealthy depends on the check's thresholds."""


class Probe(Protocol):
    """One kind of probe. Its caller ends it when the check's time is over."""

    async def __call__(self, check: HealthCheck, endpoint: Endpoint, /) -> str:
        """Probe once; return a few words of what was seen.

        Raises:
            ProbeFailed: the service is not well, or nothing can be said of it.
            InvalidHealthCheck: the check cannot be carried out as written.
        """


def one_line(text: str) -> str:
    """Return what a service, a program or a library says as one line, of bounded length and safe to print."""
    line = " ".join(text.split())
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in line)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
