"""``keys``, ``sign``, ``verify`` and ``log``: what they print, and the codes they exit with."""

from __future__ import annotations

import json
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pytest_mlops import cli
from pytest_mlops.errors import TicketRefused
from pytest_mlops.evidence.decision import issue_ticket
from pytest_mlops.evidence.statement import envelope_path, statement_path
from pytest_mlops.store.engine import open_store
from pytest_mlops.store.schema import log as log_table

if TYPE_CHECKING:
    from pathlib import Path

    from tests.evidence.conftest import Scene


class Shell:
    """``pytest-mlops`` in a folder, and what it printed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.out = ""
        self.err = ""

    def go(self, folder: Path) -> None:
        self._monkeypatch.chdir(folder)

    def run(self, *arguments: object) -> int:
        self._monkeypatch.setattr(sys, "argv", ["pytest-mlops", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        self.out, self.err = self._capsys.readouterr()
        return int(caught.value.code or 0)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


@pytest.fixture
def here(shell: Shell, scene: Scene) -> Shell:
    """Return a shell in the scene's folder."""
    shell.go(scene.folder)
    return shell


def test_keys_are_made_and_shown(shell: Shell, tmp_path: Path) -> None:
    shell.go(tmp_path)
    assert shell.run("keys", "new", "ci.key") == 0
    assert "trust it with: trusted_keys: [{name: ci, file: ci.pub}]" in shell.out
    made = next(line.split()[-1] for line in shell.out.splitlines() if line.startswith("key id:"))
    assert shell.run("keys", "show", "ci.key") == 0
    assert f"key id: {made} (private key)" in shell.out
    assert "BEGIN PUBLIC KEY" in shell.out
    assert "PRIVATE" not in shell.out
    assert shell.run("keys", "show", "ci.pub") == 0
    assert f"key id: {made} (public key)" in shell.out
    assert shell.run("keys", "new", "ci.key") == 2
    assert "never overwritten" in shell.err


def test_a_record_is_signed_apart_from_its_tests(here: Shell, scene: Scene) -> None:
    envelope_path(scene.path).unlink()
    assert here.run("verify", scene.path, "--environment=production") == 5
    assert here.run("sign", scene.path, "--key=ci.key", "--run-id=r") == 0
    assert f"signed by {scene.keys['ci'].public.id}" in here.out
    assert here.run("verify", scene.path, "--environment=production") == 0
    assert "production: signature: signed by ci" in here.out


