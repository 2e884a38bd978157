"""Switches under load: no request fails, no reader finds no pointer, and nothing grows.

``python -m benchmarks.switches`` moves the pointer 1,000 times between two versions that run, then deploys 20
versions, while ``wrk`` sends requests without a pause and a reader asks for the pointer all the time. It
exits with 1 if a request failed, a read found nothing that serves, or file descriptors, processes or memory
of the processes that stay grew by more than 2 %. Sizes are the largest seen while the log of predictions
fills and closes a few files, which memory goes up and down by. They are taken for the first time after the
switches and a few deployments, when everything that is imported late has been.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil

from benchmarks._deployments import CONFIG, ENVIRONMENT, Playground
from pytest_mlops.serving.processes import find_marked
from pytest_mlops.serving.run_files import read_gateway, read_replicas, read_supervisor
from pytest_mlops.state.lease import acquire
from pytest_mlops.state.pointer import Pointer, move_pointer, read_pointer
from pytest_mlops.state.rows import change_deployment
from pytest_mlops.store.engine import open_store

if TYPE_CHECKING:
    from pytest_mlops.state.lease import Lease

__all__ = ["Reader", "Sizes", "sizes", "switch"]

GROWTH = 0.02
ROTATE_SECONDS = 5.0
PEAK_SECONDS = 4 * ROTATE_SECONDS
WARM_DEPLOYS = 3


@dataclass(kw_only=True)
class Reader:
    """Reads the pointer without a pause; use it in ``with``.

    Attributes:
        reads: How often it was read.
        missing: How often nothing served by it.
    """

    folder: Path
    reads: int = 0
    missing: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._read_on, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _read_on(self) -> None:
        with open_store(folder=self.folder) as store:
            while not self._over.is_set():
                with store.read() as connection:
                    for _ in range(10):
                        pointer = read_pointer(connection, ENVIRONMENT)
                        self.reads += 1
                        self.missing += pointer.stable is None or not pointer.weights


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What the supervisor and the gateway take.

    Attributes:
        files: Open file descriptors.
        processes: Of the environment, replicas among them.
        memory: Unique bytes (USS).
    """

    files: int
    processes: int
    memory: int


def peak(playground: Playground) -> Sizes:
    """Return the largest sizes over some rotations of the log."""
    until = time.monotonic() + PEAK_SECONDS
    seen = []
    while time.monotonic() < until:
        seen.append(sizes(playground))
        time.sleep(0.1)
    return Sizes(
        files=max(each.files for each in seen),
        processes=max(each.processes for each in seen),
        memory=max(each.memory for each in seen),
    )


def sizes(playground: Playground) -> Sizes:
    """Measure the processes that stay."""
    layout = playground.layout
    files = memory = 0
    for file in (read_supervisor(layout), read_gateway(layout)):
        process = None if file is None else file.identity.process()
        if process is None:
            raise RuntimeError(f"a process does not run; its file is {file}")
        files += process.num_fds()
        memory += process.memory_full_info().uss
    return Sizes(files=files, processes=len(find_marked(str(layout.root))), memory=memory)


def switch(playground: Playground, lease: Lease, to: str, other: str) -> float:
    """Move the pointer to one of two versions that run; return the seconds until all requests follow."""
    manager = playground.manager()
    begun = time.monotonic()
    with lease.write() as connection:
        before = read_pointer(connection, ENVIRONMENT)
        moved = move_pointer(
            connection,
            ENVIRONMENT,
            Pointer(stable=to, previous=other, weights={to: 100.0}),
            expected=before.revision,
            fence=lease.fence,
            actor="bench",
            reason="switch",
            at=manager.now(),
        )
    while manager.target.routed() < moved.revision:
        time.sleep(0.002)
    return time.monotonic() - begun


def both_run(playground: Playground, lease: Lease, names: tuple[str, str]) -> None:
    """Have the replicas of two deployments run, the first of which was stopped; wait until they do."""
    _until_ended(playground, names[0])  # or what still answers its last requests would be taken for ready
    with lease.write() as connection:
        for name in names:
            change_deployment(connection, name, at=playground.manager().now(), desired_replicas=1)
    deadline = time.monotonic() + 60
    for name in names:
        while not any(
            replica.ready for replica in read_replicas(playground.layout) if replica.deployment_id == name
        ):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} does not get ready")
            time.sleep(0.05)


