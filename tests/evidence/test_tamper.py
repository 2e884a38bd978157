"""The tamper matrix: named manipulations of a record and its model, each refused by the right check."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.evidence.dsse import IN_TOTO, Signature, encode_envelope, pae, read_envelope, sign_payload
from pytest_mlops.evidence.statement import build_statement, dump_statement, envelope_path
from pytest_mlops.records.policy import Waiver
from pytest_mlops.records.results import Outcome, TestResult, TestResults
from pytest_mlops.records.rule import Rule

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.evidence.ticket import Examination
    from tests.evidence.conftest import Scene

Manipulation = Callable[["Scene"], object]


def results(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the test results of a record's JSON."""
    found: list[dict[str, Any]] = data["test_results"]["results"]
    return found


def weights(scene: Scene) -> Path:
    assert scene.model is not None
    return scene.model / "weights.bin"


# ---- the signature, which the environment demands ----


def other_run(scene: Scene) -> None:
    """Put an envelope there that is valid, of another run."""
    kept = scene.path.read_bytes()
    scene.forge(run_id="other")
    scene.sign("ci")
    scene.path.write_bytes(kept)


def own_payload(scene: Scene) -> None:
    """Put a statement under the old signature that fits a forged record."""
    scene.edit(lambda data: data.update(verdict="pass", run_id="forged"))
    statement = build_statement(scene.record(), scene.path.read_bytes(), name=scene.path.name)
    envelope = scene.envelope()
    envelope["payload"] = base64.b64encode(dump_statement(statement)).decode()
    scene.write_envelope(envelope)


def foreign_under_trusted_id(scene: Scene) -> None:
    """Sign with a foreign key, under the id of the trusted one."""
    payload = read_envelope(envelope_path(scene.path).read_bytes()).payload
    forged = sign_payload(payload, [scene.keys["stranger"]])
    value = forged.signatures[0].value
    renamed = Signature(key_id=scene.keys["ci"].public.id, value=value)
    scene.write_envelope(encode_envelope(type(forged)(payload=payload, signatures=(renamed,))).decode())


def other_statement(scene: Scene) -> None:
    """Sign a statement of another kind with the trusted key."""
    statement = build_statement(scene.record(), scene.path.read_bytes(), name=scene.path.name)
    statement["predicateType"] = "https://slsa.dev/provenance/v1"
    envelope = sign_payload(dump_statement(statement), [scene.keys["ci"]])
    scene.write_envelope(encode_envelope(envelope).decode())


def other_subject(scene: Scene) -> None:
    """Sign a statement whose subject is not the record that it describes."""
    statement = build_statement(scene.record(), scene.path.read_bytes(), name=scene.path.name)
    statement["subject"] = statement["subject"][:1]
    envelope = sign_payload(dump_statement(statement), [scene.keys["ci"]])
    scene.write_envelope(encode_envelope(envelope).decode())


def other_type(scene: Scene) -> None:
    """Sign the same payload as another type."""
    payload = read_envelope(envelope_path(scene.path).read_bytes()).payload
    key = scene.keys["ci"]
    signature = base64.b64encode(key.sign(pae("text/plain", payload))).decode()
    scene.write_envelope(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": IN_TOTO,
            "signatures": [{"keyid": key.public.id, "sig": signature}],
        }
    )


def edit_envelope(change: Callable[[dict[str, Any]], object]) -> Manipulation:
    def manipulate(scene: Scene) -> None:
        envelope = scene.envelope()
        change(envelope)
        scene.write_envelope(envelope)

    return manipulate


def flip_signature(envelope: dict[str, Any]) -> None:
    raw = bytearray(base64.b64decode(envelope["signatures"][0]["sig"]))
    raw[10] ^= 1
    envelope["signatures"][0]["sig"] = base64.b64encode(raw).decode()


def limit_key(**limits: Any) -> Manipulation:
    return lambda scene: scene.demand(trusted_keys=(scene.trusted("ci", **limits),))


def two_demanded(scene: Scene) -> None:
    keys = (scene.trusted("ci"), scene.trusted("release"))
    scene.demand(trusted_keys=keys, min_signatures=2)


def one_signs_twice(scene: Scene) -> None:
    two_demanded(scene)
    edit_envelope(lambda envelope: envelope["signatures"].append(envelope["signatures"][0]))(scene)


def unnamed_foreigner(scene: Scene) -> None:
    scene.sign("stranger")
    edit_envelope(lambda envelope: envelope["signatures"][0].update(keyid=""))(scene)


def one_key_twice(scene: Scene) -> None:
    scene.demand(trusted_keys=(scene.trusted("ci"), scene.trusted("ci").model_copy(update={"name": "b"})))


