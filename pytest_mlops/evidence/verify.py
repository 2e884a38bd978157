"""Verification: whether an integration result is what it claims to be. Fails closed, with one message."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_mlops.decision.consistency import comparison_contradictions, contradictions
from pytest_mlops.decision.counts import count_outcomes, evidence_of
from pytest_mlops.decision.judge import judge_again
from pytest_mlops.errors import EvidenceError, ModelArtifactNotFound, SerializationError
from pytest_mlops.evidence.digest import digest_artifact
from pytest_mlops.files import read_bytes
from pytest_mlops.records.codec import MAX_RECORD_BYTES, load_integration_result, policy_digest
from pytest_mlops.records.integration import GateJudgement, IntegrationResult
from pytest_mlops.records.results import Outcome
from pytest_mlops.strict_json import differences

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_mlops.evidence.digest import ArtifactDigest
    from pytest_mlops.records.results import TestResult

__all__ = [
    "Verified",
    "check_counts",
    "check_files",
    "check_judgement",
    "check_model",
    "check_policy",
    "parse_record",
    "read_record",
    "verify_record",
]

_NEVER_CONCLUSIVE = frozenset(
    {
        Outcome.SKIPPED,
        Outcome.DESELECTED,
        Outcome.NOT_RUN,
        Outcome.CRASHED,
        Outcome.INCOMPLETE,
        Outcome.UNDECIDED,
    }
)


_NOTES = {"__all__": {"note"}}
_MESSAGES: dict[str, Any] = {
    "reasons": {"__all__": {"text"}},
    "rules": {"__all__": {"message"}},
    "quality": {"components": _NOTES, "metrics": _NOTES, "code": _NOTES},
}
"""The fields of a judgement that hold messages."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """A record that was verified, and what it was checked against."""

    record: IntegrationResult
    """With the judgement recomputed from its evidence: the messages that it states are not compared."""
    checks: tuple[str, ...]
    notes: tuple[str, ...]
    """What could not be checked against anything."""


def read_record(path: Path) -> IntegrationResult:
    """Read a record from a file.

    Raises:
        EvidenceError: there is none, or it is not one.
    """
    return parse_record(read_bytes(path, limit=MAX_RECORD_BYTES), str(path))


def parse_record(data: bytes, source: str) -> IntegrationResult:
    """Read a record from its bytes.

    Raises:
        EvidenceError: they are none; the message names ``source``.
    """
    try:
        return load_integration_result(data)
    except SerializationError as error:
        raise EvidenceError(f"{source}: {error}") from error


def verify_record(
    record: IntegrationResult,
    *,
    folder: Path,
    run_id: str | None = None,
    model: Path | None = None,
    digest: Callable[[Path], ArtifactDigest] = digest_artifact,
) -> Verified:
    """Hold a record against everything that can be had without a signature.

    Args:
        record: The record.
        folder: Where it lies; arrays and artifacts lie beside it.
        run_id: The run it has to be of.
        model: The model's files; ``None`` if they cannot be had, which the answer then notes.
        digest: How the model's digest is made; by default every byte is read.

    Raises:
        EvidenceError: the first check that does not hold, with what was found and what was expected.
    """
    checks, notes = ["schema"], []
    check_counts(record)
    checks.append("counts of the test results")
    check_policy(record)
    checks.append("policy digest")
    record = record.model_copy(update=dict(check_judgement(record)))
    checks.append("verdict, reached again from the recorded evidence")
    if run_id is None:
        notes.append("no run id was given, so the record of an older run would not be noticed")
    elif record.run_id != run_id:
        raise EvidenceError(f"the record is of run {record.run_id}; expected run {run_id}")
    else:
        checks.append("run id")
    if model is not None:
        check_model(record, model, digest)
        checks.append("model digest")
    else:
        notes.append(
            "the record has no model digest" if not _digest_of(record) else "the model was not presented"
        )
    missing = check_files(record, folder)
    if missing:
        notes.append(f"{missing} of the arrays and artifacts are not beside the record")
    elif record.arrays or record.artifacts:
        checks.append("arrays and artifacts")
    return Verified(record=record, checks=tuple(checks), notes=tuple(notes))


def _digest_of(record: IntegrationResult) -> str | None:
    return record.model_version.digest if record.model_version is not None else None


def check_counts(record: IntegrationResult) -> None:
    """Hold the counts against the results, the results against the numbers, and the numbers against both.

    Raises:
        EvidenceError: two of them contradict each other.
    """
    results = record.test_results
    for name, expected in count_outcomes(results.results).items():
        got = getattr(results, name)
        if got != expected:
            raise EvidenceError(f"the record states {name} = {got}, but its results give {expected}")
    names = [result.test_name for result in results.results]
    if len(set(names)) != len(names):
        raise EvidenceError("the record lists the same test twice")
    keys = [measurement.key for measurement in record.measurements]
    if len(set(keys)) != len(keys):
        raise EvidenceError("the record has two metrics with the same key")
    strangers = {measurement.test for measurement in record.measurements} - set(names)
    if strangers:
        raise EvidenceError(f"the record has a metric of {min(strangers)}, a test that it does not list")
    against = [
        *contradictions(record.measurements),
        *comparison_contradictions(record.comparison, record.measurements),
    ]
    if against:
        raise EvidenceError(f"the record contradicts itself: {against[0]}")
    ordinary = results.ordinary
    if ordinary.passed + len(ordinary.failed) > ordinary.total:
        raise EvidenceError(
            f"the record counts {ordinary.total} ordinary tests, but {ordinary.passed} passed and "
            f"{len(ordinary.failed)} failed"
        )
    datasets = {result.test_name: result.dataset for result in results.results}
    evidence = evidence_of(record.measurements, datasets)
    for result in results.results:
        _check_result(result, evidence.get(result.test_name, {}))


def _check_result(result: TestResult, evidence: dict[str, int | None]) -> None:
    if result.conclusive and result.outcome in _NEVER_CONCLUSIVE:
        raise EvidenceError(f"{result.test_name} is {result.outcome}, but the record calls it conclusive")
    worse = [attempt.outcome for attempt in result.attempts if attempt.outcome is not Outcome.PASSED]
    if worse and result.outcome is Outcome.PASSED:
        raise EvidenceError(
            f"{result.test_name} is passed, but an earlier attempt of it is {worse[0]}; expected flaky"
        )
    if result.evidence != evidence:
        raise EvidenceError(
            f"{result.test_name} states evidence on {result.evidence}; its metrics give {evidence}"
        )


def check_policy(record: IntegrationResult) -> None:
    """Hold the policy against its digest.

    Raises:
        EvidenceError: they differ.
    """
    expected = policy_digest(record.policy)
    if record.policy_digest != expected:
        raise EvidenceError(f"the policy's digest is {expected}; the record states {record.policy_digest}")


def check_judgement(record: IntegrationResult) -> GateJudgement:
    """Compare the recorded judgement with the one recomputed from the recorded evidence; return the latter.

    The wording of messages is not compared, since later versions may change it.

    Raises:
        EvidenceError: the judgements differ.
    """
    judgement, fields = judge_again(record), set(GateJudgement.model_fields)
    stated, again = (
        each.model_dump(mode="json", include=fields, exclude=_MESSAGES) for each in (record, judgement)
    )
    found = differences(stated, again, name="record", close=_same_but_for_rounding)
    if found:
        raise EvidenceError(f"the record contradicts its own evidence: {found[0]}")
    return judgement


def _same_but_for_rounding(stated: object, again: object) -> bool:
    """Tell whether two numbers are the same; floats may differ in the last digits of another platform."""
    if isinstance(stated, float) and isinstance(again, float):
        return math.isclose(stated, again, rel_tol=1e-9, abs_tol=1e-12)
    return stated == again


def check_model(
    record: IntegrationResult, model: Path, digest: Callable[[Path], ArtifactDigest] = digest_artifact
) -> ArtifactDigest:
    """Make the model's digest, by default from every byte, and compare it with the recorded one.

    Raises:
        EvidenceError: it is another model, cannot be read, or the record names no bytes.
    """
    expected = _digest_of(record)
    if expected is None:
        raise EvidenceError("the record has no model digest, so no model can be compared with it")
    try:
        got = digest(model)
    except ModelArtifactNotFound as error:
        raise EvidenceError(str(error)) from error
    if got.digest != expected:
        raise EvidenceError(f"the model at {model} has the digest {got.digest}; the record is of {expected}")
    return got


def check_files(record: IntegrationResult, folder: Path) -> int:
    """Check the files beside the record, and its metrics against the arrays; return how many are not there.

    Raises:
        EvidenceError: a file's bytes were changed, or the arrays make other metrics than the record states.
    """
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
    for array in record.arrays:
        path = folder / "arrays" / f"{array.digest}.npz"
        if path.is_file():
            from pytest_mlops.evidence.remeasure import check_arrays  # noqa: PLC0415 -- NumPy where it is needed

            check_arrays(record, array, path)
    return missing
