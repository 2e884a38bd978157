"""Deployments whose deployer and supervisor are killed: afterwards a verified version serves, by itself.

``python -m benchmarks.crash_deploy --rounds 200`` exits with 1 if a round fails. In each round a version is
deployed, and the deployer, the supervisor or both are killed by SIGKILL: in the first rounds once at every
step of the journal each, then at random instants. Nothing is done by hand afterwards. A client sends requests
all the time; no request may fail.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks._deployments import Client, Playground
from pytest_mlops.records.deployment import DeploymentStatus
from pytest_mlops.serving.processes import Identity
from pytest_mlops.serving.run_files import read_supervisor
from pytest_mlops.state.journal import read_journal
from pytest_mlops.state.process_start import process_start_time
from pytest_mlops.state.steps import FORWARD, Phase, Step
from pytest_mlops.store.log import verify_log

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Blow", "blows", "crash"]

VICTIMS = ("deployer", "supervisor", "both")
LONGEST = 4.0
"""Seconds after the deployer's start until a random blow falls, at most."""

SETTLED = 60.0

# Imports once, then makes a process for each record that it has to deploy, as a command would be.
DEPLOYERS = """
import os, sys
from benchmarks._deployments import Playground, Version, evidence_of
from pathlib import Path
folder = Path(sys.argv[1])
from pytest_mlops.rollout import manager, driver, probes
from pytest_mlops.operations.local import local_manager
from pytest_mlops.operations.project import find_environment
from pytest_mlops.store.engine import open_store
print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        store = open_store(folder=folder)
        where = find_environment("production", config=folder / "mlops.yaml")
        manager = local_manager(store, where, actor="deployer")
        home = folder / line.strip()
        record = home / "integration-result.json"
        version = Version(name=home.name, record=record, model=home / "model", digest="")
        try:
            manager.deploy(evidence_of(version))
        except Exception as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("over", flush=True)
"""


@dataclass(frozen=True, kw_only=True)
class Blow:
    """Who is killed, and when.

    Attributes:
        victim: ``deployer``, ``supervisor`` or ``both``.
        step: At which line of the journal; ``None``: after some seconds.
        phase: Of that line.
        after: Seconds after the deployer's start.
        bad: Whether the version is a bad one, so that it is hit during its revert.
    """

    victim: str
    step: Step | None = None
    phase: Phase = Phase.BEGUN
    after: float = 0.0
    bad: bool = False

    def __str__(self) -> str:
        when = f"after {self.after:.2f} s" if self.step is None else f"at {self.step} {self.phase}"
        return f"{self.victim} {when}{' of a bad version' if self.bad else ''}"


