"""The measuring step of the action: pytest under the gate, in the environment of the tests."""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["command_of", "environment_of", "measure"]

RECORD = Path(".mlops") / "integration-result.json"

USAGE = 2
"""Exit code where nothing was started, as of the command line."""

RUNNER_FILES = ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY")
"""Variables that name files which the runner reads when the step has ended."""

WITHHELD = frozenset(
    {
        *RUNNER_FILES,
        *("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_RUNTIME_TOKEN"),
        *("GITHUB_TOKEN", "INPUT_TOKEN", "MLOPS_TOKEN"),
    }
)
"""Variables that let a step command the runner or GitHub; the tests get none of them."""


def measure(environ: Mapping[str, str], log: Callable[[str], None]) -> int:
    """Run the tests in the current folder, and return pytest's exit code.

    Args:
        environ: Environment variables; ``MLOPS_PYTHON``, ``MLOPS_ARGS``, ``MLOPS_CONFIG``, ``MLOPS_CONTEXT``
            and ``MLOPS_RUN_ID`` name what is run.
        log: Prints a line at once.
    """
    RECORD.unlink(missing_ok=True)  # a record that was committed is no evidence of this run
    if environ.get("GITHUB_EVENT_NAME") == "pull_request_target":
        log(
            "::error::pull_request_target runs what is merged already, with rights that a proposal must not "
            "have: measure on pull_request, and post on workflow_run"
        )
        return USAGE
    try:
        command = command_of(environ)
    except ValueError as error:
        log(f"::error::args cannot be split: {error}")
        return USAGE
    restore = _restorer(environ)
    # What tests print is not a command to the runner.
    token = secrets.token_hex(16)
    log(f"::stop-commands::{token}")
    try:
        code = subprocess.run(command, env=environment_of(environ), check=False).returncode  # noqa: S603
    except OSError as error:
        code, why = USAGE, f"python: {command[0]!r} cannot be run: {error.strerror or error}"
    else:
        why = f"pytest left no record; is pytest-mlops installed where {command[0]!r} runs?"
    finally:
        restore()
        log(f"::{token}::")
    if not RECORD.is_file():
        log(f"nothing was measured: {why}")
        return code or USAGE
    return code


def _restorer(environ: Mapping[str, str]) -> Callable[[], None]:
    """Return a function that restores the runner's files as they are now: tests can find them anyway."""
    files = [Path(environ[name]) for name in RUNNER_FILES if environ.get(name)]
    before = {path: path.read_bytes() for path in files if path.is_file()}

    def restore() -> None:
        for path, content in before.items():
            if not path.is_file() or path.read_bytes() != content:
                path.unlink(missing_ok=True)
                path.write_bytes(content)

    return restore


def command_of(environ: Mapping[str, str]) -> list[str]:
    """Return the command that measures; the action's own options come last and win.

    Raises:
        ValueError: the arguments have a quotation mark that is not closed.
    """
    command = [
        environ.get("MLOPS_PYTHON") or "python",
        "-m",
        "pytest",
        *shlex.split(environ.get("MLOPS_ARGS", "")),
    ]
    for option, variable in (
        ("config", "MLOPS_CONFIG"),
        ("context", "MLOPS_CONTEXT"),
        ("run-id", "MLOPS_RUN_ID"),
    ):
        if environ.get(variable):
            command.append(f"--mlops-{option}={environ[variable]}")
    return [*command, "--mlops-gate", f"--mlops-result={RECORD.as_posix()}"]


def environment_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the tests."""
    return {name: value for name, value in environ.items() if name not in WITHHELD}


if __name__ == "__main__":
    sys.exit(measure(os.environ, lambda line: print(line, flush=True)))  # noqa: T201 -- the step's log
