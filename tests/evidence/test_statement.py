"""The statement: an in-toto test result that says no more than the record does."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]
from in_toto_attestation.v1 import statement_pb2  # type: ignore[import-untyped]
from in_toto_attestation.v1.statement import Statement  # type: ignore[import-untyped]

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.statement import (
    EXTENSION,
    STATEMENT_TYPE,
    TEST_RESULT,
    build_statement,
    dump_statement,
    read_test_result,
    statement_path,
)
from pytest_mlops.records.results import Outcome
from pytest_mlops.verdict import Decision, Verdict

if TYPE_CHECKING:
    from tests.evidence.conftest import Scene


def statement_of(scene: Scene, **changes: Any) -> dict[str, Any]:
    record = scene.record().model_copy(update=changes)
    return build_statement(record, scene.path.read_bytes(), name=scene.path.name)


def test_the_written_statement_is_a_valid_in_toto_statement(scene: Scene) -> None:
    data = json.loads(statement_path(scene.path).read_text(encoding="utf-8"))
    parsed = ParseDict(data, statement_pb2.Statement())
    Statement.copy_from_pb(parsed).validate()
    assert parsed.predicate_type == TEST_RESULT
    assert data == statement_of(scene)


def test_it_is_about_the_model_and_the_record(scene: Scene) -> None:
    version = scene.record().model_version
    assert version is not None
    digest = hashlib.sha256(scene.path.read_bytes()).hexdigest()
    assert statement_of(scene)["subject"] == [
        {"name": "risk@7", "digest": {"sha256": version.digest}},
        {"name": "integration-result.json", "digest": {"sha256": digest}},
    ]
    assert len(statement_of(scene, model_version=None)["subject"]) == 1


def test_it_counts_and_names_what_the_record_does(scene: Scene) -> None:
    predicate = statement_of(scene)["predicate"]
    extension = predicate[EXTENSION]
    assert len(predicate["passedTests"]) == 6
    assert predicate["warnedTests"] == predicate["failedTests"] == []
    assert {name: extension["tests"][name] for name in ("collected", "executed", "passed", "skipped")} == {
        "collected": 6,
        "executed": 6,
        "passed": 6,
        "skipped": 0,
    }
    assert extension["run"] == "r"
    assert len(extension["dataDigests"]) == 1
    assert predicate["configuration"][0]["digest"]["sha256"] == scene.record().policy_digest


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("decision", Decision)
def test_only_what_passed_and_is_allowed_is_called_passed(
    scene: Scene, verdict: Verdict, decision: Decision
) -> None:
    result = statement_of(scene, verdict=verdict, decision=decision)["predicate"]["result"]
    expected = {Verdict.PASS: "PASSED", Verdict.WAIVED: "WARNED"}.get(verdict, "FAILED")
    assert result == (expected if decision is Decision.ALLOW else "FAILED")


@pytest.mark.parametrize(
    ("outcome", "field"),
    [
        (Outcome.XPASSED, "passedTests"),
        (Outcome.FLAKY, "warnedTests"),
        (Outcome.UNDECIDED, "warnedTests"),
        (Outcome.XFAILED, "failedTests"),
        (Outcome.CRASHED, "failedTests"),
        (Outcome.INCOMPLETE, "failedTests"),
        (Outcome.SKIPPED, None),
        (Outcome.NOT_RUN, None),
    ],
)
def test_every_outcome_has_its_list(scene: Scene, outcome: Outcome, field: str | None) -> None:
    tests = scene.record().test_results
    first = tests.results[0].model_copy(update={"outcome": outcome})
    changed = tests.model_copy(update={"results": (first, *tests.results[1:])})
    predicate = statement_of(scene, test_results=changed)["predicate"]
    lists = [
        name for name in ("passedTests", "warnedTests", "failedTests") if first.test_name in predicate[name]
    ]
    assert lists == ([] if field is None else [field])


@pytest.mark.parametrize(("run", "shown"), [("https://ci/1", True), ("javascript:x", False), (None, False)])
def test_only_an_address_of_the_run_becomes_its_url(scene: Scene, run: str | None, shown: bool) -> None:
    where = scene.record().provenance.model_copy(update={"ci_run": run})
    assert ("url" in statement_of(scene, provenance=where)["predicate"]) is shown


def test_a_statement_reads_back(scene: Scene) -> None:
    read = read_test_result(dump_statement(statement_of(scene)))
    assert (read.run_id, read.result) == ("r", "PASSED")
    assert read.record_digest == hashlib.sha256(scene.path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"_type": "x"}, "_type is 'x'"),
        ({"predicateType": "x"}, "predicateType is 'x'"),
        ({"subject": []}, "not about the record"),
        ({"subject": ["x"]}, "not about the record"),
        ({"subject": "x"}, "does not name its run and record"),
        ({"predicate": {"result": "PASSED"}}, "does not name its run and record"),
    ],
)
def test_what_is_no_statement_of_ours_is_refused(scene: Scene, change: dict[str, Any], message: str) -> None:
    with pytest.raises(EvidenceError, match=message):
        read_test_result(json.dumps(statement_of(scene) | change).encode())


def test_a_payload_that_is_no_json_is_refused() -> None:
    with pytest.raises(EvidenceError, match="the statement is not valid JSON"):
        read_test_result(b"{")
    assert STATEMENT_TYPE.endswith("/v1")
