"""Attesting a run: the statement always, the signature where there is a key, and nothing of older runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from securesystemslib import dsse as reference
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

from pytest_mlops.errors import EvidenceError, IoError
from pytest_mlops.evidence.attest import remove_attestations, write_attestations
from pytest_mlops.evidence.dsse import read_envelope
from pytest_mlops.evidence.keys import generate_key
from pytest_mlops.evidence.statement import envelope_path, read_test_result, statement_path

if TYPE_CHECKING:
    from tests.conftest import Gate
    from tests.evidence.conftest import Scene

TESTS = "import pytest\n@pytest.mark.model_test\ndef test_it(): {body}\n"


def signed_run(gate: Gate, body: str = "pass", *arguments: str) -> pytest.RunResult:
    gate.write("test_model.py", TESTS.format(body=body))
    if not (gate.folder / "ci.key").exists():
        generate_key(gate.folder / "ci.key")
    return gate.run("--mlops-sign-key=ci.key", *arguments)


def test_a_run_without_a_key_writes_the_statement_alone(gate: Gate) -> None:
    gate.write("test_model.py", TESTS.format(body="pass"))
    assert gate.run().ret == 0
    statement = read_test_result(statement_path(gate.path).read_bytes())
    assert (statement.run_id, statement.result) == (gate.record().run_id, "PASSED")
    assert not envelope_path(gate.path).exists()


@pytest.mark.parametrize(("body", "result", "code"), [("pass", "PASSED", 0), ("assert 0", "FAILED", 1)])
def test_a_run_with_a_key_is_signed_whatever_it_found(gate: Gate, body: str, result: str, code: int) -> None:
    assert signed_run(gate, body).ret == code
    data = json.loads(envelope_path(gate.path).read_text(encoding="utf-8"))
    from pytest_mlops.evidence.keys import load_public_key

    envelope = reference.Envelope.from_dict(data)
    envelope.verify([SSlibKey.from_crypto(load_public_key(gate.folder / "ci.pub").key)], 1)
    assert envelope.payload == statement_path(gate.path).read_bytes()
    assert read_test_result(envelope.payload).result == result


def test_the_key_may_come_from_the_environment(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.write("test_model.py", TESTS.format(body="pass"))
    generate_key(gate.folder / "ci.key")
    monkeypatch.setenv("MLOPS_SIGNING_KEY", str(gate.folder / "ci.key"))
    assert gate.run().ret == 0
    assert envelope_path(gate.path).exists()


def test_a_key_that_cannot_be_used_is_a_usage_error_before_anything_runs(gate: Gate) -> None:
    gate.write("test_model.py", TESTS.format(body="open('ran', 'w').close()"))
    done = gate.run("--mlops-sign-key=ci.key")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*ci.key: 1 mistake", "*cannot be read: No such file or directory"])
    assert not (gate.folder / "ran").exists()
    assert gate.record().verdict == "incomplete"


def test_an_untrusted_pull_request_is_given_no_key(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
    done = signed_run(gate)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*the code of an untrusted pull request could read the key*"])
    assert not envelope_path(gate.path).exists()


def test_what_an_older_run_attested_is_gone_when_the_next_one_starts(gate: Gate) -> None:
    signed_run(gate)
    assert envelope_path(gate.path).exists()
    look = "from pathlib import Path; assert not list(Path('.mlops').glob('*.dsse.json'))"
    assert not any("intoto" in name for name in _during(gate, look))
    assert not envelope_path(gate.path).exists()


def _during(gate: Gate, look: str) -> list[str]:
    """Run a test that writes down what lies beside the record while it runs, and return that."""
    body = f"{look}; Path('seen').write_text(' '.join(map(str, Path('.mlops').iterdir())))"
    gate.write("test_model.py", TESTS.format(body=body))
    assert gate.run().ret == 0
    return (gate.folder / "seen").read_text(encoding="utf-8").split()


def test_a_usage_error_takes_the_older_attestation_away_too(gate: Gate) -> None:
    signed_run(gate)
    gate.write("mlops.yaml", "version: 2\n")
    assert gate.run().ret == pytest.ExitCode.USAGE_ERROR
    assert not envelope_path(gate.path).exists()
    assert not statement_path(gate.path).exists()


def test_several_configurations_take_away_what_a_single_one_attested(gate: Gate) -> None:
    signed_run(gate)
    for name in "ab":
        gate.write(f"{name}/mlops.yaml", "version: 1\n")
        gate.write(f"{name}/test_{name}.py", TESTS.format(body="pass"))
    gate.run(
        "--mlops-config=a/mlops.yaml", "--mlops-config=b/mlops.yaml", "--mlops-sign-key=ci.key", "a", "b"
    )
    assert not envelope_path(gate.path).exists()
    for name in "ab":
        path = gate.path.parent / name / gate.path.name
        assert read_test_result(read_envelope(envelope_path(path).read_bytes()).payload).result == "PASSED"


def test_a_statement_that_cannot_be_written_blocks(gate: Gate) -> None:
    body = "from pathlib import Path; Path('.mlops/integration-result.dsse.json').mkdir()"
    done = signed_run(gate, body)
    assert done.ret == 1
    done.stdout.fnmatch_lines(["*INCOMPLETE: cannot write *integration-result.dsse.json*"])
    assert gate.record().verdict == "pass"


def test_a_plan_leaves_attestations_as_they_are(gate: Gate) -> None:
    signed_run(gate)
    gate.run("--collect-only")
    assert envelope_path(gate.path).exists()


def test_another_signature_over_the_same_statement_is_kept(scene: Scene) -> None:
    record, data = scene.record(), scene.path.read_bytes()
    write_attestations(scene.path, record, data, [scene.keys["release"]])
    both = {scene.keys[name].public.id for name in ("ci", "release")}
    assert {each.key_id for each in read_envelope(envelope_path(scene.path).read_bytes()).signatures} == both
    scene.demand(trusted_keys=(scene.trusted("ci"), scene.trusted("release")), min_signatures=2)
    assert scene.examine().ticket is not None


def test_a_signature_over_another_statement_is_not_kept(scene: Scene) -> None:
    scene.edit(lambda data: data.update(duration=9.0))
    write_attestations(scene.path, scene.record(), scene.path.read_bytes(), [scene.keys["release"]])
    (only,) = read_envelope(envelope_path(scene.path).read_bytes()).signatures
    assert only.key_id == scene.keys["release"].public.id


def test_an_attestation_that_cannot_be_removed_is_one_sentence(scene: Scene) -> None:
    envelope_path(scene.path).unlink()
    envelope_path(scene.path).mkdir()
    with pytest.raises(IoError, match="cannot remove the old"):
        remove_attestations(scene.path)
    with pytest.raises(EvidenceError, match="not valid JSON"):
        read_envelope(b"")
