"""Model tests run in this process, without pytest's collection, fixtures or options.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

import asyncio
import inspect
import os
import tempfile
import time
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.checks.base import CheckFailed
from pytest_mlops.checks.model_test import read_return_value
from pytest_mlops.ci.context import context_of, new_run_id
from pytest_mlops.ci.provenance import collect_provenance
from pytest_mlops.config.load import LoadedConfig, load_config
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.gate.marks import read_mark, undeclared
from pytest_mlops.gate.narrowing import Narrowing
from pytest_mlops.gate.output import keep_history, write_record
from pytest_mlops.gate.recorder import Recorder
from pytest_mlops.gate.run import GateRun, RunEvents
from pytest_mlops.gate.seal import seal, unfinished
from pytest_mlops.gate.settle import digest_model
from pytest_mlops.gate.sink import Sink
from pytest_mlops.gate.tally import RunTally, TestEntry
from pytest_mlops.gate.worker_config import WorkerConfig, WorkerSettings
from pytest_mlops.records.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.checks.model_test import ModelTest
    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.records.model import ModelVersion
    from pytest_mlops.records.results import TestResults
    from pytest_mlops.verdict import Context

__all__ = ["Thresholds", "integrate_tests", "run_model_tests"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """Thresholds that raise those of a configuration and never lower them."""

    min_coverage: float = 0.0
    min_quality_score: float = 0.0


async def run_model_tests(tests: Sequence[ModelTest], model_version: ModelVersion) -> TestResults:
    """Run model tests one after another and return the outcome of each; nothing is kept on disk."""
    with tempfile.TemporaryDirectory(prefix="mlops-") as scratch:
        path = Path(scratch) / "integration-result.json"
        run = _describe(model_version, folder=Path(scratch), path=path, loaded=None, context=None)
        return (await _run(tests, run)).test_results


async def integrate_tests(
    tests: Sequence[ModelTest],
    model_version: ModelVersion,
    *,
    folder: Path,
    path: Path,
    config: Path | None,
    thresholds: Thresholds,
    context: Context | None,
) -> IntegrationResult:
    """Run model tests, judge them, write the record, and keep it in a configured history.

    Args:
        tests: The tests.
        model_version: The version under test.
        folder: Where ``artifact_path`` starts from if there is no configuration.
        path: Where the record goes.
        config: ``mlops.yaml`` with the policy; by default the built-in one applies.
        thresholds: At least what has to be reached.
        context: Where the verdict is needed; by default from the environment.

    Raises:
        ConfigError: the configuration is wrong.
        ModelArtifactNotFound: the model's files are missing.
        IoError: the record could not be written.
    """
    loaded = None if config is None else load_config(config)
    run = _describe(
        model_version, folder=folder, path=path, loaded=loaded, context=context, thresholds=thresholds
    )
    write_record(run, unfinished(run))
    record = await _run(tests, run)
    write_record(run, record)
    problem = await asyncio.to_thread(keep_history, run, record)
    if problem is not None:
        warnings.warn(problem, stacklevel=2)
    return record


def _describe(
    version: ModelVersion,
    *,
    folder: Path,
    path: Path,
    loaded: LoadedConfig | None,
    context: Context | None,
    thresholds: Thresholds | None = None,
) -> GateRun:
    """Settle what the tests are judged under. Without ``thresholds`` nothing is judged, nor any byte read."""
    start, policy = folder, Policy()
    if loaded is not None:
        start, policy = loaded.path.parent, loaded.config.policy()
    artifact = None
    if thresholds is not None:
        raised = {
            "min_coverage": max(policy.gate.min_coverage, thresholds.min_coverage),
            "min_quality_score": max(policy.gate.min_quality_score, thresholds.min_quality_score),
        }
        policy = policy.model_copy(update={"gate": policy.gate.model_copy(update=raised)})
        artifact = digest_model(start, version)
        if artifact is not None:
            version = version.model_copy(update={"digest": artifact[1].digest})
    return GateRun(
        run_id=new_run_id(),
        path=path,
        folder=start,
        config=loaded,
        context=context_of(context, os.environ),
        policy=policy,
        model_version=version,
        artifact=artifact,
        narrowing=Narrowing(),
        provenance=collect_provenance(
            environ=os.environ,
            folder=start,
            pytest_version=pytest.__version__,
            config=None if loaded is None else os.path.relpath(loaded.path, folder),
        ),
        started=datetime.now(UTC),
    )


async def _run(tests: Sequence[ModelTest], run: GateRun) -> IntegrationResult:
    version = run.model_version
    if version is not None and run.artifact is not None:
        version = version.model_copy(update={"artifact_path": str(run.artifact[0])})
    worker_config = WorkerConfig(
        WorkerSettings(
            folder=str(run.path.parent),
            model_version=None if version is None else version.model_dump(mode="json"),
        )
    )
    tally, events = RunTally(), RunEvents()
    cells = [(cell.name, cell.dataset) for cell in run.policy.cells()]
    for test in tests:
        name = _unused(_name(test), tally)
        mark = read_mark(pytest.mark.model_test(covers=test.covers, dataset=test.dataset).mark)
        problem = mark if isinstance(mark, str) else undeclared(mark, cells)
        if problem is not None or isinstance(mark, str):
            events.collection_errors[f"{name} {problem}"] = None
            continue
        tally.entries[name] = await _run_one(test, Sink(node_id=name, mark=mark), worker_config, version)
    for check in () if run.config is None else run.config.config.checks:
        tally.entries[_unused(check.title(), tally)] = TestEntry(
            covers=(),
            dataset=check.dataset,
            outcome="incomplete",
            message="a check of mlops.yaml needs pytest's fixtures; run it with pytest --mlops-gate",
        )
    return seal(run, tally, events)


async def _run_one(
    test: ModelTest, sink: Sink, worker_config: WorkerConfig, version: ModelVersion | None
) -> TestEntry:
    entry = TestEntry(covers=sink.mark.covers, dataset=sink.mark.dataset)
    recorder = Recorder(sink, worker_config)
    started = time.perf_counter()
    try:
        test.mlops = recorder
        # In a thread, where a test may start an event loop of its own.
        answer = await asyncio.to_thread(test.run, version)
        if inspect.isawaitable(answer):
            answer = await answer
        read_return_value(_name(test), answer)
        entry.outcome, entry.conclusive = "passed", True
    except (asyncio.CancelledError, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 -- whatever a test raises is its outcome
        entry.outcome = _outcome(error)
        entry.conclusive = entry.outcome == "failed"
        entry.message = _first_line(error)
    finally:
        test.mlops = None
        entry.duration = time.perf_counter() - started
        recorded = sink.drain()
        entry.payloads = () if recorded is None else (recorded,)
    return entry


def _outcome(error: BaseException) -> str:
    if isinstance(error, IncompleteEvidence):
        return "incomplete"
    return "skipped" if isinstance(error, pytest.skip.Exception) else "failed"


def _first_line(error: BaseException) -> str:
    line = next((each.strip() for each in str(error).splitlines() if each.strip()), "")
    plain = isinstance(error, CheckFailed | IncompleteEvidence | pytest.skip.Exception)
    return (line if plain and line else f"{type(error).__name__}: {line}".rstrip(": "))[:300]


def _name(test: ModelTest) -> str:
    try:
        return str(test.get_name()) or type(test).__name__
    except Exception:  # noqa: BLE001 -- a test whose name raises still has one
        return type(test).__name__


def _unused(name: str, tally: RunTally) -> str:
    """Return ``name``, numbered where another test has it."""
    known, number = name, 1
    while name in tally.entries:
        number += 1
        name = f"{known}#{number}"
    return name
