"""Probe by TCP: a connection is healthy."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from pytest_mlops.errors import InvalidHealthCheck
from pytest_mlops.serving.health.probe import ProbeFailed

if TYPE_CHECKING:
    from pytest_mlops.records.health import HealthCheck
    from pytest_mlops.serving.health.endpoint import Endpoint

__all__ = ["probe_tcp"]


async def probe_tcp(check: HealthCheck, endpoint: Endpoint) -> str:
    """Connect, to whichever of the name's addresses takes it, and close again."""
    host, port = _address(check, endpoint.fill(check.endpoint or ""))
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        raise ProbeFailed(f"{host}:{port} takes no connection: {error.strerror or error}") from error
    mirrored = _is_mirrored(writer)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    if mirrored:
        raise ProbeFailed(f"{host}:{port} takes no connection: nothing listens")
    return f"{host}:{port} takes connections"


def _is_mirrored(writer: asyncio.StreamWriter) -> bool:
    """Tell whether the connection is with itself, which Linux makes of a free port now and then."""
    return bool(writer.get_extra_info("sockname") == writer.get_extra_info("peername"))


def _address(check: HealthCheck, text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise InvalidHealthCheck(f"{check.name}: {text!r} is no address; expected host:port")
    return host, int(port)
