"""A supervisor with its gateway and replicas, through kills, outages and garbage."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import time
import urllib.request
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from pytest_mlops.errors import ConflictError
from pytest_mlops.records.deployment import DeploymentStatus
from pytest_mlops.serving.processes import find_marked
from pytest_mlops.serving.supervisor.gateway_process import GatewayProcess
from pytest_mlops.serving.supervisor.lifecycle import bring_down, is_up
from pytest_mlops.state.process_start import process_start_time
from tests.serving.supervisor.conftest import kill, read_json, replica_file, runs, wait, write_json

if TYPE_CHECKING:
    import subprocess

    from tests.serving.supervisor.conftest import World


def ask(url: str, path: str = "/") -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}{path}", timeout=10) as answer:
        return dict(json.load(answer))


def answers(url: str, pid: int) -> bool:
    """Return whether a replica answers clients; one that died is known by the next round."""
    try:
        return bool(ask(url)["pid"] == pid)
    except OSError:
        return False


def serve(world: World, *traits: str, number: int = 1) -> str:
    """Bring one deployment up, with all the traffic; return the gateway's address."""
    world.add(world.plan(f"production.{number}", *traits))
    revision = world.point(**{f"d_{number}": 100.0})
    world.ready(f"production.{number}.0")
    url = world.up()
    wait(lambda: world.revision() == revision, "the routes")
    return url


def test_the_pointer_leads_the_traffic(world: World) -> None:
    world.supervise()
    url = serve(world)
    assert ask(url)["pid"] == world.replica()["pid"]
    assert world.layout.root.stat().st_mode & 0o077 == 0  # requests are logged there
    world.add(world.plan("production.2"))
    world.ready("production.2.0")
    assert ask(url)["pid"] == world.replica()["pid"]
    revision = world.point(d_2=100.0)
    wait(lambda: world.revision() == revision, "the switch")
    assert ask(url)["pid"] == world.replica("production.2.0")["pid"]
    written = read_json(world.layout.routes) or {}
    assert written["revision"] == revision
    assert [each["deployment"] for each in written["routes"]] == ["production.2"]
    world.change("production.1", desired_replicas=0)
    wait(lambda: not world.layout.replica("production.1.0").exists(), "the end of the old one")
    assert ask(url)["pid"] == world.replica("production.2.0")["pid"]


@pytest.mark.slow
def test_replicas_outlive_a_killed_supervisor_and_the_next_one_adopts_them(world: World) -> None:
    world.start()
    url = serve(world)
    replica, gateway = world.replica(), read_json(world.layout.gateway) or {}
    generation = (read_json(world.layout.routes) or {})["generation"]
    world.crash()
    assert ask(url)["pid"] == replica["pid"]
    world.start()
    wait(lambda: "adopted production.1.0" in world.log(), "the adoption")
    assert "adopted the gateway" in world.log()
    assert ask(url)["pid"] == replica["pid"]
    assert (read_json(world.layout.gateway) or {})["pid"] == gateway["pid"]
    wait(lambda: (read_json(world.layout.routes) or {})["generation"] > generation, "new routes")


@pytest.mark.slow
def test_the_gateway_starts_a_supervisor_where_the_old_one_was_killed(world: World) -> None:
    world.start()
    url = serve(world)
    before = read_json(world.layout.supervisor) or {}
    world.crash()
    wait(lambda: (read_json(world.layout.supervisor) or {}).get("pid") != before["pid"], "the next one")
    wait(lambda: "adopted the gateway" in world.log(), "the adoption of its parent")
    assert ask(url)["pid"] == world.replica()["pid"]
    successor = read_json(world.layout.supervisor) or {}
    kill(read_json(world.layout.gateway) or {})  # its parent
    wait(lambda: "the gateway died" in world.log(), "the death of the gateway")
    world.up()
    assert (read_json(world.layout.supervisor) or {})["pid"] == successor["pid"]


def test_a_gateway_that_was_killed_comes_back_at_the_same_address(world: World) -> None:
    world.supervise()
    url = serve(world)
    before = read_json(world.layout.gateway) or {}
    kill(before)
    wait(lambda: (read_json(world.layout.gateway) or {})["pid"] != before["pid"], "the next gateway")
    assert world.up() == url
    assert ask(url)["pid"] == world.replica()["pid"]  # it has read its routes before it listened


def test_a_second_supervisor_is_refused(world: World) -> None:
    world.supervise()
    second = replace(
        world.supervisor, gateway=GatewayProcess(layout=world.layout, settings=world.settings, environ={})
    )
    with pytest.raises(
        ConflictError, match=rf"runs already .process {os.getpid()}.; see pytest-mlops status"
    ):
        second.run()
    assert (read_json(world.layout.supervisor) or {})["pid"] == os.getpid()
    assert world.threads[0].is_alive()


