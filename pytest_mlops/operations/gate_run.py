"""pytest with the gate, in a process of its own, and the record that it leaves."""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import zip_longest
from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError, TaskError
from pytest_mlops.evidence.verify import read_record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult

__all__ = ["DEFAULT_RESULT", "result_path", "run_gate"]

DEFAULT_RESULT = ".mlops/integration-result.json"
"""As the plugin's option says, which cannot ask here: where it is idle it imports nothing."""

_USAGE_ERROR = 4
_OUTPUT_LINES = 20


async def run_gate(arguments: Sequence[str], folder: Path, *, run_id: str) -> IntegrationResult:
    """Run pytest, and return the record of this run; a record of another one does not count.

    Args:
        arguments: Options and paths of pytest, those of the gate among them.
        folder: Where pytest is started.
        run_id: That of the arguments.

    Raises:
        TaskError: pytest ended without a record, as on a usage error; the message holds its last lines.
    """
    code, output = await _pytest(arguments, folder)
    try:
        record = read_record(folder / result_path(arguments))
    except EvidenceError as error:
        raise TaskError(f"pytest exited with {code} and left no record: {error}\n{_tail(output)}") from error
    if record.run_id != run_id or code == _USAGE_ERROR:
        raise TaskError(f"pytest exited with {code} before any test ran:\n{_tail(output)}")
    return record


def result_path(arguments: Sequence[str]) -> str:
    """Return where the record goes under these pytest options, of which the last one counts."""
    option, path = "--mlops-result", DEFAULT_RESULT
    for argument, following in zip_longest(arguments, arguments[1:], fillvalue=path):
        name, equals, value = argument.partition("=")
        if name == option:
            path = value if equals else following
    return path


async def _pytest(arguments: Sequence[str], folder: Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "pytest",
        *arguments,
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    return process.returncode if process.returncode is not None else 1, output.decode(errors="replace")


def _tail(output: str) -> str:
    return "\n".join(output.strip().splitlines()[-_OUTPUT_LINES:])
