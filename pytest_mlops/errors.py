"""The exceptions of the package.

::

    MLOpsError
    ├── ConfigError                  mlops.yaml or an option is wrong; carries every problem at once
    ├── IncompleteEvidence           a required input of a check or model test is missing
    ├── UndecidedEvidence            the evidence of a check or model test is insufficient
    ├── RecordingError (ValueError)  an argument of a recording call is not valid evidence
    ├── ModelArtifactNotFound        the model's files are missing or outside the project folder
    ├── InvalidMetadata              the metadata of a model version is missing or invalid
    ├── EnvironmentUnhealthy         a target environment failed its health checks
    ├── InvalidHealthCheck           a health check cannot run as configured
    ├── EvidenceError                a record cannot be trusted as evidence
    │   └── TicketRefused            ticket verification refused a version; names the failed check
    ├── StoreError                   the store cannot be opened, read or written
    ├── NotRegistered                the registry has no such version or alias
    ├── ConflictError                a concurrent change came first, or the registry has another value
    ├── HttpError                    a server could not be reached or returned an error
    ├── TaskError                    a child process ended without a result
    ├── IoError                      a file could not be read or written
    └── SerializationError           a text does not match its format
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

__all__ = [
    "ConfigError",
    "ConflictError",
    "EnvironmentUnhealthy",
    "EvidenceError",
    "HttpError",
    "IncompleteEvidence",
    "InvalidHealthCheck",
    "InvalidMetadata",
    "IoError",
    "MLOpsError",
    "ModelArtifactNotFound",
    "NotRegistered",
    "Problem",
    "RecordingError",
    "SerializationError",
    "StoreError",
    "TaskError",
    "TicketRefused",
    "UndecidedEvidence",
    "refuse",
]


class MLOpsError(Exception):
    """Base class of the package's exceptions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One mistake in a configuration file.

    Attributes:
        path: Path within the document, such as ``rules[2].min``; empty for the document itself.
        message: What was found, what was expected, and how to fix it.
        line: 1-based line number, if known.
    """

    path: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        line = f", line {self.line}" if self.line is not None else ""
        return f"{self.path}: {self.message}{line}" if self.path else f"{self.message}{line}"


class ConfigError(MLOpsError):
    """A configuration is invalid.

    Attributes:
        source: The file or option.
        problems: All mistakes, in the order of the document.
    """

    def __init__(self, source: str, problems: list[Problem]) -> None:
        self.source = source
        self.problems = problems
        noun = "mistake" if len(problems) == 1 else "mistakes"
        lines = [f"{source}: {len(problems)} {noun}", *(f"  {problem}" for problem in problems)]
        super().__init__("\n".join(lines))


def refuse(source: str, message: str, line: int | None = None) -> NoReturn:
    """Raise a ConfigError about an option, or a document as a whole."""
    raise ConfigError(source, [Problem(path="", message=message, line=line)])


class IncompleteEvidence(MLOpsError):  # noqa: N818 -- named as the verdict it leads to
    """A required input of a check or model test is missing; its verdict is INCOMPLETE."""


class UndecidedEvidence(MLOpsError):  # noqa: N818 -- as above
    """The evidence of a check or model test is insufficient; its verdict is UNDECIDED."""


class RecordingError(MLOpsError, ValueError):
    """An argument of a recording call is not valid evidence."""


class ModelArtifactNotFound(MLOpsError):  # noqa: N818 -- the field's own name for it
    """The model's files are missing or outside the project folder."""


class InvalidMetadata(MLOpsError):  # noqa: N818 -- as above
    """The metadata of a model version is missing or invalid."""


class EnvironmentUnhealthy(MLOpsError):  # noqa: N818 -- as above
    """A target environment failed its health checks."""


class InvalidHealthCheck(MLOpsError):  # noqa: N818 -- as above
    """A health check cannot run as configured."""


class EvidenceError(MLOpsError):
    """A record cannot be trusted as evidence."""


class TicketRefused(EvidenceError):  # noqa: N818 -- as above
    """Ticket verification refused a version.

    Attributes:
        check: Name of the failed check.
        message: What was found, and what was expected.
        remedy: How to satisfy the check.
    """

    def __init__(self, *, check: str, message: str, remedy: str) -> None:
        self.check = check
        self.message = message
        self.remedy = remedy
        super().__init__(f"refused by the check of the {check}: {message}. {remedy}")


class StoreError(MLOpsError):
    """The store cannot be opened, read or written; an interrupted write was rolled back."""


class NotRegistered(MLOpsError):  # noqa: N818 -- as above
    """The registry has no such version or alias."""


class ConflictError(MLOpsError):
    """A concurrent change came first, or the registry has another value."""


class HttpError(MLOpsError):
    """A server could not be reached or returned an error.

    Attributes:
        status: HTTP status; ``None`` without a complete response.
        unclear: Whether the server may have processed the request nevertheless.
    """

    def __init__(self, message: str, *, status: int | None = None, unclear: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.unclear = unclear


class TaskError(MLOpsError):
    """A child process ended without a result."""


class IoError(MLOpsError):
    """A file could not be read or written."""


class SerializationError(MLOpsError):
    """A text does not match its format."""
