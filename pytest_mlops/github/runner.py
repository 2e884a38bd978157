"""Text that the runner of GitHub Actions reads: log lines, workflow commands, step outputs."""

from __future__ import annotations

import re
import secrets
from itertools import groupby
from typing import TYPE_CHECKING

from pytest_mlops.errors import IoError
from pytest_mlops.files import OsErrorsAs
from pytest_mlops.text import one_line
from pytest_mlops.verdict import Decision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from pytest_mlops.github.annotations import Annotation
    from pytest_mlops.github.ruling import Ruling

__all__ = ["ATTESTATION", "MOST", "OUTPUTS", "log_line", "outputs_of", "workflow_commands", "write_outputs"]

MAX_MESSAGE = 4096
"""Characters of an annotation that the runner keeps."""

MOST = 8
"""Annotations of one level; the next one counts the others (actions/runner, ``ExecutionContext.cs``)."""

_NAMES = {"failure": "error", "warning": "warning", "notice": "notice"}

OUTPUTS = (
    "verdict",
    "decision",
    "success",
    "pass-rate",
    "coverage",
    "quality-score",
    "result-path",
    "report-path",
)

ATTESTATION = "attestation"
"""Output for the action's own next step: the folder with the files to attest."""

_OLD_COMMAND = re.compile(r"#(?=#?\[)")


def command_data(text: str) -> str:
    """Return ``text`` as the message of a workflow command (actions/toolkit, ``command.ts``)."""
    return one_line(text, MAX_MESSAGE).replace("%", "%25")


def command_property(text: str) -> str:
    """Return ``text`` as the value of a property of one, where colons and commas have a meaning too."""
    return command_data(text).replace(":", "%3A").replace(",", "%2C")


def log_line(text: str) -> str:
    """Return ``text`` on one line that is no command.

    ``::name::`` counts at the start of a line, the older ``##[name]`` anywhere in it.
    """
    line = _OLD_COMMAND.sub("# ", one_line(text, MAX_MESSAGE))
    return f": {line}" if line.startswith("::") else line


def workflow_commands(annotations: Iterable[Annotation]) -> list[str]:
    """Return the lines to print: at most ``MOST`` of each level, and how many more there are."""
    lines = []
    for level, group in groupby(annotations, key=lambda one: one.level):
        listed = list(group)
        lines += [_command(one) for one in listed[:MOST]]
        more = len(listed) - MOST
        if more > 0:
            lines.append(f"::{_NAMES[level]} title=mlops gate::{more:,} more in the job summary")
    return lines


def _command(annotation: Annotation) -> str:
    properties = {"title": annotation.title}
    if annotation.location is not None:
        properties = {"file": annotation.location.path, "line": str(annotation.location.line), **properties}
    listed = ",".join(f"{name}={command_property(value)}" for name, value in properties.items())
    return f"::{_NAMES[annotation.level]} {listed}::{command_data(annotation.message)}"


def outputs_of(ruling: Ruling, *, result: Path, report: Path | None) -> dict[str, str]:
    """Return every output; a number that is not known is empty.

    ``success`` is ``true`` only where the verdict is a success and nothing blocks it, so that a
    workflow that reads only this output ships nothing that was blocked.
    """
    record = ruling.record
    numbers = (None,) * 3 if record is None else (record.pass_rate, record.coverage, record.quality_score)
    rate, coverage, quality = ("" if number is None else f"{number:.6g}" for number in numbers)
    values = (
        str(ruling.verdict),
        str(ruling.decision),
        str(ruling.success and ruling.decision is Decision.ALLOW).lower(),
        rate,
        coverage,
        quality,
        str(result),
        "" if report is None else str(report),
    )
    return dict(zip(OUTPUTS, values, strict=True))


def write_outputs(
    values: Mapping[str, str], path: Path, token: Callable[[], str] = lambda: secrets.token_hex(16)
) -> None:
    """Append outputs to the file that ``GITHUB_OUTPUT`` names, each value between delimiters of its own.

    Raises:
        IoError: it cannot be written.
    """
    parts = []
    for name, value in values.items():
        delimiter = f"ghadelimiter_{token()}"
        parts.append(f"{name}<<{delimiter}\n{one_line(value, 4096)}\n{delimiter}\n")
    failed = f"cannot write the outputs to {path}"
    with OsErrorsAs(IoError, failed), path.open("a", encoding="utf-8", newline="\n") as stream:
        stream.write("".join(parts))
