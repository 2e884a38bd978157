"""The in-toto Statement of a run: a test-result v0.1 attestation with our own facts under a URI of ours."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_mlops.errors import EvidenceError, SerializationError
from pytest_mlops.evidence.dsse import MAX_ENVELOPE_BYTES
from pytest_mlops.records.results import Outcome
from pytest_mlops.strict_json import parse_object
from pytest_mlops.verdict import Decision, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.records.results import TestResults

__all__ = [
    "EXTENSION",
    "STATEMENT_TYPE",
    "TEST_RESULT",
    "Statement",
    "build_statement",
    "dump_statement",
    "envelope_path",
    "model_subject",
    "read_test_result",
    "statement_path",
]

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
EXTENSION = "urn:pytest-mlops:test-result:1"
"""Field of the predicate that holds what test-result has no field for."""

DIGEST_FORMULA = (
    "sha256 over the sorted names, sizes and sha256 digests of all files (pytest-mlops artifact 1)"
)

_FAILED = frozenset({Outcome.FAILED, Outcome.ERRORED, Outcome.XFAILED, Outcome.CRASHED, Outcome.INCOMPLETE})
_WARNED = frozenset({Outcome.FLAKY, Outcome.UNDECIDED})
_LISTED = (
    ("passedTests", frozenset({Outcome.PASSED, Outcome.XPASSED})),
    ("warnedTests", _WARNED),
    ("failedTests", _FAILED),
)


def statement_path(record: Path) -> Path:
    """Return where the statement about the record at ``record`` lies."""
    return record.with_name(f"{record.stem}.intoto.json")


def envelope_path(record: Path) -> Path:
    """Return where the signed envelope about the record at ``record`` lies."""
    return record.with_name(f"{record.stem}.dsse.json")


def build_statement(record: IntegrationResult, data: bytes, *, name: str) -> dict[str, Any]:
    """Return the statement about a record, the same for the same record.

    Args:
        record: The record.
        data: Its bytes, as they were written.
        name: Name of its file.
    """
    digest = hashlib.sha256(data).hexdigest()
    predicate: dict[str, Any] = {
        "result": _result(record),
        "configuration": [
            {
                "name": "policy",
                "digest": {"sha256": record.policy_digest},
                "annotations": {"source": record.provenance.config or "defaults, without a mlops.yaml"},
            }
        ],
        **_test_names(record.test_results),
        EXTENSION: _extension(record, digest, len(data)),
    }
    run = record.provenance.ci_run
    if run is not None and run.startswith("https://"):
        predicate["url"] = run
    return {
        "_type": STATEMENT_TYPE,
        "subject": [*model_subject(record), {"name": name, "digest": {"sha256": digest}}],
        "predicateType": TEST_RESULT,
        "predicate": predicate,
    }


def dump_statement(statement: dict[str, Any]) -> bytes:
    """Write a statement: keys sorted, UTF-8, one final newline."""
    return json.dumps(statement, sort_keys=True, allow_nan=False, ensure_ascii=False).encode() + b"\n"


def model_subject(record: IntegrationResult) -> list[dict[str, Any]]:
    """Return the model as a subject; nothing where the record names no bytes: a subject has a digest."""
    version = record.model_version
    if version is None or version.digest is None:
        return []
    return [{"name": f"{version.model_id}@{version.version_id}", "digest": {"sha256": version.digest}}]


def _result(record: IntegrationResult) -> str:
    """Map the verdict: what did not settle the matter is never PASSED."""
    if record.decision is not Decision.ALLOW:
        return "FAILED"
    return {Verdict.PASS: "PASSED", Verdict.WAIVED: "WARNED"}.get(record.verdict, "FAILED")


def _test_names(results: TestResults) -> dict[str, list[str]]:
    return {
        field: [result.test_name for result in results.results if result.outcome in outcomes]
        for field, outcomes in _LISTED
    }


def _extension(record: IntegrationResult, digest: str, size: int) -> dict[str, Any]:
    where = record.provenance
    version = record.model_version
    return {
        "run": record.run_id,
        "record": {"sha256": digest, "size": size, "schemaVersion": record.schema_version},
        "model": None if version is None else {"digest": version.digest, "digestFormula": DIGEST_FORMULA},
        "verdict": record.verdict.value,
        "decision": record.decision.value,
        "context": record.context.value,
        "deployable": record.deployable,
        "partial": record.partial,
        "coverage": record.coverage,
        "passRate": record.pass_rate,
        "qualityScore": record.quality_score,
        "tests": _counts(record.test_results),
        "policyDigest": record.policy_digest,
        "requirementsDigest": _digest_of([cell.title for cell in record.policy.cells()]),
        "dataDigests": sorted({array.data for array in record.arrays}),
        "seeds": where.seeds,
        "commit": where.commit_merge or where.commit_head,
        "dirty": where.dirty,
        "trust": where.trust,
        "ciRun": where.ci_run,
        "environment": {
            "python": where.python,
            "platform": where.platform,
            "packagesDigest": _digest_of(where.packages),
        },
        "started": record.timestamp.isoformat(),
        "tool": {"name": "pytest-mlops", "version": where.tool_version},
    }


def _counts(results: TestResults) -> dict[str, int]:
    outcomes = [result.outcome for result in results.results]
    not_executed = {Outcome.SKIPPED, Outcome.DESELECTED, Outcome.NOT_RUN}
    return {
        "collected": results.total_tests,
        "executed": sum(outcome not in not_executed for outcome in outcomes),
        "passed": results.passed_tests,
        "failed": results.failed_tests,
        "xfailed": outcomes.count(Outcome.XFAILED),
        "errored": results.errored_tests,
        "skipped": results.skipped_tests,
        "deselected": results.deselected_tests,
        "undecided": results.undecided_tests,
        "incomplete": results.incomplete_tests,
        "notRun": results.not_run_tests,
        "reruns": sum(len(result.attempts) for result in results.results),
        "ordinary": results.ordinary.total,
    }


def _digest_of(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """What a test-result statement states, as far as it is compared with a record."""

    record_digest: str
    run_id: str
    result: str


def read_test_result(payload: bytes) -> Statement:
    """Read a statement of ours; fields that are not needed are ignored, as in-toto demands.

    Raises:
        EvidenceError: it is another kind of statement, or lacks what names the record.
    """
    try:
        data = parse_object(payload, what="the statement", limit=MAX_ENVELOPE_BYTES)
    except SerializationError as error:
        raise EvidenceError(str(error)) from error
    for field, expected in (("_type", STATEMENT_TYPE), ("predicateType", TEST_RESULT)):
        if data.get(field) != expected:
            raise EvidenceError(f"the statement's {field} is {data.get(field)!r:.80}; expected {expected!r}")
    match data:
        case {
            "subject": list(subjects),
            "predicate": {
                "result": str(result),
                "urn:pytest-mlops:test-result:1": {"run": str(run_id), "record": {"sha256": str(digest)}},
            },
        }:
            if not any(_names(subject, digest) for subject in subjects):
                raise EvidenceError("the statement is not about the record that it describes")
            return Statement(record_digest=digest, run_id=run_id, result=result)
    raise EvidenceError("the statement does not name its run and record")


def _names(subject: object, digest: str) -> bool:
    match subject:
        case {"digest": {"sha256": str(stated)}}:
            return stated == digest
    return False
