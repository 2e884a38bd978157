"""Verification: whether an integration result is what it says it is. Fails closed, with one sentence."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_mlops.decision.counts import count_outcomes
from pytest_mlops.decision.judge import judge_again
from pytest_mlops.errors import EvidenceError, ModelArtifactNotFound, SerializationError
from pytest_mlops.evidence.digest import digest_artifact
from pytest_mlops.records.codec import MAX_RECORD_BYTES, load_integration_result, policy_digest
from pytest_mlops.records.integration import IntegrationResult, Judgement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Verified", "read_record", "verify_record"]

CHUNK = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """A record that stood up, and what it was held against."""

    record: IntegrationResult
    checks: tuple[str, ...]
    notes: tuple[str, ...]
    """What could not be held against anything."""


def read_record(path: Path) -> IntegrationResult:
    """Read a record from a file.

    Raises:
        EvidenceError: there is none, or it is not one.
    """
    try:
        if path.stat().st_size > MAX_RECORD_BYTES:
            raise EvidenceError(
                f"{path} has {path.stat().st_size:,} bytes; at most {MAX_RECORD_BYTES:,} are read"
            )
        return load_integration_result(path.read_bytes())
    except OSError as error:
        raise EvidenceError(f"cannot read {path}: {error.strerror or error}") from error
    except SerializationError as error:
        raise EvidenceError(f"{path}: {error}") from error


def verify_record(
    record: IntegrationResult,
    *,
    folder: Path,
    run_id: str | None = None,
    model: Path | None = None,
) -> Verified:
    """Hold a record against everything that can be had without a signature.

    Args:
        record: The record.
        folder: Where it lies; arrays and artifacts lie beside it.
        run_id: The run it has to be of.
        model: The model's files; ``None`` if they cannot be had, which the answer then notes.

    Raises:
        EvidenceError: the first check that does not hold, with what was found and what was expected.
    """
    checks, notes = ["schema"], []
    _check_counts(record)
    checks.append("counts of the test results")
    _check_policy(record)
    checks.append("policy digest")
    _check_judgement(record)
    checks.append("verdict, reached again from the recorded evidence")
    if run_id is None:
        notes.append("no run id was asked for, so an older run's record would not be noticed")
    elif record.run_id != run_id:
        raise EvidenceError(f"the record is of run {record.run_id}; expected run {run_id}")
    else:
        checks.append("run id")
    if model is not None:
        _check_model(record, model)
        checks.append("model digest")
    else:
        notes.append(
            "the record names no model bytes" if not _digest_of(record) else "the model was not at hand"
        )
    missing = _check_files(record, folder)
    if missing:
        notes.append(f"{missing} of the arrays and artifacts do not lie beside the record")
    elif record.arrays or record.artifacts:
        checks.append("arrays and artifacts")
    return Verified(record=record, checks=tuple(checks), notes=tuple(notes))


def _digest_of(record: IntegrationResult) -> str | None:
    return record.model_version.digest if record.model_version is not None else None


def _check_counts(record: IntegrationResult) -> None:
    results = record.test_results
    for name, expected in count_outcomes(results.results).items():
        got = getattr(results, name)
        if got != expected:
            raise EvidenceError(f"the record says {name} = {got}, but its results make {expected}")
    names = [result.test_name for result in results.results]
    if len(set(names)) != len(names):
        raise EvidenceError("the record lists a test twice")
    keys = [measurement.key for measurement in record.measurements]
    if len(set(keys)) != len(keys):
        raise EvidenceError("the record holds two numbers under one key")
    strangers = {measurement.test for measurement in record.measurements} - set(names)
    if strangers:
        raise EvidenceError(f"the record holds a number of {min(strangers)}, a test that it does not list")


def _check_policy(record: IntegrationResult) -> None:
    expected = policy_digest(record.policy)
    if record.policy_digest != expected:
        raise EvidenceError(f"the policy's digest is {expected}; the record states {record.policy_digest}")


def _check_judgement(record: IntegrationResult) -> None:
    again = judge_again(record).model_dump(mode="json")
    stated = record.model_dump(mode="json", include=set(Judgement.model_fields))
    for path, got, expected in _differences(stated, again, ""):
        raise EvidenceError(
            f"the record states {path} = {got!r:.120}, but its own evidence makes {expected!r:.120}"
        )


def _differences(stated: Any, again: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield where two JSON values differ; numbers may differ in the last digits of another platform."""
    if isinstance(stated, dict) and isinstance(again, dict):
        for key in sorted(stated.keys() | again.keys()):
            inner = f"{path}.{key}" if path else key
            yield from _differences(stated.get(key), again.get(key), inner)
    elif isinstance(stated, list) and isinstance(again, list) and len(stated) == len(again):
        for index, (left, right) in enumerate(zip(stated, again, strict=True)):
            yield from _differences(left, right, f"{path}[{index}]")
    elif isinstance(stated, float) and isinstance(again, float):
        if not math.isclose(stated, again, rel_tol=1e-9, abs_tol=1e-12):
            yield path, stated, again
    elif stated != again:
        yield path, stated, again


def _check_model(record: IntegrationResult, model: Path) -> None:
    expected = _digest_of(record)
    if expected is None:
        raise EvidenceError("the record names no model bytes, so no model can be held against it")
    try:
        got = digest_artifact(model).digest
    except ModelArtifactNotFound as error:
        raise EvidenceError(str(error)) from error
    if got != expected:
        raise EvidenceError(f"the model at {model} has the digest {got}; the record is of {expected}")


def _check_files(record: IntegrationResult, folder: Path) -> int:
    """Check the bytes of what lies beside the record; return how many are not there."""
    missing = 0
    files = [(folder / "arrays" / f"{array.digest}.npz", array.digest) for array in record.arrays]
    files += [(folder / "artifacts" / artifact.digest, artifact.digest) for artifact in record.artifacts]
    for path, expected in files:
        if not path.is_file():
            missing += 1
            continue
        with path.open("rb") as stream:
            got = hashlib.file_digest(stream, "sha256").hexdigest()
        if got != expected:
            raise EvidenceError(f"{path.name} has the digest {got}; its bytes were changed after the run")
    return missing
