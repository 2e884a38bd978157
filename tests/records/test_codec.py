"""Integration results as JSON: what is written is read back, and nothing else is."""

from __future__ import annotations

import json
import warnings
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlops.errors import SerializationError
from pytest_mlops.records import codec
from pytest_mlops.records.codec import dump, dump_canonical, load_integration_result, policy_digest
from pytest_mlops.records.integration import SCHEMA_VERSION, IntegrationResult, Provenance, Reason
from pytest_mlops.records.measurement import Binomial, Measurement, Normal, Origin
from pytest_mlops.records.policy import Policy, Requirement, Waiver
from pytest_mlops.records.results import Outcome, TestResult, TestResults
from pytest_mlops.records.rule import Rule
from pytest_mlops.verdict import Context, Decision, Verdict

MAJOR, MINOR = (int(part) for part in SCHEMA_VERSION.split("."))
NEWER = f"{MAJOR}.{MINOR + 1}"

NAMES = st.text('abXY09 é€😀:<[]"\\', min_size=1, max_size=8)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def result(**changes: Any) -> IntegrationResult:
    """Return a small integration result."""
    values: dict[str, Any] = {
        "success": True,
        "verdict": Verdict.PASS,
        "decision": Decision.ALLOW,
        "deployable": False,
        "reasons": (),
        "coverage": 1.0,
        "pass_rate": 1.0,
        "quality_score": None,
        "run_id": "r1",
        "context": Context.LOCAL,
        "policy": Policy(),
        "policy_digest": policy_digest(Policy()),
        "provenance": Provenance(tool_version="0", pytest_version="8", python="3", platform="x"),
        "duration": 1.5,
        "timestamp": datetime(2026, 11, 23, 12, tzinfo=UTC),
    }
    return IntegrationResult(**values | changes)


def changed(**changes: Any) -> str:
    """Return the JSON of a small result with some of its top-level values replaced."""
    return json.dumps(json.loads(dump(result())) | changes)


def refusal(text: str | bytes) -> str:
    with pytest.raises(SerializationError) as caught:
        load_integration_result(text)
    return str(caught.value)


RULES = st.builds(Rule, metric=NAMES, slice=NAMES, min=NUMBERS, severity=st.sampled_from(["block", "report"]))
WAIVERS = st.builds(
    Waiver,
    rule=NAMES,
    test=st.none(),
    scope=NAMES,
    reason=NAMES,
    approver=NAMES,
    expires=st.dates(date(1, 1, 1)),
)
POLICIES = st.builds(
    Policy,
    requirements=st.lists(
        st.builds(
            Requirement, capability=NAMES.filter(lambda name: ":" not in name), weight=st.floats(0.1, 10)
        ),
        max_size=2,
    ),
    rules=st.lists(RULES, max_size=2),
    waivers=st.lists(WAIVERS, max_size=2),
)
MEASUREMENTS = st.builds(
    Measurement,
    name=NAMES,
    value=NUMBERS,
    undefined=st.none(),
    n=st.none() | st.integers(0, 10**12),
    basis=st.none()
    | st.builds(Normal, stderr=st.floats(0, 1e6))
    | st.builds(Binomial, successes=st.integers(0, 5), trials=st.integers(5, 9)),
    origin=st.sampled_from(Origin),
    test=NAMES,
)


def model_test(outcome: Outcome, **fields: Any) -> TestResult:
    return TestResult(passed=outcome in {Outcome.PASSED, Outcome.XPASSED}, outcome=outcome, **fields)


TESTS = st.builds(
    model_test,
    test_name=NAMES,
    outcome=st.sampled_from(Outcome),
    duration=st.floats(0, 1e6),
    covers=st.lists(NAMES, max_size=2),
    evidence=st.dictionaries(NAMES, st.none() | st.integers(0, 99), max_size=2),
)
RESULTS = st.builds(
    result,
    verdict=st.sampled_from(Verdict),
    reasons=st.lists(st.builds(Reason, verdict=st.sampled_from(Verdict), text=NAMES), max_size=2),
    coverage=st.none() | st.floats(0, 1),
    policy=POLICIES,
    measurements=st.lists(MEASUREMENTS, max_size=2),
    test_results=st.builds(TestResults, results=st.lists(TESTS, max_size=2)),
    timestamp=st.datetimes(timezones=st.just(UTC)),
)


@given(RESULTS)
def test_what_is_written_is_read_back(record: IntegrationResult) -> None:
    text = dump(record)
    assert load_integration_result(text) == record
    assert load_integration_result(text.encode()) == record
    assert dump(load_integration_result(text)) == text


def test_the_version_comes_first_the_other_keys_sorted_and_one_newline_last() -> None:
    text = dump(result())
    keys = list(json.loads(text))
    assert keys[0] == "schema_version"
    assert keys[1:] == sorted(keys[1:])
    assert text.endswith("}\n")
    assert not text.endswith("\n\n")


