"""TCP ports of this machine: found free, or listened on."""

from __future__ import annotations

import random
import socket
from pathlib import Path

from pytest_mlops.errors import TaskError

__all__ = ["free_port", "listen", "require_free"]

_LOWEST = 10_000
_DRAWS = 50
_BACKLOG = 1024
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port(host: str) -> int:
    """Return a port that is free now and that no outgoing connection will be given meanwhile.

    Until its program listens, any process may take it. So it is drawn from below the range that the system
    gives to outgoing connections; thousands of those come and go beside a busy gateway.

    Raises:
        OSError: there is none.
    """
    highest = _first_ephemeral()
    if highest > _LOWEST:
        for _ in range(_DRAWS):
            port = random.randrange(_LOWEST, highest)  # noqa: S311 -- no secret
            if _is_free(host, port):
                return port
    with _listening(host, 0) as probe:
        return int(probe.getsockname()[1])


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 stands for any.

    Raises:
        TaskError: the address cannot be had.
    """
    try:
        return _listening(host, port)
    except OSError as error:
        raise TaskError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; "
            "stop the process that listens there, or set another gateway.port in mlops.yaml"
        ) from error


def require_free(host: str, port: int) -> None:
    """Make sure that a process could listen on a port; 0 stands for any.

    Raises:
        TaskError: none can.
    """
    listen(host, port).close()


def _is_free(host: str, port: int) -> bool:
    try:
        _listening(host, port).close()
    except OSError:
        return False
    return True


def _listening(host: str, port: int) -> socket.socket:
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it on, an answer in
    # two pieces takes 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # As servers do: a port with nothing but closing connections is free.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def _first_ephemeral() -> int:
    try:
        return int(_EPHEMERAL.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 0
