"""Settings of the action, read from environment variables."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from pytest_mlops.errors import ConfigError, Problem
from pytest_mlops.verdict import Context, Decision

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["FAIL_ON", "ActionSettings", "fail_on_of"]

Value = TypeVar("Value")

FAIL_ON = ("undecided", "waived", "policy-changes")
"""What ``fail-on`` can block in addition."""

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}(?:_[A-Za-z0-9]+)?/[A-Za-z0-9._-]{1,100}")
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}(?:\[bot\])?")
_YES = {"true", "yes", "on", "1"}
_NO = {"false", "no", "off", "0"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionSettings:
    """What is written and posted, and where.

    Attributes:
        repository: ``owner/name``; empty outside GitHub, where nothing is posted.
        token: Shown nowhere.
        event_name: As in ``GITHUB_EVENT_NAME``.
        event_path: File of the event.
        sha: ``GITHUB_SHA``.
        workspace: Top folder of the checkout, which annotations are relative to.
        working_directory: Folder the tests were run in.
        output_path: ``GITHUB_OUTPUT``.
        summary_path: ``GITHUB_STEP_SUMMARY``.
        run_url: The page of this run.
        author: Login that comments are written under; ``None``: that of the token.
        config: ``mlops.yaml`` seen from the working directory; empty: as the record names it.
        artifact_name: Name of the uploaded record; identifies the gate among several of one repository.
        fail_on: What blocks in addition to the decision.
        attest: Whether the record is to be attested by the workflow.
        context: The context to decide in; ``None``: the event's.
        policy_changes: ``allow``: a pull request may pass whose base cannot be read.
    """

    api_url: str = "https://api.github.com"
    repository: str = ""
    token: str = field(default="", repr=False)
    event_name: str = ""
    event_path: Path | None = None
    sha: str = ""
    workspace: Path = field(default_factory=Path.cwd)
    working_directory: Path = field(default_factory=Path.cwd)
    output_path: Path | None = None
    summary_path: Path | None = None
    run_url: str | None = None
    author: str | None = None
    config: str = ""
    artifact_name: str = "mlops"
    fail_on: tuple[str, ...] = ()
    comment: bool = True
    check_run: bool = False
    annotations: bool = True
    summary: bool = True
    attest: bool = False
    context: Context | None = None
    policy_changes: Decision = Decision.BLOCK

    @property
    def folder_name(self) -> str:
        """The working directory as seen from the workspace; empty for the workspace itself."""
        folder, top = self.working_directory.resolve(), self.workspace.resolve()
        inside = folder.is_relative_to(top) and folder != top
        return folder.relative_to(top).as_posix() if inside else ""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> ActionSettings:
        """Read the settings; an empty variable counts as unset.

        Raises:
            ConfigError: with every mistake.
        """
        reader = _Reader(environ)
        workspace = reader.read("GITHUB_WORKSPACE", Path, Path.cwd())
        folder = Path.cwd() if Path.cwd().is_relative_to(workspace) else workspace
        server = reader.read("GITHUB_SERVER_URL", _address, "https://github.com")
        repository = reader.read("GITHUB_REPOSITORY", _repository, "")
        run = environ.get("GITHUB_RUN_ID", "")
        settings = cls(
            api_url=reader.read("GITHUB_API_URL", _address, "https://api.github.com"),
            repository=repository,
            token=environ.get("MLOPS_TOKEN", "") or environ.get("GITHUB_TOKEN", ""),
            event_name=environ.get("GITHUB_EVENT_NAME", ""),
            event_path=reader.read("GITHUB_EVENT_PATH", Path, None),
            sha=environ.get("GITHUB_SHA", ""),
            workspace=workspace,
            working_directory=reader.read("MLOPS_WORKING_DIRECTORY", _below(workspace), folder),
            output_path=reader.read("GITHUB_OUTPUT", Path, None),
            summary_path=reader.read("GITHUB_STEP_SUMMARY", Path, None),
            run_url=f"{server}/{repository}/actions/runs/{run}" if repository and run.isdigit() else None,
            author=reader.read("MLOPS_COMMENT_AUTHOR", _login, None),
            config=reader.read("MLOPS_CONFIG", _one_line, ""),
            artifact_name=reader.read("MLOPS_ARTIFACT_NAME", _one_line, "mlops"),
            fail_on=reader.read("MLOPS_FAIL_ON", fail_on_of, ()),
            comment=reader.read("MLOPS_COMMENT", _flag, default=True),
            check_run=reader.read("MLOPS_CHECK_RUN", _flag, default=False),
            annotations=reader.read("MLOPS_ANNOTATIONS", _flag, default=True),
            summary=reader.read("MLOPS_SUMMARY", _flag, default=True),
            attest=reader.read("MLOPS_ATTEST", _flag, default=False),
            context=reader.read("MLOPS_CONTEXT", _context, None),
            policy_changes=reader.read("MLOPS_POLICY_CHANGES", _decision, Decision.BLOCK),
        )
        if reader.problems:
            raise ConfigError("the environment", reader.problems)
        return settings


class _Reader:
    """Reads variables and collects their mistakes."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[Problem] = []

    def read(self, name: str, parse: Callable[[str], Value], default: Value) -> Value:
        text = self._environ.get(name, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            self.problems.append(Problem(path=name, message=str(error)))
            return default


def _flag(text: str) -> bool:
    if text.lower() in _YES | _NO:
        return text.lower() in _YES
    raise ValueError(f"got {text!r:.40}; expected true or false")


def _context(text: str) -> Context:
    if text not in {Context.PULL_REQUEST, Context.RELEASE}:
        raise ValueError(f"got {text!r:.40}; expected pull_request or release")
    return Context(text)


def _decision(text: str) -> Decision:
    if text not in set(Decision):
        raise ValueError(f"got {text!r:.40}; expected allow or block")
    return Decision(text)


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
        raise ValueError(f"got {text!r:.80}; expected an address such as https://api.github.com")
    return text.rstrip("/")


def _repository(text: str) -> str:
    if not _REPOSITORY.fullmatch(text):
        raise ValueError(f"got {text!r:.80}; expected owner/name")
    return text


def _login(text: str) -> str:
    if not _LOGIN.fullmatch(text):
        raise ValueError(f"got {text!r:.80}; expected a login such as github-actions[bot]")
    return text


def _one_line(text: str) -> str:
    if len(text) > 200 or not text.isprintable():
        raise ValueError(f"got {text!r:.80}; expected at most 200 characters on one line")
    return text


def fail_on_of(text: str) -> tuple[str, ...]:
    """Parse a list of ``FAIL_ON`` separated by commas; it only adds to what blocks.

    Raises:
        ValueError: an unknown entry.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in FAIL_ON]
    if unknown:
        raise ValueError(f"got {unknown[0]!r:.40}; expected {', '.join(FAIL_ON)}, or several with commas")
    return names


def _below(workspace: Path) -> Callable[[str], Path]:
    def parse(text: str) -> Path:
        path = (workspace / text).resolve()
        if not path.is_relative_to(workspace.resolve()):
            raise ValueError(f"got {text!r:.80}; expected a folder at or below the workspace")
        return path

    return parse