def swap_key_file(scene: Scene) -> None:
    (scene.folder / "stranger.pub").replace(scene.folder / "ci.pub")


def private_key_file(scene: Scene) -> None:
    (scene.folder / "ci.key").replace(scene.folder / "ci.pub")


def reorder(data: dict[str, Any]) -> None:
    results(data).reverse()


def edit(change: Callable[[dict[str, Any]], object]) -> Manipulation:
    return lambda scene: scene.edit(change)


SIGNED: dict[str, tuple[Manipulation, str]] = {
    "a field": (edit(lambda data: data.update(duration=0.1)), "about another record"),
    "a message": (edit(lambda data: results(data)[0].update(message="fine")), "about another record"),
    "results in another order": (edit(reorder), "about another record"),
    "white space": (lambda scene: scene.path.write_bytes(scene.path.read_bytes() + b" "), "another record"),
    "an empty record": (lambda scene: scene.path.write_bytes(b""), "about another record"),
    "a stripped signature": (lambda scene: envelope_path(scene.path).unlink(), "there is no envelope"),
    "no signatures": (edit_envelope(lambda data: data.update(signatures=[])), "1 to 100 signatures"),
    "101 signatures": (
        edit_envelope(lambda data: data.update(signatures=data["signatures"] * 101)),
        "1 to 100 signatures",
    ),
    "a flipped bit in the signature": (edit_envelope(flip_signature), "does not fit the payload"),
    "a foreign key": (lambda scene: scene.sign("stranger"), "not trusted here"),
    "a foreign key under the trusted id": (foreign_under_trusted_id, "does not fit the payload"),
    "an unnamed foreign key": (unnamed_foreigner, "signed by an unnamed key"),
    "an expired key": (limit_key(not_after=date(2020, 1, 1)), "expired after 2020-01-01"),
    "a key of the future": (limit_key(not_before=date(2999, 1, 1)), "does not count before 2999-01-01"),
    "a revoked key": (limit_key(revoked=True), "is revoked"),
    "the envelope of another run": (other_run, "about another record .run other"),
    "another payload under the signature": (own_payload, "does not fit the payload"),
    "a statement of another kind": (other_statement, "predicateType is"),
    "a statement about something else": (other_subject, "not about the record that it describes"),
    "a signature over another type": (other_type, "does not fit the payload"),
    "another payload type": (
        edit_envelope(lambda data: data.update(payloadType="application/json")),
        "payloadType is 'application/json'",
    ),
    "no payload": (edit_envelope(lambda data: data.pop("payload")), "payload is missing"),
    "base64 with a line break": (
        edit_envelope(lambda data: data.update(payload=data["payload"][:76] + "\n" + data["payload"][76:])),
        "not valid base64",
    ),
    "a duplicate key in the envelope": (
        lambda scene: scene.write_envelope('{"payload": "e30=", ' + json.dumps(scene.envelope())[1:]),
        "'payload' occurs twice",
    ),
    "an envelope that is a list": (lambda scene: scene.write_envelope([]), "expected an object"),
    "an envelope cut off": (lambda scene: scene.write_envelope("{"), "not valid JSON"),
    "one signature where two are demanded": (two_demanded, "2 trusted keys: only ci"),
    "one key that signs twice": (one_signs_twice, "2 trusted keys: only ci"),
    "one key under two names": (one_key_twice, "ci and b are one key"),
    "a swapped file of the trusted key": (swap_key_file, "not trusted here"),
    "a missing file of the trusted key": (
        lambda scene: (scene.folder / "ci.pub").unlink(),
        "could not be carried out: key .*ci.pub: cannot be read",
    ),
    "a private key as the trusted one": (private_key_file, "is a private key"),
}


# ---- everything else, presented where no signature is demanded ----


def text(change: Callable[[str], str]) -> Manipulation:
    def manipulate(scene: Scene) -> None:
        scene.path.write_text(change(scene.path.read_text(encoding="utf-8")), encoding="utf-8")

    return manipulate