def test_a_crash_loop_stops_when_the_restart_budget_is_used_up(world: World) -> None:
    world.supervise()
    name = world.add(world.plan("production.1", "crash"), restart_budget=2)
    wait(lambda: world.restart_budget(name) == 0, "the deaths to be counted")
    time.sleep(1.5)
    assert world.log().count("started production.1.0 on port") == 2
    assert world.restart_budget(name) == 0
    assert world.replica()["message"] == "exited with 1: this one cannot start"


def test_no_row_ends_the_supervisor(world: World) -> None:
    world.supervise()
    url = serve(world)
    for number in (6, 7, 8, 9):
        world.add(world.plan(f"production.{number}", command=("no-such-program",)), desired_replicas=0)
    with sqlite3.connect(world.folder / "store.db", timeout=10) as rows:
        own = rows.execute("SELECT body FROM deployments WHERE deployment_id = 'production.1'").fetchone()[0]
        for number, body in ((6, "{garbage"), (7, own), (8, "[" * 10_000)):
            values = (body, f"production.{number}")
            rows.execute("UPDATE deployments SET body = ?, wanted = 1 WHERE deployment_id = ?", values)
        rows.execute(
            "UPDATE deployments SET wanted = 'many', tries = 'x' WHERE deployment_id = 'production.9'"
        )
    wait(lambda: "production.8 stays as it is" in world.log(), "the refusal")
    assert "production.6 stays as it is: the plan of a deployment cannot be read" in world.log()
    assert "production.7 stays as it is: got a plan of production.1 in production" in world.log()
    with sqlite3.connect(world.folder / "store.db", timeout=10) as rows:
        rows.execute('UPDATE pointers SET weights = \'{"production.1": "all"}\', revision = revision + 1')
    wait(lambda: "the traffic stays where it goes: pointer 2 cannot be read" in world.log(), "the refusal")
    before = world.replica()["pid"]
    with contextlib.suppress(OSError):
        ask(url, "/die")
    after = world.ready(but=before)["pid"]
    wait(lambda: answers(url, after), "the new one to serve")


@pytest.mark.slow
def test_a_locked_store_holds_up_nothing_but_itself(world: World) -> None:
    world.supervise()
    url = serve(world)
    world.change("production.1", restart_budget=3)
    before = world.ready()
    lock = sqlite3.connect(world.folder / "store.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        kill(before)
        after = world.ready(but=before["pid"])  # started again all the same
        wait(lambda: "is locked by another process" in world.log(), "the outage to be logged")
        time.sleep(2.5)  # longer than the store's patience, twice
        assert world.log().count("everything stays as it is") == 1
        wait(lambda: answers(url, after["pid"]), "the new one to serve")
    finally:
        lock.execute("ROLLBACK")
        lock.close()
    wait(lambda: "the store is back" in world.log(), "the store")
    wait(lambda: world.restart_budget("production.1") == 2, "the death to be counted")


@pytest.mark.slow
def test_a_store_that_cannot_be_read_holds_up_nothing(world: World) -> None:
    world.supervise()
    url = serve(world)
    path = world.folder / "store.db"
    world.store.close()
    with sqlite3.connect(path) as rows:
        rows.execute("ALTER TABLE pointers RENAME TO elsewhere")
    wait(
        lambda: "everything stays as it is, since the store failed" in world.log(), "the outage to be logged"
    )
    before = world.replica()["pid"]
    with contextlib.suppress(OSError):
        ask(url, "/die")
    world.ready(but=before)
    with sqlite3.connect(path) as rows:
        rows.execute("ALTER TABLE elsewhere RENAME TO pointers")
    wait(lambda: "the store is back" in world.log(), "the store")


def test_down_ends_everything_and_can_be_repeated(world: World) -> None:
    world.supervise()
    serve(world, "daemon", "stubborn")
    pids = [each.process.pid for each in find_marked(world.layout.root)]
    assert len(pids) == 3  # gateway, replica, and what that started in a session of its own
    stopped = bring_down(world.layout, grace=1.0)
    assert stopped.supervisor
    assert {marker for marker, _ in stopped.processes} == {"gateway", "production.1"}
    assert not any(runs(pid) for pid in pids)
    assert list(world.layout.replicas.iterdir()) == []
    assert world.layout.gateway.exists()  # so that its address is kept
    again = bring_down(world.layout, grace=1.0)
    assert (again.supervisor, again.processes) == (False, ())


@pytest.mark.slow
def test_down_ends_everything_when_the_supervisor_was_killed(world: World) -> None:
    world.start()
    serve(world, "daemon")
    pids = [each.process.pid for each in find_marked(world.layout.root)]
    world.crash()
    stopped = bring_down(world.layout, grace=1.0)
    assert {pid for _, pid in stopped.processes} == set(pids)
    assert not any(runs(pid) for pid in pids)
    time.sleep(3.0)  # longer than a gateway would wait before it starts a supervisor
    assert not is_up(world.layout)


@pytest.mark.slow
def test_down_ends_a_supervisor_that_does_not_answer(world: World) -> None:
    from pytest_mlops.serving.supervisor import lifecycle

    world.start()
    world.supervisors[0].send_signal(signal.SIGSTOP)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lifecycle, "_PATIENCE", 1.0)
        assert bring_down(world.layout, grace=0.2).supervisor
    assert not runs(world.supervisors[0].pid)


