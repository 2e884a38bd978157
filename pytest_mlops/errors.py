"""Every exception of the package, in one tree.

::

    MLOpsError
    ├── ConfigError                  mlops.yaml or an option is wrong; carries every problem at once
    ├── IncompleteEvidence           a check did not get what it needs
    ├── UndecidedEvidence            a check measured, but the evidence does not suffice
    ├── RecordingError (ValueError)  a recording call got something that cannot be evidence
    ├── ModelArtifactNotFound        the model's files are missing, or outside the allowed folder
    ├── InvalidMetadata              the metadata of a model version are invalid
    ├── EnvironmentUnhealthy         a target environment failed its health checks
    ├── InvalidHealthCheck           a health check cannot run as written
    ├── EvidenceError                a record cannot be trusted as evidence
    │   └── TicketRefused            a version may not be deployed to an environment; names the check
    ├── StoreError                   the store cannot be opened, read or written
    ├── NotRegistered                the registry has no such version or alias
    ├── ConflictError                another process was first, or the registry has another value
    ├── HttpError                    a server could not be reached, or refused
    ├── TaskError                    a process ended without a result
    ├── IoError                      a file could not be read or written
    └── SerializationError           a text does not match its format
"""

from __future__ import annotations

from dataclasses import dataclass

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
]


class MLOpsError(Exception):
    """Base of all errors that this package raises on purpose."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One mistake in a configuration file.

    Attributes:
        path: Path in the document, such as ``rules[2].min``; empty for the document itself.
        message: What was found, what was expected, how to fix it.
        line: 1-based line, where known.
    """

    path: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        place = f", line {self.line}" if self.line is not None else ""
        return f"{self.path}: {self.message}{place}" if self.path else f"{self.message}{place}"


class ConfigError(MLOpsError):
    """A configuration is wrong.

    Attributes:
        source: The file or option.
        problems: Every mistake found, in the order of the document.
    """

    def __init__(self, source: str, problems: list[Problem]) -> None:
        self.source = source
        self.problems = problems
        noun = "mistake" if len(problems) == 1 else "mistakes"
        lines = [f"{source}: {len(problems)} {noun}", *(f"  {problem}" for problem in problems)]
        super().__init__("\n".join(lines))


class IncompleteEvidence(MLOpsError):  # noqa: N818 -- named as the verdict it leads to
    """A check or model test did not get what it needs; its verdict is INCOMPLETE."""


class UndecidedEvidence(MLOpsError):  # noqa: N818 -- as above
    """A check measured, and the evidence does not suffice; its verdict is UNDECIDED."""


class RecordingError(MLOpsError, ValueError):
    """A recording call got something that cannot be evidence."""


class ModelArtifactNotFound(MLOpsError):  # noqa: N818 -- the field's own name for it
    """The model's files are missing, or outside the allowed folder."""


class InvalidMetadata(MLOpsError):  # noqa: N818 -- as above
    """The metadata of a model version are invalid."""


class EnvironmentUnhealthy(MLOpsError):  # noqa: N818 -- as above
    """A target environment failed its health checks."""


class InvalidHealthCheck(MLOpsError):  # noqa: N818 -- as above
    """A health check cannot run as written."""


class EvidenceError(MLOpsError):
    """A record cannot be trusted as evidence."""


class TicketRefused(EvidenceError):  # noqa: N818 -- as above
    """A version may not be deployed to an environment.

    Attributes:
        check: Name of the check that failed.
        message: What was found, and what was expected.
        remedy: How to satisfy the check.
    """

    def __init__(self, *, check: str, message: str, remedy: str) -> None:
        self.check = check
        self.message = message
        self.remedy = remedy
        super().__init__(f"refused by the check of the {check}: {message}. {remedy}")


class StoreError(MLOpsError):
    """The store cannot be opened, read or written; no transaction was left half done."""


class NotRegistered(MLOpsError):  # noqa: N818 -- as above
    """The registry has no such version or alias."""


class ConflictError(MLOpsError):
    """Another process was first, or the registry has another value."""


class HttpError(MLOpsError):
    """A server could not be reached, or refused the request.

    Attributes:
        status: Status of its answer; ``None`` without a complete answer.
        unclear: Whether the request may have taken effect.
    """

    def __init__(self, message: str, *, status: int | None = None, unclear: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.unclear = unclear


class TaskError(MLOpsError):
    """A process ended without a result."""


class IoError(MLOpsError):
    """A file could not be read or written."""


class SerializationError(MLOpsError):
    """A text does not match its format."""
