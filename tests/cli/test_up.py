"""``up`` and ``down`` as commands: what they print, how they exit."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.serving.gateway_client import gateway_status
from pytest_mlops.serving.processes import find_marked
from pytest_mlops.serving.supervisor.lifecycle import (
    bring_down,
    is_up,
)
from pytest_mlops.state.paths import layout_of
from tests.serving.supervisor.conftest import SERVER, read_json, wait, write_json

if TYPE_CHECKING:
    from pathlib import Path


CONFIG = """
environments:
  production:
    serve: {command: ["{python}", "-S", server.py]}
    gateway: {port: PORT, drain: 1.0, log: null}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "server.py").write_text(SERVER, encoding="utf-8")
    path = tmp_path / "mlops.yaml"
    path.write_text(CONFIG.replace("PORT", "0"), encoding="utf-8")
    return path


def run(config: Path, command: str, *options: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "pytest_mlops", command, "--config", str(config), *options]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.slow
def test_up_and_down_on_the_command_line(config: Path) -> None:
    layout = layout_of(config.parent, "production")
    try:
        up = run(config, "up")
        assert up.returncode == 0, up.stderr
        values = read_json(layout.gateway) or {}
        assert up.stdout == f"production is up at http://127.0.0.1:{values['port']}\n"
        assert run(config, "up").stdout == up.stdout.replace("is up", "was up already")
        down = run(config, "down")
        assert down.stdout.startswith("production is down; ended: gateway (process ")
        assert run(config, "down").stdout == "production was down already\n"
        assert find_marked(layout.root) == []
        assert not is_up(layout)
        assert run(config, "up").stdout == up.stdout  # at the same address
    finally:
        bring_down(layout, grace=1.0)


@pytest.mark.slow
def test_up_refuses_a_taken_port_at_once(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config.write_text(CONFIG.replace("PORT", str(port)), encoding="utf-8")
        up = run(config, "up")
    assert up.returncode == 4
    assert up.stderr == (
        f"pytest-mlops: cannot listen on 127.0.0.1:{port}: Address already in use; "
        "stop the process that listens there, or set another gateway.port in mlops.yaml\n"
    )


@pytest.mark.slow
def test_ctrl_c_takes_down_what_was_brought_up_in_the_foreground(config: Path) -> None:
    layout = layout_of(config.parent, "production")
    argv = [sys.executable, "-m", "pytest_mlops", "up", "--foreground", "--config", str(config)]
    write_json(layout.down, {})
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        wait(lambda: gateway_status(layout), "the gateway", seconds=60)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        assert find_marked(layout.root) == []
        assert layout.down.exists()
    finally:
        bring_down(layout, grace=1.0)
