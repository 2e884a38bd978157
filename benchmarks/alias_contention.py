"""Many processes move one alias by compare-and-set; afterwards nothing may be lost.

``python -m benchmarks.alias_contention --processes 16 --moves 500`` exits with 1 if a move is missing, a
revision was skipped, the history does not lead from one version to the next, or the log does not
verify. Each process says which revision it was given for each of its moves, so that a lost one has a name.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlops.errors import ConflictError
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.registry.registry import Registry
from pytest_mlops.store.engine import open_store
from pytest_mlops.store.log import verify_log

if TYPE_CHECKING:
    from pytest_mlops.registry.entries import AliasMove

MODEL, ALIAS, VERSIONS = "contended", "champion", 4
PAUSE = 0.002
"""Seconds; the longest wait after a first refusal is twice that."""

PATIENCE = 120.0
"""Seconds to wait for the lock: the last of many processes waits for all the others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contention:
    """What came of it."""

    moves: int
    conflicts: int
    seconds: float
    problems: tuple[str, ...]


def contend(url: str, *, processes: int, moves: int) -> Contention:
    """Run the processes against the store at ``url`` and look at what they left there."""
    with open_store(url, timeout=PATIENCE) as store:
        registry = Registry(store, actor="set-up")
        for number in range(VERSIONS):
            registry.register(ModelVersion(model_id=MODEL, version_id=str(number)))
    started = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.alias_contention", "--worker", url, "--moves", str(moves)]
    workers = [
        subprocess.Popen([*command, "--name", f"worker-{n}"], stdout=subprocess.PIPE, text=True)
        for n in range(processes)
    ]
    answers = [(worker.communicate()[0], worker.returncode) for worker in workers]
    seconds = time.perf_counter() - started
    failed = [f"worker {n} exited with {code}" for n, (_, code) in enumerate(answers) if code != 0]
    if failed:
        return Contention(moves=0, conflicts=0, seconds=seconds, problems=tuple(failed))
    said = [json.loads(text) for text, _ in answers]
    acknowledged = {revision: f"worker-{n}" for n, one in enumerate(said) for revision in one["revisions"]}
    return Contention(
        moves=sum(len(one["revisions"]) for one in said),
        conflicts=sum(one["conflicts"] for one in said),
        seconds=seconds,
        problems=tuple(find_problems(url, acknowledged, expected=processes * moves)),
    )


def find_problems(url: str, acknowledged: dict[int, str], *, expected: int) -> list[str]:
    """Hold what the processes were told against what the store says."""
    problems = []
    with open_store(url) as store:
        registry = Registry(store, actor="inspection")
        moves: list[AliasMove] = []
        cursor = None
        while True:
            page = registry.alias_history(MODEL, ALIAS, cursor=cursor, limit=1000)
            moves += page.moves
            cursor = page.cursor
            if cursor is None:
                break
        moves.reverse()
        if [move.revision for move in moves] != list(range(1, expected + 1)):
            problems.append(f"the history has {len(moves)} moves; expected 1 to {expected} without a gap")
        if {move.revision: move.moved_by for move in moves} != acknowledged:
            problems.append("the history is not what the processes were told")
        point = None
        for move in moves:
            if move.previous != point:
                problems.append(
                    f"move {move.revision} starts from {move.previous}; the one before ended at {point}"
                )
            point = move.version_id
        if registry.get_by_alias(MODEL, ALIAS).version_id != point:
            problems.append("the alias does not point to where it was last moved")
        with store.read() as connection:
            entries = verify_log(connection).entries
        if entries != expected + VERSIONS:
            problems.append(f"the log has {entries} entries; expected {expected + VERSIONS}")
    return problems


def _work(url: str, *, name: str, moves: int) -> None:
    """Move the alias ``moves`` times, each time from where it was seen to point.

    A process that was too late waits for a random time, longer each time: sixteen that try again at
    once make fifteen refusals of each move.
    """
    revisions: list[int] = []
    conflicts = streak = 0
    with open_store(url, timeout=PATIENCE) as store:
        registry = Registry(store, actor=name)
        while len(revisions) < moves:
            now = registry.alias_state(MODEL, ALIAS).version_id
            target = str((int(now or 0) + 1) % VERSIONS)
            try:
                move = registry.move_alias(MODEL, ALIAS, target, expected=now, reason="it is my turn")
            except ConflictError:
                conflicts, streak = conflicts + 1, streak + 1
                time.sleep(random.uniform(0, PAUSE * 2 ** min(streak, 6)))
            else:
                streak = 0
                revisions.append(move.revision)
    print(json.dumps({"revisions": revisions, "conflicts": conflicts}))


def main(argv: list[str] | None = None) -> int:
    """Measure, print what came of it, return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.alias_contention", description="Compare-and-set under contention."
    )
    parser.add_argument("--url", help="store to use; by default a new SQLite file")
    parser.add_argument("--processes", type=int, default=16)
    parser.add_argument("--moves", type=int, default=500, help="of each process")
    parser.add_argument("--worker", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--name", default="worker", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.worker is not None:
        _work(options.worker, name=options.name, moves=options.moves)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        url = options.url or f"sqlite:///{Path(folder) / 'store.db'}"
        found = contend(url, processes=options.processes, moves=options.moves)
    took = f"{found.seconds:.1f} s ({found.moves / found.seconds:,.0f} a second)"
    print(f"{found.moves:,} moves and {found.conflicts:,} conflicts in {took}")
    for problem in found.problems:
        print(f"  {problem}")
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main())
