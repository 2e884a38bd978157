"""Ports of this machine that nobody listens on."""

from __future__ import annotations

import random
import socket
from pathlib import Path

from pytest_mlops.errors import TaskError

__all__ = ["free_port", "require_free"]

_LOWEST = 10_000
_DRAWS = 50
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port(host: str) -> int:
    """Return a port that is free now and that no outgoing connection will be given meanwhile.

    Until its program listens, anybody may take it. So it is drawn from below the range that the system gives
    to outgoing connections; thousands of those come and go beside a busy gateway.

    Raises:
        OSError: there is none.
    """
    highest = _first_ephemeral()
    if highest > _LOWEST:
        for _ in range(_DRAWS):
            port = random.randrange(_LOWEST, highest)  # noqa: S311 -- no secret
            if _is_free(host, port):
                return port
    with _bound(host, 0) as probe:
        return int(probe.getsockname()[1])


def require_free(host: str, port: int) -> None:
    """Make sure that somebody could listen on a port; 0 stands for any.

    Raises:
        TaskError: nobody can.
    """
    try:
        _bound(host, port).close()
    except OSError as error:
        raise TaskError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; end what listens there, or give "
            "another gateway.port in mlops.yaml"
        ) from error


def _is_free(host: str, port: int) -> bool:
    try:
        _bound(host, port).close()
    except OSError:
        return False
    return True


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    probe = socket.socket(family, kind, protocol)
    try:
        # As servers do: a port with nothing but closing connections is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        probe.listen(1)
    except OSError:
        probe.close()
        raise
    return probe


def _first_ephemeral() -> int:
    try:
        return int(_EPHEMERAL.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 0
