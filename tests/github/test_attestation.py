"""What actions/attest is handed: exactly what was judged, and only where a workflow may vouch for it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.evidence.statement import TEST_RESULT, build_statement
from pytest_mlops.github import attestation as attestation_module
from pytest_mlops.github.attestation import (
    PREDICATE,
    SUBJECTS,
    attestation_files,
    may_be_attested,
    write_attestation,
)
from pytest_mlops.github.ruling import nothing_measured, rule_on, tighten, untrusted
from pytest_mlops.records.model import ModelVersion

if TYPE_CHECKING:
    from pathlib import Path

    from tests.github.conftest import Make

CHECKSUM = re.compile(r"([0-9a-f]{64})  (.+)")


def subjects(files: dict[str, bytes]) -> list[tuple[str, str]]:
    lines = files[SUBJECTS].decode().splitlines()
    return [match.groups() for line in lines if (match := CHECKSUM.fullmatch(line))]  # type: ignore[misc]


def predicate(files: dict[str, bytes]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files[PREDICATE])
    return found


def test_record_and_model_are_the_subjects_and_the_predicate_is_that_of_the_statement(
    make: Make, tmp_path: Path
) -> None:
    path = make.write(make.record(), tmp_path)
    ruling = rule_on(path)
    write_attestation(ruling, name=path.name, folder=tmp_path / "new" / "attestation")
    files = {file: (tmp_path / "new" / "attestation" / file).read_bytes() for file in (SUBJECTS, PREDICATE)}

    data = path.read_bytes()
    assert subjects(files) == [
        (hashlib.sha256(data).hexdigest(), "integration-result.json"),
        ("0" * 64, "credit@1.0"),
    ]
    statement = build_statement(make.record(), data, name=path.name)
    assert statement["predicateType"] == TEST_RESULT
    assert predicate(files) == statement["predicate"]


def test_what_is_attested_is_what_was_judged_whatever_lies_there_since(make: Make, tmp_path: Path) -> None:
    path = make.write(make.record(), tmp_path)
    judged = hashlib.sha256(path.read_bytes()).hexdigest()
    ruling = rule_on(path)
    path.write_text("{}", encoding="utf-8")

    assert subjects(attestation_files(ruling, name=path.name))[0][0] == judged


@pytest.mark.parametrize("hostile", [f"a\n{'f' * 64}  other", "a\r\nb", "a\x00b", "a\u2028b", "x" * 5000])
def test_name_of_a_model_adds_no_subject(make: Make, tmp_path: Path, hostile: str) -> None:
    model = ModelVersion(model_id=hostile, version_id="1", digest="1" * 64)
    path = make.write(make.record(model=model), tmp_path)
    files = attestation_files(rule_on(path), name=path.name)

    assert len(files[SUBJECTS].decode().splitlines()) == len(subjects(files)) == 2
    assert [digest for digest, _ in subjects(files)][1] == "1" * 64


def test_model_without_bytes_is_no_subject(make: Make, tmp_path: Path) -> None:
    path = make.write(make.record(model=None), tmp_path)
    assert [name for _, name in subjects(attestation_files(rule_on(path), name=path.name))] == [path.name]


def test_predicate_that_would_be_refused_leaves_the_names_of_the_tests_out(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = tuple(make.test(f"test_model.py::test_{number:04}") for number in range(100))
    path = make.write(make.record(tests=tests), tmp_path)
    monkeypatch.setattr(attestation_module, "MAX_PREDICATE", 3000)
    written = predicate(attestation_files(rule_on(path), name=path.name))

    assert "passedTests" not in written
    assert written["urn:pytest-mlops:test-result:1"]["tests"]["passed"] == 100
    assert written["result"] == "PASSED"


def test_only_a_success_that_is_allowed_and_no_forks_may_be_attested(make: Make, tmp_path: Path) -> None:
    good = rule_on(make.write(make.record(), tmp_path / "good"))
    assert may_be_attested(good)
    assert not may_be_attested(untrusted(good))
    assert not may_be_attested(rule_on(make.write(make.failing(), tmp_path / "bad")))
    undecided = rule_on(make.write(make.undecided(), tmp_path / "open"))
    assert not may_be_attested(undecided)
    assert not may_be_attested(tighten(undecided, fail_on=("undecided",)))
    assert not may_be_attested(nothing_measured("nothing"))


def test_without_a_record_there_is_nothing_to_attest(make: Make, tmp_path: Path) -> None:
    ruling = replace(rule_on(make.write(make.record(), tmp_path)), record=None)
    with pytest.raises(ValueError, match="no record"):
        attestation_files(ruling, name="x")
