"""Outputs of the step, written so that no value can add another."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from pytest_mlops.errors import IoError
from pytest_mlops.text import one_line
from pytest_mlops.verdict import Decision

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pytest_mlops.github.ruling import Ruling

__all__ = ["ATTESTATION", "OUTPUTS", "outputs_of", "write_outputs"]

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
"""For the action's own next step: the folder with what is attested, where anything is."""


def outputs_of(ruling: Ruling, *, result: Path, report: Path | None) -> dict[str, str]:
    """Return every output; a number that is not known is empty.

    ``success`` is ``true`` only where the verdict is a success and nothing blocks it, so that whoever looks
    at it alone ships nothing that was blocked.
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
    try:
        with path.open("a", encoding="utf-8", newline="\n") as stream:
            stream.write("".join(parts))
    except OSError as error:
        raise IoError(f"cannot write the outputs to {path}: {error.strerror or error}") from error