def test_the_key_to_sign_with_may_come_from_the_environment(
    here: Shell, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    envelope_path(scene.path).unlink()
    assert here.run("sign", scene.path) == 2
    assert "names no key" in here.err
    monkeypatch.setenv("MLOPS_SIGNING_KEY", "ci.key")
    assert here.run("sign", scene.path) == 0
    assert envelope_path(scene.path).exists()


@pytest.mark.parametrize("what", ["record", "run", "model", "trust"])
def test_what_does_not_stand_up_is_not_signed(here: Shell, scene: Scene, what: str) -> None:
    envelope_path(scene.path).unlink()
    if what == "record":
        scene.edit(lambda data: data.update(coverage=0.9))
    if what == "model":
        (scene.folder / "model" / "extra").touch()
    if what == "trust":
        where = scene.record().provenance.model_copy(update={"trust": "untrusted-pr"})
        scene.forge(provenance=where)
    run = "other" if what == "run" else "r"
    assert here.run("sign", scene.path, "--key=ci.key", f"--run-id={run}") == 5
    assert not envelope_path(scene.path).exists()


def test_a_job_of_an_untrusted_pull_request_signs_nothing_whatever_the_record_says(
    here: Shell, scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    event = tmp_path / "event.json"
    sides = {
        "head": {"repo": {"full_name": "fork/m", "id": 2}},
        "base": {"repo": {"full_name": "own/m", "id": 1}},
    }
    event.write_text(json.dumps({"pull_request": {"number": 1, **sides}}), encoding="utf-8")
    envelope_path(scene.path).unlink()
    for name, value in (
        ("CI", "true"),
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", "pull_request"),
        ("GITHUB_EVENT_PATH", str(event)),
    ):
        monkeypatch.setenv(name, value)
    assert here.run("sign", scene.path, "--key=ci.key") == 5
    assert "untrusted pull request" in here.err
    assert not envelope_path(scene.path).exists()


def test_a_signature_is_verified_with_keys_at_hand(here: Shell, scene: Scene) -> None:
    assert here.run("verify", scene.path, "--key=ci.pub") == 0
    assert "ok    signed by 1. ci.pub" in here.out
    assert here.run("verify", scene.path, "--key=stranger.pub") == 5
    assert "not trusted here" in here.err
    assert here.run("verify", scene.path, "--key=stranger.pub", "--key=ci.pub") == 0
    assert here.run("verify", scene.path, "--key=nothing.pub") == 2


def test_an_environment_is_held_against_what_it_demands(here: Shell, scene: Scene) -> None:
    assert here.run("verify", scene.path, "--environment=production") == 0
    assert here.out.count("ok    production: ") == 7
    assert here.run("verify", scene.path, "--environment=staging") == 2
    assert "declares production" in here.err
    scene.sign("stranger")
    assert here.run("verify", scene.path, "--environment=production") == 5
    assert "refused by the check of the signature" in here.err


def test_the_configuration_of_an_environment_is_never_the_records_word(
    here: Shell, scene: Scene, tmp_path: Path
) -> None:
    config = tmp_path / "elsewhere.yaml"
    config.write_text("environments: {production: {min_pass_rate: 1.0}}\n", encoding="utf-8")
    assert here.run("verify", scene.path, "--environment=production", f"--config={config}") == 0
    assert "no key to check it with" in here.out
    (scene.folder / "mlops.yaml").unlink()
    assert here.run("verify", scene.path, "--environment=production") == 2
    assert "no mlops.yaml here or above declares it" in here.err


def test_a_cached_digest_finds_a_changed_model(
    here: Shell, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns
    monkeypatch.setattr("time.time_ns", lambda: now() + 10**10)
    for _ in range(2):
        assert here.run("verify", scene.path, "--cached") == 0
        assert "ok    model digest" in here.out
    assert (scene.path.parent / "digests.json").exists()
    (scene.folder / "model" / "tokens.txt").write_text("b\na\n", encoding="utf-8")
    assert here.run("verify", scene.path, "--cached") == 5


def test_an_openssf_signature_of_the_model_is_verified(here: Shell, scene: Scene) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (scene.folder / "ec.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    (scene.folder / "ec.pub").write_bytes(key.public_key().public_bytes(pem, spki))
    from model_signing import signing

    config = signing.Config()  # type: ignore[no-untyped-call]
    config.use_elliptic_key_signer(private_key=scene.folder / "ec.key")
    config.sign(scene.folder / "model", scene.folder / "model.sig")
    arguments = ("verify", scene.path, "--model-signature=model.sig")
    assert here.run(*arguments, "--model-key=ec.pub") == 0
    assert "ok    model signature over 4 files" in here.out
    assert here.run(*arguments) == 2
    assert "give both" in here.err
    assert here.run(*arguments, "--model-key=ec.pub", "--model=model/parts") == 5
    scene.unsigned()
    version = scene.record().model_version
    assert version is not None
    scene.forge(model_version=version.model_copy(update={"artifact_path": None}))
    statement_path(scene.path).unlink()
    assert here.run(*arguments, "--model-key=ec.pub") == 5
    assert "pass it with --model" in here.err


def test_the_log_is_verified_and_shown(here: Shell, scene: Scene) -> None:
    assert here.run("log", "verify") == 4
    assert "there is no store here" in here.err
    with open_store(folder=scene.folder) as store:
        issue_ticket(store, scene.case(), actor="deployer")
        scene.now += timedelta(days=30)
        with pytest.raises(TicketRefused):
            issue_ticket(store, scene.case(), actor="deployer")
    assert here.run("log", "verify") == 0
    assert "the log holds: 2 entries, head " in here.out
    head = here.out.split()[-1]
    assert here.run("log", "verify", f"--head={head}") == 0
    assert here.run("log", "verify", f"--head={'0' * 63}1") == 5
    assert here.run("log", "show", "--subject=risk@7", "--body", "--after=1") == 0
    first, body = here.out.splitlines()
    assert first.startswith("2  ")
    assert first.endswith("deployer  ticket  risk@7")
    assert '"verificationResult": "FAILED"' in body
    with open_store(folder=scene.folder) as store, store.write() as connection:
        connection.execute(log_table.update().where(log_table.c.seq == 1).values(actor="mallory"))
    assert here.run("log", "verify") == 5
    assert "entry 1 of the log was changed" in here.err


def test_what_is_no_private_key_is_named(here: Shell, scene: Scene) -> None:
    for name in ("ci.pub", "test_model.py"):
        (scene.folder / name).chmod(0o644)
    assert here.run("sign", scene.path, "--key=ci.pub") == 2
    assert "is a public key" in here.err
    assert here.run("keys", "show", "test_model.py") == 2
    assert "is not a key in PEM format" in here.err
    assert "chmod" not in here.err


@pytest.mark.parametrize("head", ["abc", "", "g" * 64, "0" * 65])
def test_a_head_that_is_no_hash_is_a_mistake_of_the_caller(here: Shell, scene: Scene, head: str) -> None:
    with open_store(folder=scene.folder) as store:
        issue_ticket(store, scene.case(), actor="deployer")
    assert here.run("log", "verify", f"--head={head}") == 2
    assert "64 digits" in here.err


def test_nothing_in_the_log_can_print_a_line_of_its_own(here: Shell, scene: Scene) -> None:
    with open_store(folder=scene.folder) as store:
        issue_ticket(store, scene.case(), actor="deployer")
        forged = "x\n2  2026-01-01  ann\x1b[2K\u2028\u202e"
        with store.write() as connection:  # as anyone who writes the database could
            connection.execute(log_table.update().where(log_table.c.seq == 1).values(actor=forged))
    assert here.run("log", "show") == 0
    assert len(here.out.splitlines()) == 1
    assert r"x\n2  2026-01-01  ann\u001b[2K\u2028\u202e" in here.out


def test_a_deployment_needs_no_plugin_whose_checks_the_configuration_uses(here: Shell, scene: Scene) -> None:
    config = scene.folder / "mlops.yaml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text + "checks: [{check: of_a_plugin, of: holdout}]\n", encoding="utf-8")
    assert here.run("verify", scene.path, "--environment=production") == 0
    config.write_text(text.replace("id: risk", "id: credit"), encoding="utf-8")
    assert here.run("verify", scene.path, "--environment=production") == 5
    assert "the record is of risk 7; production here is for credit" in here.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("environments:\n  production: {min_signature: 2}\n", "environments.production.min_signature"),
        ("environments: {production: {}}\nenvironments: {}\n", "environments"),
        ("version: 2\nenvironments: {production: {}}\n", "expected 1"),
        (None, "there is no such file"),
    ],
)
def test_a_mistake_in_what_a_deployment_reads_is_named(
    here: Shell, scene: Scene, text: str | None, message: str
) -> None:
    config = scene.folder / "other.yaml"
    if text is not None:
        config.write_text(text, encoding="utf-8")
    assert here.run("verify", scene.path, "--environment=production", f"--config={config}") == 2
    assert message in here.err
