"""Replicas as real processes: started, started again, adopted, limited, drained."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from pytest_mlops.records.environment import EnvironmentConfig
from pytest_mlops.records.health import HealthState
from pytest_mlops.serving.logs import LOG_BYTES
from pytest_mlops.serving.processes import find_marked, marks
from pytest_mlops.state.process_start import process_start_time
from tests.serving.supervisor.conftest import kill, runs, wait, write_json

if TYPE_CHECKING:
    import subprocess

    from tests.serving.supervisor.conftest import Keeper, World


def ask(values: dict[str, Any], path: str = "/") -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{values['port']}{path}", timeout=10) as answer:
        return dict(json.load(answer))


def test_every_requested_replica_runs_on_a_port_of_its_own(keeper: Keeper, world: World) -> None:
    plan = world.plan()
    names = [f"production.1.{index}" for index in range(3)]
    keeper.until(lambda: all(world.replica(name).get("ready") for name in names), plan, replicas=3)
    files = [world.replica(name) for name in names]
    assert len({each["port"] for each in files}) == len({each["pid"] for each in files}) == 3
    assert [ask(each)["pid"] for each in files] == [each["pid"] for each in files]


def test_a_replica_finds_what_it_is_in_its_environment_variables(
    keeper: Keeper, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_STORE_URL", "postgresql://user:secret@host/db")
    values = keeper.ready(world.plan(environ={"COLOUR": "green"}))
    environ = ask(values)["environ"]
    assert environ["MLOPS_DEPLOYMENT"] == "production.1"
    assert environ["MLOPS_PORT"] == str(values["port"])
    assert environ["MLOPS_MODEL"] == str(world.folder / "release" / "model" / "model")
    assert environ["COLOUR"] == "green"
    assert "MLOPS_STORE_URL" not in environ  # it may have a password in it


def test_a_replica_that_dies_is_started_again_with_the_reason_in_its_message(
    keeper: Keeper, world: World
) -> None:
    plan = world.plan()
    before = keeper.ready(plan)
    with pytest.raises(OSError, match=r"without response|reset"):
        ask(before, "/die")
    after = keeper.ready(plan, but=before["pid"])
    assert after["restarts"] == 1
    assert after["message"] == "started again, since it exited with 3: listens now"
    assert keeper.died == ["production.1"]


@pytest.mark.slow
def test_restarts_wait_longer_each_time(keeper: Keeper, world: World) -> None:
    plan = world.plan("production.1", "crash")
    keeper.until(lambda: len(keeper.died) == 3, plan)
    starts = [line for line in keeper.lines if line.startswith("started ")]
    assert len(starts) == 3
    message = world.replica()["message"]
    assert message == "exited with 1: this one cannot start"
    start = time.monotonic()
    keeper.until(lambda: len(keeper.died) == 4, plan)
    assert time.monotonic() - start > 1.5  # the fourth start comes two seconds after the third death


def test_a_replica_that_has_died_as_often_as_it_may_is_not_started_again(
    keeper: Keeper, world: World
) -> None:
    plan = world.plan("production.1", "crash")
    keeper.until(lambda: len(keeper.died) == 2, plan, restart_budget=2)
    until = time.monotonic() + 2.5
    while time.monotonic() < until:
        keeper.round(plan, restart_budget=2)
        time.sleep(0.02)
    assert keeper.died == ["production.1"] * 2
    assert world.replica()["alive"] is False


@pytest.mark.parametrize(
    ("command", "reason"),
    [(("no-such-program",), "No such file"), (("{python}", "a\0b"), "null byte")],
    ids=["a program that is not there", "an argument that no program can be given"],
)
def test_a_command_that_cannot_be_started_counts_as_a_death(
    keeper: Keeper, world: World, command: tuple[str, ...], reason: str
) -> None:
    keeper.round(world.plan(command=command), restart_budget=3)
    assert keeper.died == ["production.1"]
    assert world.replica()["message"].startswith("cannot be started: ")
    assert reason in world.replica()["message"]


def test_one_deployment_that_goes_wrong_does_not_touch_the_others(
    keeper: Keeper, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = world.plan("production.1"), world.plan("production.2")
    watch = keeper.monitor.watch

    def fail(key: str, *given: Any) -> None:
        if key.startswith("production.2"):
            raise RuntimeError("out of order")
        watch(key, *given)

    monkeypatch.setattr(keeper.monitor, "watch", fail)
    keeper.until(lambda: world.replica().get("ready"), bad, good)
    assert keeper.lines.count("production.2.0: RuntimeError: out of order") == 1


def test_a_replica_that_takes_too_much_memory_is_ended_and_started_again(
    keeper: Keeper, world: World
) -> None:
    plan = world.plan("production.1", "greedy", config=EnvironmentConfig(memory_limit="100Mi"))
    before = keeper.ready(plan)
    keeper.fleet.enforce_limits()
    wait(lambda: not runs(before["pid"]), "its end")
    after = keeper.ready(plan, but=before["pid"])
    assert after["message"].startswith("started again, since it took 2")
    assert after["message"].endswith("MiB of memory; memory_limit is 100Mi")
    assert keeper.died == ["production.1"]


def test_a_replica_within_its_memory_is_not_restarted(keeper: Keeper, world: World) -> None:
    plan = world.plan(config=EnvironmentConfig(memory_limit="1Gi"))
    before = keeper.ready(plan)
    keeper.fleet.enforce_limits()
    keeper.round(plan)
    assert world.replica()["pid"] == before["pid"]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no CPU affinity")
def test_a_replica_is_kept_to_its_cores_from_its_first_instruction(keeper: Keeper, world: World) -> None:
    before = os.sched_getaffinity(0)
    facts = ask(keeper.ready(world.plan(config=EnvironmentConfig(cpu_limit="500m"))))
    assert len(facts["cores"]) == 1
    assert facts["environ"]["OMP_NUM_THREADS"] == "1"
    assert os.sched_getaffinity(0) == before
    assert "production.1: cpu_limit 500m is kept as 1 whole core" in keeper.lines


def test_a_successor_adopts_what_runs(keeper: Keeper, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = world.plan()
    before = keeper.ready(plan)
    successor = keeper.successor()
    with monkeypatch.context() as patch:
        patch.setattr(keeper.monitor, "state", lambda key: (HealthState.UNKNOWN, "not probed yet"))
        successor.round(plan)
    assert successor.lines == [f"adopted production.1.0, process {before['pid']}"]
    assert world.replica()["pid"] == before["pid"]
    assert world.replica()["ready"] is True  # at once: it serves, and no probe has failed
    kill(before)
    successor.ready(plan, but=before["pid"])
    assert successor.died == ["production.1"]


def test_a_death_while_no_supervisor_ran_counts(keeper: Keeper, world: World) -> None:
    plan = world.plan()
    before = keeper.ready(plan)
    kill(before)
    successor = keeper.successor()
    wait(lambda: not runs(before["pid"]), "its end")
    successor.round(plan, restart_budget=3)
    assert successor.died == ["production.1"]
    assert world.replica()["message"] == "died while no supervisor ran"


def test_a_file_that_names_another_process_is_not_believed(
    keeper: Keeper, world: World, bystander: subprocess.Popen[bytes]
) -> None:
    plan = world.plan()
    values = keeper.ready(plan)
    other = psutil.Process(bystander.pid)
    stolen = {**values, "pid": other.pid, "born": process_start_time(other.pid)}
    write_json(world.layout.replica("production.1.0"), stolen)
    successor = keeper.successor()
    after = successor.ready(plan, but=bystander.pid)
    assert after["pid"] not in {values["pid"], bystander.pid}
    wait(lambda: not runs(values["pid"]), "the end of the orphan")
    successor.until(lambda: not world.layout.replica("production.1.0").exists())
    assert bystander.poll() is None


def test_a_file_of_a_process_whose_number_was_given_out_again_is_not_believed(
    keeper: Keeper, world: World, bystander: subprocess.Popen[bytes]
) -> None:
    plan = world.plan()
    values = keeper.ready(plan)
    kill(values)
    write_json(world.layout.replica("production.1.0"), {**values, "pid": bystander.pid})
    successor = keeper.successor()
    successor.round()  # it is not requested, so that the process in the file would have to end
    assert not world.layout.replica("production.1.0").exists()
    time.sleep(0.3)
    assert bystander.poll() is None


def test_a_process_of_another_environment_is_not_touched(
    keeper: Keeper, world: World, bystander: subprocess.Popen[bytes]
) -> None:
    import subprocess
    import sys

    other = subprocess.Popen(
        [sys.executable, "-S", "-c", "import time; time.sleep(600)"],
        env={**os.environ, **marks(world.folder / "other", "production.1")},
    )
    try:
        keeper.successor().round()
        time.sleep(0.3)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"pid": "x"}', '{"pid": -1, "born": 1}', '{"pid": 1e400}', "\0", "[" * 100_000],
)
def test_a_file_that_cannot_be_read_is_removed(keeper: Keeper, world: World, text: str) -> None:
    path = world.layout.replica("production.9.0")
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    keeper.round(world.plan())
    assert not path.exists()
    assert world.replica()["alive"]


def test_a_draining_replica_ends_once_its_requests_are_answered(keeper: Keeper, world: World) -> None:
    plan = world.plan()
    values = keeper.ready(plan)
    keeper.round(busy={"production.1.0": 1})
    time.sleep(0.3)
    keeper.round(busy={"production.1.0": 1})
    assert runs(values["pid"])
    keeper.until(lambda: not runs(values["pid"]))
    keeper.until(lambda: not world.layout.replica("production.1.0").exists())
    assert keeper.lines[-1] == "production.1.0 has ended"
    assert keeper.died == []


def test_a_draining_replica_ends_after_the_drain_whatever_it_does(keeper: Keeper, world: World) -> None:
    values = keeper.ready(world.plan())
    busy = {"production.1.0": 1}
    keeper.round(busy=busy)
    assert runs(values["pid"])
    keeper.until(lambda: not runs(values["pid"]), busy=busy, now=time.time() + world.drain + 1)


def test_a_replica_that_does_not_end_is_killed_with_all_that_it_started(keeper: Keeper, world: World) -> None:
    values = keeper.ready(world.plan("production.1", "stubborn", "daemon"))
    family = [each.process.pid for each in find_marked(world.layout.root)]
    assert len(family) == 2
    start = time.monotonic()
    keeper.until(lambda: not world.layout.replica("production.1.0").exists())
    assert time.monotonic() - start >= 1.0  # its grace
    assert not any(runs(pid) for pid in (*family, values["pid"]))


def test_the_orphans_of_a_dead_replica_end_with_it(keeper: Keeper, world: World) -> None:
    plan = world.plan("production.1", "daemon")
    values = keeper.ready(plan)
    before = {each.process.pid for each in find_marked(world.layout.root)}
    kill(values)
    keeper.ready(plan, but=values["pid"])
    assert not any(runs(pid) for pid in before)


def test_a_draining_replica_that_is_requested_again_is_kept(keeper: Keeper, world: World) -> None:
    plan = world.plan()
    values = keeper.ready(plan)
    keeper.round(busy={"production.1.0": 1})
    keeper.round(plan)
    assert world.replica()["pid"] == values["pid"]
    assert runs(values["pid"])
    assert world.replica()["ready"] is True


def test_an_ending_replica_that_is_requested_again_is_started_again(keeper: Keeper, world: World) -> None:
    plan = world.plan("production.1", "stubborn")
    values = keeper.ready(plan)
    keeper.round()
    after = keeper.ready(plan, but=values["pid"])
    assert not runs(values["pid"])
    assert after["restarts"] == 0


def test_replicas_of_an_earlier_supervisor_that_are_not_requested_end(keeper: Keeper, world: World) -> None:
    values = keeper.ready(world.plan())
    successor = keeper.successor()
    successor.until(lambda: not runs(values["pid"]))
    assert "production.1.0 is no longer requested" in successor.lines


def test_a_deployment_whose_plan_cannot_be_read_stays_as_it_is(keeper: Keeper, world: World) -> None:
    values = keeper.ready(world.plan())
    successor = keeper.successor()
    spared = frozenset({"production.1"})
    for each in (keeper, successor):
        each.round(unreadable=spared)
        each.round(unreadable=spared)
    time.sleep(0.3)
    assert runs(values["pid"])
    assert world.layout.replica("production.1.0").exists()


def test_a_log_that_grew_too_long_is_moved_aside(keeper: Keeper, world: World) -> None:
    plan = world.plan()
    keeper.ready(plan)
    log = world.layout.log("production.1.0")
    with log.open("ab") as stream:
        stream.write(b"x" * (LOG_BYTES + 1))
    keeper.fleet.enforce_limits()
    assert log.stat().st_size == 0
    assert log.with_name("production.1.0.log.1").stat().st_size > LOG_BYTES


def test_a_full_disk_does_not_end_replicas(
    keeper: Keeper, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any, **named: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pytest_mlops.serving.supervisor.replica.save", refuse)
    plan = world.plan()
    keeper.until(lambda: any(view.ready for view in keeper.fleet.views().get("production.1", [])), plan)
    assert len([line for line in keeper.lines if "No space left" in line]) == 1
    monkeypatch.undo()
    keeper.round(plan)
    assert world.replica()["ready"]
