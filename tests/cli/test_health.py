"""``pytest-mlops health``: healthy, not healthy, and nothing known are three answers."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from pytest_mlops.cli.app import app
from pytest_mlops.serving.ports import free_port
from pytest_mlops.serving.processes import Identity
from pytest_mlops.state.paths import layout_of
from tests.replica_files import write_replica

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
model: {{id: risk, version: "1"}}
environments:
  production:
    serve: {{command: [serve]}}
    resources: {{storage_requests: {room}}}
    health_checks: [{{name: ready, check_type: tcp, endpoint: "{{host}}:{{port}}", failure_threshold: 1}}]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlops.yaml").write_text(CONFIG.format(room="1Mi"), encoding="utf-8")
    return tmp_path


def replica_at(project: Path, port: int) -> None:
    """Write that this very process is a replica."""
    own = Identity.current()
    layout = layout_of(project, "production")
    write_replica(layout, "production.1", pid=own.pid, process_start=own.process_start, port=port)


def test_a_service_that_is_well_exits_with_0(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        replica_at(project, server.getsockname()[1])
        done = CliRunner().invoke(app, ["health"])
        assert done.exit_code == 0, done.output
        assert "production is healthy" in done.output
        assert "δ = 1.000 (1 of 1 probes; at least 0.050 with 95 % confidence)" in " ".join(
            done.output.split()
        )
        values = json.loads(CliRunner().invoke(app, ["health", "--json"]).output)
    assert values["is_healthy"] is True
    assert values["rate"]["share"] == 1.0


def test_one_that_is_not_exits_with_1(project: Path) -> None:
    replica_at(project, free_port("127.0.0.1"))
    done = CliRunner().invoke(app, ["health"])
    assert done.exit_code == 1
    assert "production is not healthy" in done.output
    assert "unhealthy" in done.output


def test_without_a_replica_nothing_is_healthy(project: Path) -> None:
    done = CliRunner().invoke(app, ["health"])
    assert done.exit_code == 1
    assert "no replica runs here" in done.output


def test_where_nothing_can_be_probed_it_exits_with_4(project: Path) -> None:
    config = project / "mlops.yaml"
    text = config.read_text(encoding="utf-8").replace("    resources: {storage_requests: 1Mi}\n", "")
    config.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, ["health"])
    assert done.exit_code == 4
    assert "production is not known" in done.output


def test_no_room_is_no_health(project: Path) -> None:
    (project / "mlops.yaml").write_text(CONFIG.format(room="999Ti"), encoding="utf-8")
    done = CliRunner().invoke(app, ["health"])
    assert done.exit_code == 1
    assert "required" in " ".join(done.output.split())
