"""Exit codes of the command line."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from pytest_mlops.errors import ConfigError, EvidenceError, MLOpsError
from pytest_mlops.verdict import Decision, Verdict, success

if TYPE_CHECKING:
    from pytest_mlops.records.integration import IntegrationResult

__all__ = ["ExitCode", "exit_code_for_record", "exit_code_for_verdict", "exit_code_of"]


class ExitCode(IntEnum):
    """What the number means to the caller."""

    ALLOW = 0
    BLOCK = 1
    """A FAIL blocks."""
    USAGE = 2
    """The command or the configuration is wrong."""
    UNDECIDED = 3
    INCOMPLETE = 4
    """Required evidence is missing, or could not be obtained."""
    REFUSED = 5
    """A record cannot be trusted as evidence."""


def exit_code_of(error: MLOpsError) -> ExitCode:
    """Return the exit code of an error that ended a command; no error is an ALLOW, nor a verdict of FAIL."""
    if isinstance(error, ConfigError):
        return ExitCode.USAGE
    return ExitCode.REFUSED if isinstance(error, EvidenceError) else ExitCode.INCOMPLETE


def exit_code_for_record(record: IntegrationResult) -> ExitCode:
    """Return the exit code of what a verified record decided."""
    if record.decision is Decision.ALLOW and record.verdict is not Verdict.INCOMPLETE:
        return ExitCode.ALLOW
    return {Verdict.UNDECIDED: ExitCode.UNDECIDED, Verdict.INCOMPLETE: ExitCode.INCOMPLETE}.get(
        record.verdict, ExitCode.BLOCK
    )


def exit_code_for_verdict(verdict: Verdict) -> ExitCode:
    """Return the exit code of a verdict that no policy has turned into a decision."""
    if success(verdict):
        return ExitCode.ALLOW
    return {Verdict.UNDECIDED: ExitCode.UNDECIDED, Verdict.FAIL: ExitCode.BLOCK}.get(
        verdict, ExitCode.INCOMPLETE
    )
