"""The command line as a whole: version, help, errors and exit codes."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points, version

import pytest

from pytest_mlops import cli, errors
from pytest_mlops.cli import exits


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    """Run ``main`` in this process and return the exit code."""
    monkeypatch.setattr(sys, "argv", ["pytest-mlops", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code


def test_the_console_script_is_main() -> None:
    (script,) = entry_points(group="console_scripts", name="pytest-mlops")
    assert script.load() is cli.main


def test_the_version_is_that_of_the_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"pytest-mlops {version('pytest-mlops')}\n"


def test_without_a_command_the_help_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch) in {0, 2}  # click changed its mind in 8.2
    shown = "".join(capsys.readouterr())
    assert all(command in shown for command in ("validate", "explain", "schema"))


def test_python_m_runs_the_command_line() -> None:
    command = [sys.executable, "-m", "pytest_mlops", "explain", "nowhere.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("pytest-mlops: nowhere.yaml")


def test_an_unknown_command_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "deplooy") == exits.ExitCode.USAGE


def test_an_error_of_ours_is_one_message_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "explain", "nowhere.yaml") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "pytest-mlops: nowhere.yaml: 1 mistake\n  there is no such file; check the path\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("x", []), 2),
        (errors.EvidenceError("x"), 5),
        (errors.SerializationError("x"), 4),
        (errors.IoError("x"), 4),
        (errors.MLOpsError("x"), 4),
    ],
)
def test_no_error_leaves_with_allow_or_with_a_verdict(error: errors.MLOpsError, code: int) -> None:
    assert exits.exit_code_of(error) == code


def test_help_does_not_wait_for_the_heavy_imports() -> None:
    script = (
        "import sys; sys.argv = ['pytest-mlops', '--help']\n"
        "from pytest_mlops.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print({'pydantic', 'yaml', 'numpy', 'scipy', 'httpx', 'pytest'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "set()"
