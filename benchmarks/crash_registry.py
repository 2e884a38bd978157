"""A registry that is killed at random instants: what it acknowledged is there, and nothing points nowhere.

``python -m benchmarks.crash_registry --rounds 200`` exits with 1 if a round fails. In each round a process of
its own registers versions with bytes and evidence, records results and moves an alias, says on a pipe what
was done, and is killed by SIGKILL after a random time. Then the store is held against what was said.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pytest_mlops.decision.counts import count_outcomes
from pytest_mlops.decision.judge import judge
from pytest_mlops.errors import MLOpsError
from pytest_mlops.records.codec import policy_digest
from pytest_mlops.records.integration import CodeQuality, IntegrationResult, Provenance
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.records.policy import Policy
from pytest_mlops.records.results import OrdinaryTests, Outcome, SessionFacts, TestResult, TestResults
from pytest_mlops.registry.artifacts import open_artifacts
from pytest_mlops.registry.registry import Registry
from pytest_mlops.store.engine import open_store
from pytest_mlops.store.history import get_result, record_result
from pytest_mlops.store.log import verify_log
from pytest_mlops.verdict import Context

MODEL, ALIAS = "crashing", "champion"
ALL = 10**9
"""Results to keep: the history is not to let go of what will be asked for."""

LONGEST = 0.4
"""Seconds after its first acknowledgement until a process is killed, at most."""


def crash(folder: Path, rounds: int, *, seed: int) -> tuple[int, list[str]]:
    """Kill a process ``rounds`` times; return how many acknowledgements there were, and what was wrong."""
    rng = random.Random(seed)
    said: list[dict[str, Any]] = []
    problems: list[str] = []
    for number in range(rounds):
        new = _killed(folder, number, after=rng.uniform(0, LONGEST))
        said += new
        problems += [f"round {number}: {problem}" for problem in inspect(folder, new)]
        if problems:
            break
    problems += [f"at the end: {problem}" for problem in inspect(folder, said)]
    return len(said), problems


def _killed(folder: Path, number: int, *, after: float) -> list[dict[str, Any]]:
    """Run a worker, kill it, and return what it had acknowledged by then."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.crash_registry",
        "--worker",
        str(folder),
        "--round",
        str(number),
    ]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    first = worker.stdout.readline()
    killer = threading.Timer(after, worker.kill)
    killer.start()
    rest = worker.stdout.read()
    worker.wait()
    killer.cancel()
    worker.stdout.close()
    lines = [first, *rest.splitlines(keepends=True)]
    return [json.loads(line) for line in lines if line.endswith("\n")]


def inspect(folder: Path, said: list[dict[str, Any]]) -> list[str]:
    """Open the store and hold it against what was acknowledged."""
    problems = []
    with open_store(folder=folder) as store:
        registry = Registry(store, artifacts=open_artifacts(folder=folder), actor="inspection")
        revision = 0
        for one in said:
            try:
                problems += _missing(registry, one)
            except MLOpsError as error:
                problems.append(f"{one}: {error}")
            revision = max(revision, one.get("revision", 0))
        state = registry.alias_state(MODEL, ALIAS)
        if state.revision < revision:
            problems.append(f"the alias is at revision {state.revision}; {revision} was acknowledged")
        if state.version_id is not None:
            entry = registry.get(MODEL, state.version_id)  # raises where it points nowhere
            assert registry.artifacts is not None
            registry.artifacts.verify(str(entry.digest))
        with store.read() as connection:
            verify_log(connection)
    return problems


def _missing(registry: Registry, one: dict[str, Any]) -> list[str]:
    if "version" in one and registry.get(MODEL, one["version"]).digest != one["digest"]:
        return [f"version {one['version']} has other bytes than were acknowledged"]
    if "run" in one:
        get_result(registry.store, one["run"])
    return []


def _work(folder: Path, number: int) -> None:
    """Register, record and move until the process is killed."""
    with open_store(folder=folder) as store:
        artifacts = open_artifacts(folder=folder)
        registry = Registry(store, artifacts=artifacts, actor=f"round-{number}")
        model = folder / f"model-{number}"
        for count in itertools.count():
            name = f"{number}.{count}"
            model.write_text(name, encoding="utf-8")
            digest = artifacts.put(model).digest
            version = ModelVersion(model_id=MODEL, version_id=name, digest=digest)
            record_result(store, _record(version), actor=registry.actor, keep=ALL)
            _say(run=name)
            registry.register(version, run_id=name, stored=True)
            _say(version=name, digest=digest)
            state = registry.alias_state(MODEL, ALIAS)
            move = registry.move_alias(
                MODEL, ALIAS, name, expected=state.version_id, reason="next", run_id=name
            )
            _say(revision=move.revision)


def _say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def _record(version: ModelVersion) -> IntegrationResult:
    """Return the record of a run whose id is the version's."""
    test = TestResult(
        test_name="test_model.py::test_it", passed=True, outcome=Outcome.PASSED, conclusive=True
    )
    results = TestResults(
        results=(test,), ordinary=OrdinaryTests(), session=SessionFacts(), **count_outcomes((test,))
    )
    now, policy = datetime.now(UTC), Policy()
    judgement = judge(
        results=results,
        measurements=(),
        code_quality=CodeQuality(),
        model_version=version,
        policy=policy,
        context=Context.LOCAL,
        today=now.date(),
    )
    return IntegrationResult(
        **{name: getattr(judgement, name) for name in type(judgement).model_fields},
        run_id=version.version_id,
        context=Context.LOCAL,
        model_version=version,
        test_results=results,
        policy=policy,
        policy_digest=policy_digest(policy),
        provenance=Provenance(tool_version="0", pytest_version="0", python="3", platform="any"),
        duration=1.0,
        timestamp=now,
    )


def main(argv: list[str] | None = None) -> int:
    """Crash, inspect, print what came of it, return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.crash_registry", description="Kill a registry at random instants."
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--worker", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--round", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.worker is not None:
        _work(options.worker, options.round)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        said, problems = crash(Path(folder), options.rounds, seed=options.seed)
    took = time.perf_counter() - started
    print(f"{options.rounds} crashes, {said:,} acknowledged changes, {len(problems)} problems, {took:.0f} s")
    for problem in problems:
        print(f"  {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