def test_down_spares_processes_that_files_name_wrongly(
    world: World, bystander: subprocess.Popen[bytes]
) -> None:
    other = psutil.Process(bystander.pid)
    named = {"pid": other.pid, "born": process_start_time(other.pid)}
    address = {"host": "127.0.0.1", "port": 1, "control_port": 2, "token": "x", "started_at": "now"}
    write_json(world.layout.supervisor, {**named, "started_at": 1.0, "command": ["true"]})
    write_json(world.layout.gateway, {**named, **address})
    write_json(world.layout.replica("production.1.0"), replica_file(**named))
    write_json(world.layout.supervisor_lock, named)
    bring_down(world.layout, grace=0.2)
    assert bystander.poll() is None


@pytest.mark.slow
def test_a_supervisor_that_is_stopped_leaves_everything_running(world: World) -> None:
    started = world.start()
    url = serve(world)
    started.terminate()
    assert started.wait(timeout=10) == 0
    assert ask(url)["pid"] == world.replica()["pid"]


def test_an_unfinished_deployment_is_recovered(world: World) -> None:
    world.supervise()
    time.sleep(0.5)
    assert not world.recovered.exists()
    world.add(world.plan(), desired_replicas=0)  # its status is that it is being deployed
    wait(world.recovered.exists, "recovery")


@pytest.mark.slow
def test_a_supervisor_that_starts_after_down_ends_at_once(world: World) -> None:
    bring_down(world.layout, grace=0.1)
    assert world.run().wait(timeout=60) == 0
    assert "not supervising: the environment is down" in world.log()
    assert not world.layout.supervisor.exists()


@pytest.mark.slow
def test_generations_grow_though_the_file_of_routes_is_lost(world: World) -> None:
    world.start()
    serve(world)
    for _ in range(5):
        world.point(d_1=100.0)
        time.sleep(0.05)
    wait(lambda: world.generation() > 3, "generations")
    before = world.generation()
    world.crash()
    world.layout.routes.write_text("{}", encoding="utf-8")
    world.start()
    revision = world.point(d_1=100.0)
    wait(lambda: world.revision() == revision, "the routes")
    assert world.generation() > before


def test_a_pointer_that_moves_wakes_the_loop(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.supervise()
    serve(world)
    world.add(world.plan("production.2"))
    world.ready("production.2.0")
    monkeypatch.setattr("pytest_mlops.serving.supervisor.loop._TICK", 3600.0)
    for number in range(6):
        revision = world.point(**{f"d_{1 + number % 2}": 100.0})
        wait(lambda: world.revision() == revision, "the switch")  # noqa: B023
    monkeypatch.undo()
    world.point(d_1=100.0)  # wakes it from its last, long wait


@pytest.mark.slow
def test_a_supervisor_with_nothing_to_do_takes_little_time(world: World) -> None:
    started = world.start()
    serve(world)
    process = psutil.Process(started.pid)
    time.sleep(1.0)
    before = sum(process.cpu_times()[:2])
    time.sleep(5.0)
    assert (sum(process.cpu_times()[:2]) - before) / 5.0 < 0.05


@pytest.mark.slow
def test_no_failure_in_a_round_ends_the_supervisor(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.supervise()
    url = serve(world)

    def fail(*given: Any) -> None:
        raise RuntimeError("out of order")

    with monkeypatch.context() as patch:
        patch.setattr(world.supervisor.gateway, "ensure_running", fail)
        patch.setattr(world.supervisor, "auto_rollback", fail)
        world.change("production.1", status=DeploymentStatus.RUNNING)
        wait(
            lambda: "a round failed, and is tried again: RuntimeError: out of order" in world.log(),
            "the failure",
        )
        wait(lambda: "cannot continue a deployment: RuntimeError: out of order" in world.log(), "the other")
        time.sleep(0.5)
    assert world.log().count("is tried again: RuntimeError") == 1
    before = world.replica()["pid"]
    with contextlib.suppress(OSError):
        ask(url, "/die")
    world.ready(but=before)


@pytest.mark.slow
def test_a_gateway_that_cannot_be_started_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: Any, **named: Any) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    with monkeypatch.context() as patch:
        patch.setattr("pytest_mlops.serving.supervisor.gateway_process.spawn", fail)
        world.supervise()
        wait(lambda: "the gateway cannot be started" in world.log(), "the failure")
    world.up()


@pytest.mark.slow
def test_a_gateway_whose_file_is_lost_is_ended(world: World) -> None:
    world.supervise()
    world.up()
    gateway = read_json(world.layout.gateway) or {}
    successor = GatewayProcess(layout=world.layout, settings=world.settings, environ={})
    assert successor.adopt()
    world.layout.gateway.unlink()
    assert not successor.adopt()
    wait(lambda: not runs(gateway["pid"]), "its end")
    wait(lambda: (read_json(world.layout.gateway) or gateway)["pid"] != gateway["pid"], "the next one")
