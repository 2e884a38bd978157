"""``pytest-mlops verify``: its exit codes, and what it prints."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pytest_mlops import cli
from pytest_mlops.cli.exits import exit_code_for_record

if TYPE_CHECKING:
    from tests.conftest import Gate

TESTS = "import pytest\ntries = []\n\n@pytest.mark.model_test\ndef test_it(): {body}\n"
MODEL = "model: {id: risk, version: '7', artifact: weights}\n"


@pytest.fixture(autouse=True)
def loaded() -> None:
    """Import the command line before a run inside this process can drop what it imports."""
    import pytest_mlops.cli.app
    import pytest_mlops.evidence.verify  # noqa: F401


def verify(monkeypatch: pytest.MonkeyPatch, gate: Gate, *arguments: str) -> int | str | None:
    """Run ``verify`` on the project's record and return the exit code."""
    monkeypatch.setattr(sys, "argv", ["pytest-mlops", "verify", str(gate.path), *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code


@pytest.mark.parametrize(
    ("body", "options", "code"),
    [
        ("pass", (), 0),
        ("assert 0", (), 1),
        ("pytest.skip('no data')", (), 4),
        ("assert 0", ("-k", "nothing"), 4),
    ],
)
def test_the_exit_code_says_what_the_record_decided(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, body: str, options: tuple[str, ...], code: int
) -> None:
    gate.write("test_model.py", TESTS.format(body=body))
    gate.run(*options)
    assert verify(monkeypatch, gate) == code


@pytest.mark.parametrize(("context", "code"), [("local", 0), ("release", 3)])
def test_undecided_has_a_code_of_its_own_where_it_blocks(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, context: str, code: int
) -> None:
    gate.write("mlops.yaml", "version: 1")
    gate.write("test_model.py", TESTS.format(body="pass") + FLAKY)
    gate.run("--reruns=1", f"--mlops-context={context}")
    assert gate.record().verdict == "undecided"
    assert verify(monkeypatch, gate) == code
    assert exit_code_for_record(gate.record()) == code


@pytest.mark.parametrize(
    ("arguments", "environ", "code"),
    [
        ((), {}, 0),
        (("--context=release",), {}, 3),
        (("--context=local",), {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "release"}, 3),
        ((), {"GITLAB_CI": "true", "CI_COMMIT_TAG": "v1"}, 3),
    ],
)
def test_the_strictest_context_decides(
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    environ: dict[str, str],
    code: int,
) -> None:
    gate.write("mlops.yaml", "version: 1")
    gate.write("test_model.py", TESTS.format(body="pass") + FLAKY)
    gate.run("--reruns=1")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert verify(monkeypatch, gate, *arguments) == code


def test_no_context_is_looser_than_that_of_the_record(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.write("mlops.yaml", "version: 1")
    gate.write("test_model.py", TESTS.format(body="pass") + FLAKY)
    gate.run("--reruns=1", "--mlops-context=release")
    assert verify(monkeypatch, gate, "--context=local") == 3


FLAKY = """
@pytest.mark.model_test
def test_flaky():
    tries.append(1)
    assert len(tries) > 1
"""


def test_it_prints_what_held_then_the_verdict(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gate.write("test_model.py", TESTS.format(body="assert 0"))
    gate.run("--mlops-run-id=r")
    capsys.readouterr()
    verify(monkeypatch, gate, "--run-id=r")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "  ok    schema"
    assert "  ok    run id" in lines
    assert any(line.startswith("  FAIL: pass rate 0 is below 1") for line in lines)
    assert lines[-1] == "FAIL: block (local), run r"


@pytest.mark.parametrize(
    ("arguments", "spoil", "sentence"),
    [
        (("--run-id=other",), None, "expected run other"),
        ((), ('"schema_version": "1.0"', '"schema_version": "2.0"'), "schema version 2.0"),
        ((), ('"verdict": "pass"', '"verdict": "waived"'), "contradicts its own evidence"),
        ((), ("{", "["), "not valid JSON"),
    ],
)
def test_a_record_that_cannot_be_trusted_exits_5_with_one_sentence(
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    spoil: tuple[str, str] | None,
    sentence: str,
) -> None:
    gate.write("test_model.py", TESTS.format(body="pass"))
    gate.run()
    if spoil is not None:
        text = gate.path.read_text(encoding="utf-8")
        assert spoil[0] in text
        gate.path.write_text(text.replace(*spoil), encoding="utf-8")
    capsys.readouterr()
    assert verify(monkeypatch, gate, *arguments) == 5
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1


def test_a_record_that_is_not_there_exits_5(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    assert verify(monkeypatch, gate) == 5


def test_the_model_is_found_where_the_record_says_it_is(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gate.write("part/mlops.yaml", MODEL)
    weights = gate.write("part/weights", "w")
    gate.write("part/test_model.py", TESTS.format(body="pass"))
    gate.run("part")
    capsys.readouterr()
    assert verify(monkeypatch, gate) == 0
    assert "  ok    model digest" in capsys.readouterr().out
    weights.write_text("other", encoding="utf-8")
    assert verify(monkeypatch, gate) == 5


def test_the_model_may_lie_elsewhere(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.write("mlops.yaml", MODEL)
    weights = gate.write("weights", "w")
    gate.write("test_model.py", TESTS.format(body="pass"))
    gate.run()
    elsewhere = gate.folder / "moved" / "weights"
    elsewhere.parent.mkdir()
    weights.rename(elsewhere)
    assert verify(monkeypatch, gate) == 5
    assert verify(monkeypatch, gate, f"--model={elsewhere}") == 0