SCHEMA: dict[str, tuple[Manipulation, str]] = {
    "a duplicate key": (text(lambda text: text.replace("{", '{"verdict": "pass",', 1)), "occurs twice"),
    "an unknown major version": (edit(lambda data: data.update(schema_version="2.0")), "reads 1.x"),
    "no version": (edit(lambda data: data.pop("schema_version")), "schema_version is None"),
    "an unknown field": (edit(lambda data: data.update(approved=True)), "approved"),
    "a passed flag": (edit(lambda data: results(data)[0].update(passed=False)), "but the outcome is passed"),
    "NaN": (edit(lambda data: data.update(coverage=float("nan"))), "NaN is not a number"),
    "an infinite number": (
        text(lambda text: text.replace('"coverage": 1.0', '"coverage": 1e999')),
        "too large a number",
    ),
    "a share above 1": (edit(lambda data: data.update(pass_rate=1.1)), "pass_rate"),
    "a negative count": (
        edit(lambda data: data["test_results"].update(total_tests=-1)),
        "total_tests",
    ),
    "a truncated record": (text(lambda text: text[: len(text) // 2]), "not valid JSON"),
    "an empty file": (text(lambda _: ""), "not valid JSON"),
    "another encoding": (
        lambda scene: scene.path.write_bytes(scene.path.read_text(encoding="utf-8").encode("utf-16")),
        "not valid JSON",
    ),
    "nesting without end": (text(lambda _: '{"a":' * 100_000), "not valid JSON"),
    "an absurd number": (text(lambda _: '{"a": 1' + "0" * 100_000 + "}"), "not valid JSON"),
    "an absurd length": (
        edit(lambda data: data["policy"]["requirements"][0].update(capability="x" * 201)),
        "capability",
    ),
    "an unknown verdict": (edit(lambda data: data.update(verdict="PASS")), "verdict"),
    "no policy": (edit(lambda data: data.pop("policy")), "policy"),
    "a time without zone": (edit(lambda data: data.update(timestamp="2026-11-01T10:00:00")), "timestamp"),
}


def failing(result: TestResult) -> TestResult:
    return result.model_copy(update={"outcome": Outcome.FAILED, "passed": False})


def with_failure(scene: Scene, **changes: Any) -> None:
    """Forge a record in which one test failed, and everything fits."""
    record = scene.record()
    *others, last = record.test_results.results
    tests = record.test_results.model_copy(update={"results": (*others, failing(last))})
    scene.forge(test_results=tests, **changes)


def lenient(scene: Scene, **gate: Any) -> dict[str, Any]:
    policy = scene.record().policy
    return {"policy": policy.model_copy(update={"gate": policy.gate.model_copy(update=gate)})}


def lowered_threshold(scene: Scene) -> None:
    with_failure(scene, **lenient(scene, min_pass_rate=0.1))
    scene.demand(min_pass_rate=1.0)


def dropped_rule(scene: Scene) -> None:
    scene.forge(policy=scene.record().policy.model_copy(update={"rules": ()}))
    scene.demand(rules=(Rule(metric="accuracy", min=0.95),))


def waived(scene: Scene) -> None:
    waiver = Waiver(test="*test_cases*", scope="*", reason="r", approver="a", expires=date(2999, 1, 1))
    policy = scene.record().policy.model_copy(update={"waivers": (waiver,)})
    with_failure(scene, policy=policy)


def waived_too_long_ago(scene: Scene) -> None:
    day = scene.now.date()
    waiver = Waiver(test="*test_cases*", scope="*", reason="r", approver="a", expires=day)
    policy = scene.record().policy.model_copy(update={"waivers": (waiver,)})
    with_failure(scene, policy=policy)
    scene.demand(accept_waived=True, max_age=None)
    assert scene.examine().refusal is None
    scene.now += timedelta(days=2)


def empty_suite(data: dict[str, Any]) -> None:
    data["test_results"]["results"] = []
    data["test_results"].update(total_tests=0, passed_tests=0)
    data["measurements"] = []


def empty_but_consistent(scene: Scene) -> None:
    scene.forge(test_results=TestResults(), measurements=(), arrays=())


def changed_array(scene: Scene) -> None:
    (array,) = (scene.path.parent / "arrays").iterdir()
    array.write_bytes(array.read_bytes() + b" ")


def a_test_twice(data: dict[str, Any]) -> None:
    results(data).append(results(data)[0])
    data["test_results"].update(total_tests=7, passed_tests=7)


def skipped_but_conclusive(data: dict[str, Any]) -> None:
    results(data)[0].update(outcome="skipped", passed=False)
    data["test_results"].update(passed_tests=5, skipped_tests=1)


VERDICT: dict[str, tuple[Manipulation, str]] = {
    "a verdict": (edit(lambda data: data.update(verdict="waived")), "record.verdict is 'waived'"),
    "a decision": (edit(lambda data: data.update(decision="block")), "record.decision is 'block'"),
    "a success": (edit(lambda data: data.update(success=False)), "record.success is False"),
    "a deployable": (edit(lambda data: data.update(deployable=False)), "record.deployable is False"),
    "a coverage": (edit(lambda data: data.update(coverage=0.9)), "record.coverage is 0.9"),
    "a quality score": (edit(lambda data: data.update(quality_score=0.99)), "record.quality_score is 0.99"),
    "a cell": (edit(lambda data: data["coverage_cells"][0].update(n=99)), "coverage_cells"),
    "a rule's result": (edit(lambda data: data["rules"][0].update(estimate=0.99)), "rules"),
    "a context": (edit(lambda data: data.update(context="release", decision="block")), "decision"),
    "an empty suite marked passed": (edit(empty_suite), "contradicts its own evidence"),
    "an empty suite that fits": (empty_but_consistent, "gives INCOMPLETE"),
    "a failure that fits": (with_failure, "gives FAIL"),
    "an outcome": (
        edit(lambda data: results(data)[0].update(outcome="failed", passed=False)),
        "results give",
    ),
    "a skip called conclusive": (edit(skipped_but_conclusive), "calls it conclusive"),
    "a count": (edit(lambda data: data["test_results"].update(passed_tests=7)), "passed_tests = 7"),
    "a test twice": (edit(a_test_twice), "lists the same test twice"),
    "a removed result": (edit(lambda data: results(data).pop()), "results give"),
    "a measurement": (
        edit(lambda data: [number.update(value=0.99) for number in data["measurements"]]),
        "but its counts are",
    ),
    "a number of a stranger": (
        edit(lambda data: data["measurements"][0].update(test="test_other.py::test_it")),
        "a test that it does not list",
    ),
    "a number twice": (
        edit(lambda data: data["measurements"].append(data["measurements"][0])),
        "two metrics with the same key",
    ),
    "examples that were not there": (
        edit(lambda data: results(data)[0]["evidence"].update(old=5000)),
        "its metrics give",
    ),
    "a threshold": (edit(lambda data: data["policy"]["gate"].update(min_coverage=0.1)), "policy's digest"),
    "a requirement": (edit(lambda data: data["policy"]["requirements"].pop()), "policy's digest"),
    "a rule": (edit(lambda data: data["policy"].update(rules=[])), "policy's digest"),
    "a policy digest": (edit(lambda data: data.update(policy_digest="0" * 64)), "policy's digest"),
    "a lowered threshold that fits": (lowered_threshold, "pass rate"),
    "a dropped rule that fits": (dropped_rule, "accuracy"),
    "a waiver where none is accepted": (waived, "gives WAIVED"),
    "a waiver that has run out since": (waived_too_long_ago, "gives FAIL"),
    "an array beside the record": (changed_array, "its bytes were changed"),
}


def swap_contents(scene: Scene) -> None:
    assert scene.model is not None
    one, two = scene.model / "parts" / "one.bin", scene.model / "parts" / "two.bin"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


def escaping_link(scene: Scene) -> None:
    outside = scene.folder / "outside.bin"
    weights(scene).replace(outside)
    weights(scene).symlink_to(outside)


def other_models_record(scene: Scene) -> None:
    """Present a good record, of another model."""
    version = scene.record().model_version
    assert version is not None
    scene.forge(model_version=version.model_copy(update={"digest": "a" * 64}))


def flip_bit(scene: Scene) -> None:
    raw = bytearray(weights(scene).read_bytes())
    raw[500] ^= 1
    weights(scene).write_bytes(raw)


MODEL_FILES: dict[str, tuple[Manipulation, str]] = {
    "a renamed file": (lambda scene: weights(scene).rename(weights(scene).with_name("w.bin")), "digest"),
    "two files swapped": (swap_contents, "has the digest"),
    "an added file": (lambda scene: weights(scene).with_name("extra").write_text("x"), "has the digest"),
    "an added hidden file": (lambda scene: weights(scene).with_name(".x").write_text("x"), "has the digest"),
    "an added empty file": (lambda scene: weights(scene).with_name("empty").touch(), "has the digest"),
    "a removed file": (lambda scene: weights(scene).unlink(), "has the digest"),
    "a truncated file": (lambda scene: weights(scene).write_text("w" * 999), "has the digest"),
    "a longer file": (lambda scene: weights(scene).write_text("w" * 1001), "has the digest"),
    "a flipped bit": (flip_bit, "has the digest"),
    "a moved file": (
        lambda scene: weights(scene).rename(weights(scene).parent / "parts" / "weights.bin"),
        "has the digest",
    ),
    "a link out of the model": (escaping_link, "outside the artifact"),
    "another model's record": (other_models_record, f"the record is of {'a' * 64}"),
    "another model": (lambda scene: setattr(scene, "model", scene.folder / ".mlops"), "has the digest"),
    "a missing model": (lambda scene: setattr(scene, "model", scene.folder / "no"), "does not exist"),
    "no model": (lambda scene: setattr(scene, "model", None), "no model was presented"),
}


def narrowed(scene: Scene) -> None:
    tests = scene.record().test_results
    session = tests.session.model_copy(update={"narrowed_by": ("-k rank",)})
    scene.forge(test_results=tests.model_copy(update={"session": session}))


def without_requirements(scene: Scene) -> None:
    scene.demand(require_evidence=False)
    record = scene.record()
    tests = tuple(test.model_copy(update={"covers": ()}) for test in record.test_results.results)
    scene.forge(
        policy=record.policy.model_copy(update={"requirements": ()}),
        test_results=record.test_results.model_copy(update={"results": tests}),
    )


def unconfigured(scene: Scene) -> None:
    scene.forge(policy=scene.record().policy.model_copy(update={"configured": False}))


def uncovered(scene: Scene) -> None:
    asked = (
        scene.record().policy.requirements[0].model_copy(update={"capability": "fair", "slices": ("all",)})
    )
    scene.demand(requirements=(asked,))


def provenance(scene: Scene, trust: str) -> None:
    scene.forge(provenance=scene.record().provenance.model_copy(update={"trust": trust}))


def ci_only(scene: Scene) -> None:
    provenance(scene, "local")
    scene.demand(trust=("ci",))


OTHERS: dict[str, dict[str, tuple[Manipulation, str]]] = {
    "required set": {
        "a narrowed run": (narrowed, "narrowed to a subset of the tests .-k rank"),
        "no requirements": (without_requirements, "not deployable"),
        "a cell that no test covers": (uncovered, "no conclusive test covers fair:all"),
    },
    "age": {
        "an old record": (lambda scene: setattr(scene, "now", scene.now + timedelta(days=7)), "7 days"),
        "a record of the future": (
            lambda scene: setattr(scene, "now", scene.now - timedelta(minutes=66)),
            "0:06:00 in the future",
        ),
    },
    "trust level": {
        "an untrusted pull request": (lambda scene: provenance(scene, "untrusted-pr"), "never accepted"),
        "a laptop where CI is demanded": (ci_only, "from local; production accepts evidence from ci"),
    },
}


def refused(examined: Examination, check: str, message: str) -> None:
    """Assert that a check refused with a message, for a reason that was foreseen."""
    import re

    assert examined.ticket is None
    assert examined.refusal is not None, "it was let in"
    assert (examined.refusal.check, bool(re.search(message, examined.refusal.message))) == (check, True), (
        f"{examined.refusal}"
    )
    assert "Error:" not in examined.refusal.message
    assert examined.refusal.remedy


@pytest.mark.parametrize("name", SIGNED)
def test_what_is_not_signed_as_it_stands_is_refused(scene: Scene, name: str) -> None:
    manipulate, message = SIGNED[name]
    manipulate(scene)
    refused(scene.examine(), "signature", message)


UNSIGNED = [
    (check, name, *manipulation)
    for check, manipulations in {
        "schema": SCHEMA,
        "verdict": {**VERDICT, "no configuration": (unconfigured, "a release needs a policy")},
        "model": MODEL_FILES,
        **OTHERS,
    }.items()
    for name, manipulation in manipulations.items()
]


@pytest.mark.parametrize(
    ("check", "manipulate", "message"),
    [(check, manipulate, message) for check, _, manipulate, message in UNSIGNED],
    ids=[f"{check}: {name}" for check, name, _, _ in UNSIGNED],
)
def test_what_does_not_hold_is_refused_without_a_signature_too(
    scene: Scene, check: str, manipulate: Manipulation, message: str
) -> None:
    scene.unsigned()
    manipulate(scene)
    refused(scene.examine(), check, message)


@pytest.mark.parametrize("check", ["model", "required set", "age", "trust level"])
def test_a_good_signature_saves_nothing_of_the_rest(scene: Scene, check: str) -> None:
    manipulate = next(manipulate for found, _, manipulate, _ in UNSIGNED if found == check)
    manipulate(scene)
    scene.sign("ci")
    examined = scene.examine()
    assert examined.refusal is not None
    assert examined.refusal.check == check


def test_the_matrix_is_as_long_as_promised() -> None:
    assert len(SIGNED) + len(UNSIGNED) >= 40


def test_the_untouched_record_is_let_in_with_and_without_a_signature(scene: Scene) -> None:
    assert scene.examine().ticket is not None
    scene.unsigned()
    assert scene.examine().ticket is not None
