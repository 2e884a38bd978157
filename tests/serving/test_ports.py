"""Ports of this machine: a free one, one that is taken."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from pytest_mlops.errors import TaskError
from pytest_mlops.serving.ports import free_port, require_free


def test_a_free_port_is_none_that_outgoing_connections_are_given() -> None:
    given = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
    ports = {free_port("127.0.0.1") for _ in range(20)}
    assert max(ports) < int(given.split()[0])
    assert len(ports) > 10


def test_a_taken_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            TaskError, match=rf"cannot listen on 127\.0\.0\.1:{port}: Address already in use; stop"
        ):
            require_free("127.0.0.1", port)
    require_free("127.0.0.1", 0)


def test_an_address_of_another_machine_has_no_free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="Cannot assign requested address"):
        free_port("192.0.2.1")
    monkeypatch.setattr("pytest_mlops.serving.ports._EPHEMERAL", Path("/nowhere"))
    assert 0 < free_port("127.0.0.1") < 65536