def failures_of(output: str) -> tuple[int, int]:
    """Return (requests, failed ones) of what wrk printed."""
    requests = int(re.search(r"(\d+) requests in", output)[1])  # type: ignore[index]
    failed = sum(int(number) for number in re.findall(r"Non-2xx or 3xx responses: (\d+)", output))
    found = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    return requests, failed + (sum(map(int, found.groups())) if found else 0)


def main() -> int:
    """Measure, print, and say by the exit code whether every limit holds."""
    parser = argparse.ArgumentParser(description="Switch versions under load.")
    parser.add_argument("--switches", type=int, default=1000)
    parser.add_argument("--deploys", type=int, default=20)
    options = parser.parse_args()
    wrk = shutil.which("wrk")
    if wrk is None:
        sys.stdout.write("wrk is not installed; it comes with Debian's package wrk\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="mlops-switch-") as scratch:
        return _measure(Path(scratch) / "project", wrk, options.switches, options.deploys)


def _measure(folder: Path, wrk: str, switches: int, deploys: int) -> int:
    log = f"gateway: {{log: {{rotate_seconds: {ROTATE_SECONDS}}}, "
    config = CONFIG.replace("gateway: {", log)
    rollout = "{bake: 0.2, deadline: 60.0, retain: 2}"
    with Playground(folder, rollout=rollout, config=config) as playground:
        url = playground.up()
        for name in ("1", "2"):
            if not playground.deploy(name).success:
                sys.stdout.write(f"version {name} does not serve\n")
                return 1
        script = folder / "post.lua"
        script.write_text('wrk.method = "POST"\nwrk.body = "{}"\n', encoding="utf-8")
        command = [wrk, "-t1", "-c8", "-d3600s", "--timeout", "20s", "-s", str(script), f"{url}/predict"]
        load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            with Reader(folder=folder) as reader:
                seconds = _switch_on(playground, switches)
                before = None
                for number in range(WARM_DEPLOYS + deploys):
                    if number == WARM_DEPLOYS:
                        before = _settled(playground)
                    result = playground.deploy(str(number + 3))
                    if not result.success:
                        sys.stdout.write(f"{result.deployment.message}\n")
                        return 1
                while reader.reads < 100_000:
                    time.sleep(0.1)
                after = _settled(playground)
        finally:
            load.send_signal(2)
            output = load.communicate()[0]
    if before is None:
        raise RuntimeError("nothing was measured")
    requests, failed = failures_of(output)
    grown = {
        name: getattr(after, name) / getattr(before, name) - 1 for name in ("files", "processes", "memory")
    }
    median, longest = 1000 * statistics.median(seconds), 1000 * max(seconds)
    lines = [
        f"{switches} switches: median {median:.0f} ms, longest {longest:.0f} ms; {deploys} deployments",
        f"requests {requests:,}, failed {failed}",
        f"reads of the pointer {reader.reads:,}, without one {reader.missing}",
        *(
            f"{name}: {getattr(before, name):,} -> {getattr(after, name):,} ({growth:+.1%})"
            for name, growth in grown.items()
        ),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    holds = failed == 0 and reader.missing == 0 and all(growth <= GROWTH for growth in grown.values())
    sys.stdout.write("every limit holds\n" if holds else "a limit does not hold\n")
    return 0 if holds else 1


def _settled(playground: Playground) -> Sizes:
    """Measure when nothing is under way and the last replica has ended."""
    playground.settle()
    time.sleep(6.0)
    return peak(playground)


def _switch_on(playground: Playground, count: int) -> list[float]:
    names = ("production.1", "production.2")
    with acquire(playground.store, ENVIRONMENT, actor="bench") as lease:
        both_run(playground, lease, names)
        seconds = [
            switch(playground, lease, names[number % 2], names[1 - number % 2]) for number in range(count)
        ]
        switch(playground, lease, "production.2", "production.1")
        with lease.write() as connection:
            change_deployment(connection, "production.1", at=playground.manager().now(), desired_replicas=0)
    _until_ended(playground, names[0])
    return seconds


def _until_ended(playground: Playground, name: str) -> None:
    while any(psutil.pid_exists(pid) for pid in _pids(playground, name)):
        time.sleep(0.1)


def _pids(playground: Playground, name: str) -> list[int]:
    files = read_replicas(playground.layout)
    return [file.pid for file in files if file.deployment_id == name and file.pid is not None]


if __name__ == "__main__":
    sys.exit(main())
