"""The measuring step: what it starts, with which environment, and what it makes of its end."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pytest_mlops.github.measure import WITHHELD, command_of, environment_of, measure

RECORD = Path(".mlops") / "integration-result.json"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def interpreter(folder: Path, program: str) -> str:
    """Write something that is started in place of the interpreter."""
    path = folder / "python"
    path.write_text(f"#!{sys.executable}\n{program}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def run(**environ: str) -> tuple[int, list[str]]:
    lines: list[str] = []
    return measure({**os.environ, **environ}, lines.append), lines


def test_what_the_action_sets_stands_last() -> None:
    environ = {
        "MLOPS_PYTHON": "py",
        "MLOPS_ARGS": "-k 'a and b' --mlops-run-id=other",
        "MLOPS_CONFIG": "m.yaml",
        "MLOPS_CONTEXT": "release",
        "MLOPS_RUN_ID": "1",
    }
    assert command_of(environ) == [
        *("py", "-m", "pytest", "-k", "a and b", "--mlops-run-id=other"),
        *("--mlops-config=m.yaml", "--mlops-context=release", "--mlops-run-id=1"),
        *("--mlops-gate", "--mlops-result=.mlops/integration-result.json"),
    ]


def test_empty_inputs_are_left_out() -> None:
    environ = dict.fromkeys(("MLOPS_PYTHON", "MLOPS_ARGS", "MLOPS_CONFIG", "MLOPS_CONTEXT"), "")
    assert command_of(environ)[:3] == ["python", "-m", "pytest"]
    assert len(command_of(environ)) == 5


def test_tests_are_not_given_what_speaks_to_the_runner() -> None:
    environ = {**dict.fromkeys(WITHHELD, "secret"), "PATH": "p", "GITHUB_SHA": "s"}
    assert environment_of(environ) == {"PATH": "p", "GITHUB_SHA": "s"}


@pytest.mark.skipif(os.name == "nt", reason="needs a script that can be started")
@pytest.mark.parametrize("code", [0, 1, 3])
def test_exit_code_is_that_of_pytest_where_there_is_a_record(folder: Path, code: int) -> None:
    program = (
        f"import pathlib, sys; p = pathlib.Path('{RECORD}'); p.parent.mkdir(); p.touch(); sys.exit({code})"
    )
    assert run(MLOPS_PYTHON=interpreter(folder, program))[0] == code


@pytest.mark.skipif(os.name == "nt", reason="needs a script that can be started")
@pytest.mark.parametrize(("code", "returned"), [(0, 2), (5, 5)])
def test_no_record_is_a_failure_and_an_old_one_is_none(folder: Path, code: int, returned: int) -> None:
    RECORD.parent.mkdir()
    RECORD.touch()

    assert run(MLOPS_PYTHON=interpreter(folder, f"raise SystemExit({code})"))[0] == returned
    assert not RECORD.exists()


def test_interpreter_that_is_not_there_is_named() -> None:
    code, lines = run(MLOPS_PYTHON="no-such-python")

    assert code == 2
    assert "python: 'no-such-python' cannot be run: No such file or directory" in lines[-1]


def test_commands_are_stopped_by_a_word_that_cannot_be_known() -> None:
    words = set()
    for _ in range(2):
        _, (stop, resume, _) = run(MLOPS_PYTHON="no-such-python")
        words.add(stop.removeprefix("::stop-commands::"))
        assert resume == f"::{stop.removeprefix('::stop-commands::')}::"
    assert len(words) == 2


@pytest.mark.parametrize("environ", [{"MLOPS_ARGS": "'"}, {"GITHUB_EVENT_NAME": "pull_request_target"}])
def test_nothing_is_started_for(environ: dict[str, str]) -> None:
    code, lines = run(**environ)

    assert code == 2
    assert lines[0].startswith("::error::")
    assert not any("stop-commands" in line for line in lines)


def test_what_tests_wrote_into_the_files_of_the_runner_is_taken_out_again(folder: Path) -> None:
    """The tests get no variable that names them, but can find them anyway."""
    files = {name: folder / name for name in ("GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT")}
    for path in files.values():
        path.write_text("before=1\n", encoding="utf-8")
    program = (
        "import pathlib\n"
        "pathlib.Path('GITHUB_ENV').open('a').write('BASH_ENV=evil.sh\\n')\n"
        "pathlib.Path('GITHUB_PATH').unlink()\n"
        "pathlib.Path('GITHUB_OUTPUT').unlink(); pathlib.Path('GITHUB_OUTPUT').symlink_to('other')\n"
    )
    run(MLOPS_PYTHON=interpreter(folder, program), **{name: str(path) for name, path in files.items()})
    assert {path.read_text(encoding="utf-8") for path in files.values()} == {"before=1\n"}
    assert not (folder / "other").exists()