def test_text_outside_ascii_stays_readable() -> None:
    assert "größe" in dump(result(run_id="größe"))


def test_canonical_bytes_have_sorted_keys_and_no_white_space() -> None:
    requirement = Requirement(capability="é")
    assert (
        dump_canonical(requirement).decode()
        == '{"capability":"é","datasets":[],"slices":["all"],"weight":1.0}'
    )


def test_the_digest_of_a_policy_changes_with_it_alone() -> None:
    assert policy_digest(Policy()) == policy_digest(Policy())
    assert policy_digest(Policy()) != policy_digest(Policy(rules=(Rule(metric="a", min=0),)))
    assert policy_digest(Policy(rules=(Rule(metric="a", min=1),))) == policy_digest(
        Policy(rules=(Rule(metric="a", min=1.0),))
    )


@pytest.mark.parametrize("text", ["", "{", "nope", b"\xff", "[" * 100_000, '{"a": ' + "9" * 5000 + "}"])
def test_what_is_not_json_is_refused(text: str | bytes) -> None:
    assert refusal(text).startswith("the record is not valid JSON: ")


@pytest.mark.parametrize(
    ("text", "kind"), [("[]", "list"), ('"x"', "str"), ("3", "int"), ("null", "NoneType")]
)
def test_what_is_not_an_object_is_refused(text: str, kind: str) -> None:
    assert refusal(text) == f"the record is a JSON {kind}; expected an object"


def test_a_key_given_twice_is_refused_at_any_depth() -> None:
    text = dump(result())
    assert "the key 'verdict' occurs twice" in refusal(
        text.replace('{"schema', '{"verdict": "fail", "schema', 1)
    )
    assert "the key 'gate' occurs twice" in refusal(text.replace('"gate": {', '"gate": 1, "gate": {', 1))


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none_are_refused(name: str) -> None:
    text = dump(result(coverage=0.125)).replace("0.125", name)
    assert refusal(text) == f"the record is not valid JSON: {name} is not a number"


def test_a_number_too_large_for_a_float_is_refused() -> None:
    assert "1e999 is too large" in refusal(dump(result(coverage=0.125)).replace("0.125", "1e999"))


def test_a_record_of_absurd_size_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    text = dump(result())
    monkeypatch.setattr(codec, "MAX_RECORD_BYTES", len(text))
    load_integration_result(text)
    monkeypatch.setattr(codec, "MAX_RECORD_BYTES", len(text) - 1)
    assert refusal(text) == f"the record has {len(text):,} bytes; the limit is {len(text) - 1:,}"


def test_an_unknown_major_version_is_refused() -> None:
    message = refusal(changed(schema_version=f"{MAJOR + 1}.0"))
    assert message.startswith(
        f"the record has schema version {MAJOR + 1}.0, but this pytest-mlops reads {MAJOR}.x"
    )


@pytest.mark.parametrize(
    "version", [None, 1.0, 1, "1", "", "1.", "1.0.0", "100", "one.two", "1.²", " 1.0", "-1.0"]
)
def test_a_version_of_another_form_is_refused(version: object) -> None:
    message = refusal(changed(schema_version=version))
    assert message == f"schema_version is {version!r}; expected a version like {SCHEMA_VERSION!r}"


def test_a_record_without_a_version_is_refused() -> None:
    data = json.loads(dump(result()))
    del data["schema_version"]
    assert refusal(json.dumps(data)).startswith("schema_version is None")


def test_a_newer_minor_version_is_read_with_a_warning_and_without_what_it_adds() -> None:
    data = json.loads(changed(schema_version=NEWER, novelty=[1, {"a": 2}]))
    data["provenance"]["novelty"] = "x"
    data["policy"]["gate"]["novelty"] = 0.5
    expected = rf"schema version {NEWER}, newer than {SCHEMA_VERSION}; unknown fields are ignored"
    with pytest.warns(UserWarning, match=expected) as caught:
        record = load_integration_result(json.dumps(data))
    assert record == result(schema_version=NEWER)
    assert caught[0].filename == __file__


def test_a_newer_minor_version_still_needs_valid_values() -> None:
    with pytest.warns(UserWarning, match="newer than"), pytest.raises(SerializationError, match="coverage"):
        load_integration_result(changed(schema_version=NEWER, coverage=2))


def test_a_field_unknown_to_our_own_version_is_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "novelty" in refusal(changed(novelty=1))


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"coverage": "0.9"}, "coverage"),
        ({"success": 1}, "success"),
        ({"policy": {"gate": {"min_n": 0}}}, "policy.gate.min_n"),
    ],
)
def test_a_value_its_field_does_not_allow_is_named(changes: dict[str, Any], place: str) -> None:
    assert f"{place}: " in refusal(changed(**changes))


def test_of_many_wrong_values_three_are_named_and_the_rest_counted() -> None:
    message = refusal(changed(coverage=2, pass_rate=2, success=3, duration=-1, run_id=""))
    assert message.endswith(" and 2 more")
