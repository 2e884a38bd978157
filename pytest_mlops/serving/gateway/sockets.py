"""Listening sockets."""

from __future__ import annotations

import socket
from typing import Any

from pytest_mlops.errors import TaskError

__all__ = ["listen"]


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        TaskError: the address cannot be had.
    """
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return _listening(family, address)
    except OSError as error:
        raise TaskError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; "
            "end what listens there, or give another gateway.port in mlops.yaml"
        ) from error


def _listening(family: socket.AddressFamily, address: tuple[Any, ...]) -> socket.socket:
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it on, an answer in
    # two pieces takes 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(1024)
    except OSError:
        listening.close()
        raise
    return listening
