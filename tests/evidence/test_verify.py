"""Verification of a record: what stands up, and what is refused with which message."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.decision.judge import judge_again
from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.verify import Verified, read_record, verify_record
from pytest_mlops.records.codec import load_integration_result

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Gate

PROJECT = {
    "mlops.yaml": """
        model: {id: risk, version: "7", artifact: weights}
        requirements: [{capability: rank}]
        rules: [{metric: accuracy, min: 0.7}]
        """,
    "weights": "w",
    "plot.svg": "<svg/>",
    "test_model.py": """
        import pytest

        @pytest.mark.model_test(covers="rank")
        def test_it(mlops):
            mlops.predictions([0, 1, 1, 0], [0, 1, 0, 0])
            mlops.artifact("plot.svg")
        """,
}
Edit = Callable[[dict[str, Any]], object]


@pytest.fixture
def sealed(gate: Gate) -> Gate:
    """Return a project whose run has passed."""
    for name, text in PROJECT.items():
        gate.write(name, text)
    assert gate.run("--mlops-run-id=r").ret == 0
    return gate


def verify(gate: Gate, **asked: Any) -> Verified:
    return verify_record(read_record(gate.path), folder=gate.path.parent, **asked)


def edit(gate: Gate, change: Edit) -> None:
    data = json.loads(gate.path.read_text(encoding="utf-8"))
    change(data)
    gate.path.write_text(json.dumps(data), encoding="utf-8")


def test_what_was_sealed_stands_up(sealed: Gate) -> None:
    found = verify(sealed, run_id="r", model=sealed.folder / "weights")
    assert found.notes == ()
    assert found.checks == (
        "schema",
        "counts of the test results",
        "policy digest",
        "verdict, reached again from the recorded evidence",
        "run id",
        "model digest",
        "arrays and artifacts",
    )


def test_what_could_not_be_held_against_anything_is_noted(sealed: Gate) -> None:
    (sealed.path.parent / "artifacts" / sealed.record().artifacts[0].digest).unlink()
    notes = verify(sealed).notes
    assert len(notes) == 3
    assert "no run id was given" in notes[0]
    assert "model was not presented" in notes[1]
    assert notes[2].startswith("1 of the arrays and artifacts")


def test_messages_of_another_version_stand_up(sealed: Gate) -> None:
    def reword(data: dict[str, Any]) -> None:
        data["rules"][0]["message"] = "accuracy fulfils its bound"
        data["quality"]["components"][0]["note"] = "weighed"

    recorded = sealed.record()
    edit(sealed, reword)
    verified = verify(sealed)
    assert verified.checks
    assert verified.record == recorded


def first(data: dict[str, Any]) -> dict[str, Any]:
    """Return the first test result of a record's JSON."""
    result: dict[str, Any] = data["test_results"]["results"][0]
    return result