def blows(count: int, *, seed: int) -> Iterator[Blow]:
    """Return as many blows: at every step first, spread evenly where not all find room, then at random."""
    rng = random.Random(seed)
    steps = [
        Blow(victim=victim, step=step, phase=phase)
        for step, phase, victim in itertools.product(FORWARD, (Phase.BEGUN, Phase.DONE), VICTIMS)
    ]
    steps += [
        Blow(victim=victim, step=Step.REVERT, phase=phase, bad=True)
        for phase, victim in itertools.product((Phase.BEGUN, Phase.DONE), VICTIMS)
    ]
    planned = min(len(steps), count * 3 // 4)
    yield from (steps[number * len(steps) // planned] for number in range(planned))
    for _ in range(count - planned):
        yield Blow(victim=rng.choice(VICTIMS), after=rng.uniform(0, LONGEST), bad=rng.random() < 0.3)


def crash(folder: Path, rounds: int, *, seed: int, say: bool = False) -> list[str]:
    """Deal as many blows; return what was wrong afterwards."""
    problems: list[str] = []
    rollout = "{bake: 0.4, deadline: 20.0, tries: 2}"
    with Playground(folder, rollout=rollout) as playground, _deployers(folder) as deployers:
        url = playground.up()
        if not playground.deploy("0").success:
            return ["the first version does not serve"]
        for number, blow in enumerate(blows(rounds, seed=seed), start=1):
            begun = time.monotonic()
            with Client(url=url, threads=2, pause=0.01) as client:
                _strike(playground, deployers, blow, str(number))
                found = _look(playground, url)
            found += [f"a request failed: {failure}" for failure in client.failures[:3]]
            problems += [f"round {number}, {blow}: {problem}" for problem in found]
            if say:
                outcome = "; ".join(found) or f"version {_serving(playground)} serves"
                sys.stdout.write(f"{number:4} {time.monotonic() - begun:5.1f} s  {blow}: {outcome}\n")
                sys.stdout.flush()
            if found:
                break
    return problems


@contextlib.contextmanager
def _deployers(folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", DEPLOYERS, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parent.parent,
    )
    with process:
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise RuntimeError("the deployers' process did not start")
        try:
            yield process
        finally:
            if process.stdin is not None:
                process.stdin.close()


def _strike(playground: Playground, deployers: subprocess.Popen[str], blow: Blow, name: str) -> None:
    """Deploy a version and deal the blow; wait until its deployer has ended."""
    # One kind of bad version is found before it gets any traffic, the other with all of it.
    bad = {"start": "crash"} if int(name) % 2 else {"sours_after": 5}
    playground.version(name, **(bad if blow.bad else {}))
    if deployers.stdin is None or deployers.stdout is None:
        raise RuntimeError("the deployers' process has no pipes")
    number = playground.rows()[0].plan.number + 1
    deployers.stdin.write(f"{name}\n")
    deployers.stdin.flush()
    child = int(deployers.stdout.readline())
    victim = Identity(pid=child, process_start=process_start_time(child) or 0.0)
    begun = time.monotonic()
    while _lives(victim) and not _is_due(playground, blow, number, time.monotonic() - begun):
        time.sleep(0.001)
    if blow.victim in {"supervisor", "both"}:
        supervisor = read_supervisor(playground.layout)
        _kill(None if supervisor is None else supervisor.identity)
    if blow.victim in {"deployer", "both"}:
        _kill(victim)
    if deployers.stdout.readline() != "over\n":
        raise RuntimeError("the deployers' process broke")


def _is_due(playground: Playground, blow: Blow, number: int, elapsed: float) -> bool:
    if blow.step is None:
        return elapsed >= blow.after
    with playground.store.read() as connection:
        journal = read_journal(connection, f"production.{number}")
    return any(entry.step is blow.step and entry.phase is blow.phase for entry in journal)


def _lives(identity: Identity) -> bool:
    process = identity.process()
    return process is not None and process.status() != psutil.STATUS_ZOMBIE


def _kill(identity: Identity | None) -> None:
    """Kill a process of ours, if it is still the same."""
    if identity is not None and identity.process() is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(identity.pid, signal.SIGKILL)


def _look(playground: Playground, url: str) -> list[str]:
    """Return what is wrong once everything has come to rest, without anything done to it."""
    problems = []
    try:
        playground.settle(seconds=SETTLED)
    except TimeoutError as error:
        return [str(error)]
    pointer = playground.pointer()
    rows = {row.plan.deployment_id: row for row in playground.rows()}
    serving = rows.get(str(pointer.stable))
    if serving is None or serving.status is not DeploymentStatus.RUNNING:
        problems.append(f"{pointer.stable} is stable, and is {serving and serving.status}")
    if pointer.weights != {str(pointer.stable): 100.0}:
        problems.append(f"the traffic is shared as {pointer.weights}")
    running = [name for name, row in rows.items() if row.desired_replicas > 0]
    if running != [pointer.stable]:
        problems.append(f"{running} are wanted")
    expected = "" if serving is None else serving.plan.model_version.version_id
    deadline = time.monotonic() + SETTLED
    while (answer := _ask(url)) != expected:
        if time.monotonic() > deadline:
            problems.append(f"version {answer} answers, expected {expected}")
            break
        time.sleep(0.05)
    with playground.store.read() as connection:
        verify_log(connection)
    return problems


def _ask(url: str) -> str:
    import httpx  # noqa: PLC0415 -- here only

    try:
        answer = httpx.post(f"{url}/predict", json={}, trust_env=False, timeout=10)
        return str(answer.json().get("version"))
    except (httpx.HTTPError, ValueError) as error:
        return f"none: {error}"


def _serving(playground: Playground) -> str:
    stable = playground.pointer().stable
    row = next((row for row in playground.rows() if row.plan.deployment_id == stable), None)
    return "none" if row is None else row.plan.model_version.version_id


def main() -> int:
    """Run the rounds that the command line asks for."""
    parser = argparse.ArgumentParser(description="Kill deployers and supervisors.")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="Where the project goes; by default a temporary folder.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlops-crash-") as scratch:
        folder = (options.folder or Path(scratch)) / "project"
        problems = crash(folder, options.rounds, seed=options.seed, say=True)
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    sys.stdout.write(f"{options.rounds} rounds, {len(problems)} problems\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
