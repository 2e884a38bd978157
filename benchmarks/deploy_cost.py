"""What a deployment of a large model costs beside the reading and writing that it cannot do without.

``python -m benchmarks.deploy_cost`` deploys a model of 2 GB to a local environment that is up, and takes off
the time from the start of its replica to its health, which is the model's. It holds what is left against one
pass in Python that hashes, copies and fsyncs the same file and three passes of hashlib over it, in turn with
it; it exits with 1 if the limit does not hold.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks._deployments import Playground, evidence_of
from benchmarks._limits import Finding, report
from benchmarks._pairs import ratio
from pytest_mlops.state.journal import read_journal
from pytest_mlops.state.steps import Phase, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks._deployments import Version
    from pytest_mlops.state.steps import Entry

LIMIT = 1.3
HASHES = 3
CHUNK = 1024 * 1024


def main(argv: list[str] | None = None) -> int:
    """Measure, print the table, return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deploy_cost", description="Cost of deploy.")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (default: 5)")
    parser.add_argument("--gigabytes", type=float, default=2.0, help="size of the model (default: 2)")
    options = parser.parse_args(argv)
    with (
        tempfile.TemporaryDirectory() as name,
        Playground(Path(name), rollout="{bake: 0, retain: 1}") as playground,
    ):
        playground.up()
        version = playground.version("1", weights=int(options.gigabytes * 1e9))
        return report(measure(playground, version, options.rounds))


def measure(playground: Playground, version: Version, rounds: int) -> list[Finding]:
    """Deploy and read in turn, the file in memory for both; a first round goes unmeasured."""
    ours: list[float] = []
    theirs: list[float] = []
    weights, copy = version.model / "weights.bin", playground.folder / "copy.bin"
    for number in range(rounds + 1):
        for deploys in (True, False) if number % 2 else (False, True):
            os.sync()  # what was written before is none of the next one's
            seconds = deploy(playground, version) if deploys else read_and_write(weights, copy)
            if number:
                (ours if deploys else theirs).append(seconds)
    cost = ratio(ours, theirs)
    return [
        Finding(
            what="deploy - start and health / passes",
            value=cost.median,
            low=cost.low,
            high=cost.high,
            limit=LIMIT,
        ),
        seconds_of("deploy - start and health, s", ours),
        seconds_of(f"one copy and {HASHES} hashes, s", theirs),
    ]


def deploy(playground: Playground, version: Version) -> float:
    """Deploy a version; return the seconds that took, without those until its replica was healthy."""
    began = time.perf_counter()
    result = playground.manager().deploy(evidence_of(version))
    seconds = time.perf_counter() - began
    if not result.success:
        raise RuntimeError(f"the deployment failed: {result.deployment.message}")
    with playground.store.read() as connection:
        journal = read_journal(connection, result.deployment.deployment_id)
    return seconds - (at(journal, Step.PROBE, Phase.DONE) - at(journal, Step.START, Phase.BEGUN))


def at(journal: Sequence[Entry], step: Step, phase: Phase) -> float:
    """Return when a step came to a phase, in seconds since the epoch."""
    return next(entry.at for entry in journal if (entry.step, entry.phase) == (step, phase))


def read_and_write(weights: Path, copy: Path) -> float:
    """Hash, copy and fsync a file in one pass, and hash it again; return the seconds that it took."""
    began = time.perf_counter()
    digest, buffer = hashlib.sha256(), memoryview(bytearray(CHUNK))
    with weights.open("rb", buffering=0) as source, copy.open("wb", buffering=0) as target:
        while count := source.readinto(buffer):
            digest.update(buffer[:count])
            target.write(buffer[:count])
        os.fsync(target.fileno())
    for _ in range(HASHES):
        with weights.open("rb", buffering=0) as source:
            if hashlib.file_digest(source, "sha256").digest() != digest.digest():
                raise RuntimeError(f"{weights} changed while it was read")
    seconds = time.perf_counter() - began
    copy.unlink()
    return seconds


def seconds_of(what: str, seconds: Sequence[float]) -> Finding:
    """Return times for information: on another machine they are others."""
    median = sorted(seconds)[len(seconds) // 2]
    return Finding(what=what, value=median, low=min(seconds), high=max(seconds))


if __name__ == "__main__":
    raise SystemExit(main())