FORGERIES: dict[str, tuple[Edit, str]] = {
    "a verdict": (lambda data: data.update(verdict="waived"), "record.verdict is 'waived', expected 'pass'"),
    "a success": (lambda data: data.update(success=False), "record.success is False, expected True"),
    "a decision": (
        lambda data: data.update(decision="block"),
        "record.decision is 'block', expected 'allow'",
    ),
    "a coverage": (lambda data: data.update(coverage=0.5), "record.coverage is 0.5, expected 1.0"),
    "a rule's estimate": (lambda data: data["rules"][0].update(estimate=0.9), "rules"),
    "a measurement": (
        lambda data: [number.update(value=0.1) for number in data["measurements"]],
        "but its counts are",
    ),
    "counts with their value": (
        lambda data: [
            number.update(value=1.0, basis={**number["basis"], "successes": number["basis"]["trials"]})
            for number in data["measurements"]
            if number["name"] == "accuracy"
        ],
        "right answers, but the counts make",
    ),
    "an earlier attempt": (
        lambda data: first(data).update(attempts=[{"outcome": "failed", "duration": 0.1}]),
        "an earlier attempt of it is failed",
    ),
    "a count of other tests": (
        lambda data: data["test_results"]["ordinary"].update(passed=3),
        "counts 0 ordinary tests, but 3 passed",
    ),
    "an outcome": (lambda data: first(data).update(outcome="failed"), "passed is True, but the outcome is"),
    "an outcome, whole": (
        lambda data: first(data).update(outcome="failed", passed=False),
        "results give",
    ),
    "a count": (lambda data: data["test_results"].update(passed_tests=4), "passed_tests = 4"),
    "a threshold": (lambda data: data["policy"]["gate"].update(min_coverage=0.1), "policy's digest"),
    "a rule": (lambda data: data["policy"].update(rules=[]), "policy's digest"),
    "a test twice": (
        lambda data: (
            data["test_results"]["results"].append(first(data)),
            data["test_results"].update(total_tests=2, passed_tests=2),
        ),
        "lists the same test twice",
    ),
    "a number twice": (
        lambda data: data["measurements"].append(data["measurements"][0]),
        "with the same key",
    ),
    "a number of a stranger": (
        lambda data: data["measurements"][0].update(test="test_other.py::test_it"),
        "a test that it does not list",
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_changed_record_is_refused(sealed: Gate, name: str) -> None:
    change, message = FORGERIES[name]
    edit(sealed, change)
    with pytest.raises(EvidenceError, match=message):
        verify(sealed)


JUDGED_AGAIN: dict[str, tuple[Edit, str]] = {
    "metrics without their counts": (
        lambda data: [number.update(value=0.99, basis=None) for number in data["measurements"]],
        "but its arrays give",
    ),
    "metrics that claim another origin": (
        lambda data: [
            number.update(value=0.99, basis=None, origin="metric") for number in data["measurements"]
        ],
        "but its arrays give",
    ),
    "a sample size": (
        lambda data: (
            [number.update(n=400, basis=None) for number in data["measurements"]],
            first(data).update(evidence={"all": 400}),
        ),
        "states n = 400 for accuracy, but its arrays give 4",
    ),
    "counts that agree with each other": (
        lambda data: (
            [
                number.update(value=1.0, basis={"kind": "binomial", "successes": 4, "trials": 4})
                for number in data["measurements"]
                if number["name"] == "accuracy" and number.update(note=None) is None
            ]
            and data.update(measurements=data["measurements"][:1])
        ),
        "but its arrays give",
    ),
    "a slice that was not measured": (
        lambda data: (
            data["measurements"].append({**data["measurements"][0], "slice": "old"}),
            first(data).update(evidence={"all": 4, "old": 4}),
        ),
        "its arrays have no slice old",
    ),
    "a metric under another data set": (
        lambda data: [
            number.update(dataset="holdout", value=0.99, basis=None) for number in data["measurements"]
        ],
        "which the record does not contain",
    ),
    "the size of the arrays": (
        lambda data: data["arrays"][0].update(n=400),
        "has .4. examples; the record states 400",
    ),
    "the data of the arrays": (lambda data: data["arrays"][0].update(data="0" * 64), "has the data digest"),
    "the task of the arrays": (lambda data: data["arrays"][0].update(task="score", name="x"), "values"),
}


@pytest.mark.parametrize("name", JUDGED_AGAIN)
def test_a_changed_record_is_held_against_its_arrays_even_with_its_verdict_reached_again(
    sealed: Gate, name: str
) -> None:
    change, message = JUDGED_AGAIN[name]
    edit(sealed, change)
    record = load_integration_result(sealed.path.read_bytes())
    judged = record.model_copy(update=dict(judge_again(record)))
    with pytest.raises(EvidenceError, match=message):
        verify_record(judged, folder=sealed.path.parent)


UNREADABLE: dict[str, tuple[Edit, str]] = {
    "an unknown major version": (lambda data: data.update(schema_version="2.0"), "reads 1.x"),
    "no version": (lambda data: data.pop("schema_version"), "schema_version is None"),
    "an unknown field": (lambda data: data.update(approved=True), "approved"),
    "a field of another type": (lambda data: data.update(success="yes"), "success"),
    "a share beyond 1": (lambda data: data.update(coverage=1.5), "coverage"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_record_that_does_not_match_its_schema_is_refused(sealed: Gate, name: str) -> None:
    change, message = UNREADABLE[name]
    edit(sealed, change)
    with pytest.raises(EvidenceError, match=message):
        read_record(sealed.path)


def test_an_unknown_minor_version_is_read_with_a_warning(sealed: Gate) -> None:
    edit(sealed, lambda data: data.update(schema_version="1.9", novelty=1))
    with pytest.warns(UserWarning, match=r"1\.9"):
        assert read_record(sealed.path).run_id == "r"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[]", "expected an object"),
        ('{"coverage": NaN}', "NaN is not a number"),
        ('{"a": 1, "a": 2}', "'a' occurs twice"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_a_text_that_is_no_record_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(EvidenceError, match=message):
        read_record(path)


def test_a_record_too_large_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_mlops.evidence.verify.MAX_RECORD_BYTES", 10)
    path = tmp_path / "result.json"
    path.write_text("x" * 11, encoding="utf-8")
    with pytest.raises(EvidenceError, match="has 11 bytes, the limit is 10"):
        read_record(path)


def test_a_record_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=r"cannot read .*No such file"):
        read_record(tmp_path / "result.json")


def test_a_record_of_another_run_is_refused(sealed: Gate) -> None:
    with pytest.raises(EvidenceError, match="of run r; expected run other"):
        verify(sealed, run_id="other")


def test_other_model_bytes_are_refused(sealed: Gate) -> None:
    weights = sealed.write("weights", "other")
    with pytest.raises(EvidenceError, match=r"has the digest .*; the record is of"):
        verify(sealed, model=weights)


def test_a_model_that_is_not_there_is_refused(sealed: Gate) -> None:
    with pytest.raises(EvidenceError, match="nowhere"):
        verify(sealed, model=sealed.folder / "nowhere")


def test_a_model_cannot_be_held_against_a_record_that_names_none(gate: Gate) -> None:
    gate.write("test_model.py", "import pytest\n@pytest.mark.model_test\ndef test_it(): pass\n")
    weights = gate.write("weights", "w")
    gate.run()
    with pytest.raises(EvidenceError, match="has no model digest"):
        verify(gate, model=weights)
    assert "the record has no model digest" in verify(gate).notes


@pytest.mark.parametrize("folder", ["arrays", "artifacts"])
def test_bytes_beside_the_record_that_changed_are_refused(sealed: Gate, folder: str) -> None:
    (path,) = (sealed.path.parent / folder).iterdir()
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(EvidenceError, match="its bytes were changed after the run"):
        verify(sealed)
