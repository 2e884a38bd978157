"""The event that started a run on GitHub, and the change that it proposes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pytest_mlops.errors import SerializationError
from pytest_mlops.strict_json import parse_json

__all__ = ["MAX_EVENT_BYTES", "Activity", "Kind", "activity_of", "commit_of", "read_event", "text_of"]

MAX_EVENT_BYTES = 32 * 1024 * 1024
"""Larger event files are not read; GitHub delivers at most 25 MB."""

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
MAX_NAME = 255
"""Characters of the longest branch that git can keep in a file, and more than GitHub allows a repository."""


def read_event(environ: Mapping[str, str]) -> dict[str, object] | None:
    """Return the event that started a run on GitHub; ``None`` where there is none that can be read."""
    path = environ.get("GITHUB_EVENT_PATH")
    if not path:
        return None
    try:
        with Path(path).open("rb") as stream:
            text = stream.read(MAX_EVENT_BYTES + 1)
        event = parse_json(text) if len(text) <= MAX_EVENT_BYTES else None
    except (OSError, SerializationError):
        return None
    return event if isinstance(event, dict) else None


def text_of(event: Mapping[str, object] | None, *path: str) -> str | None:
    """Return the text at ``path`` of an event; ``None`` where something on the way is not as expected."""
    value: object = event
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else None


def commit_of(value: str | None) -> str | None:
    """Return ``value`` if it is the full name of a commit."""
    return value if value is not None and _COMMIT.fullmatch(value) else None


class Kind(StrEnum):
    """What a run of the gate is about."""

    PULL_REQUEST = "pull_request"
    MERGE_GROUP = "merge_group"
    FOLLOWING = "workflow_run"
    """Another run that has ended, perhaps that of a pull request from a fork."""
    RELEASE = "release"
    COMMIT = "commit"
    """A branch or tag by itself: pushed, on a schedule, started by hand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Activity:
    """What is proposed.

    Attributes:
        kind: What the run is about.
        repository: ``owner/name`` of the repository that the workflow belongs to.
        head_sha: The commit that is proposed; of a pull request its own, never the merge made of it.
        base_sha: The base commit of the pull request.
        base_ref: The branch it is proposed for.
        head_ref: The branch it comes from.
        head_repository: The repository it comes from; ``None`` where that is gone.
        number: Of the pull request; the following run of one from a fork does not know it.
        fork: Whether it comes from another repository, or from one that is gone.
    """

    kind: Kind
    repository: str
    head_sha: str | None = None
    base_sha: str | None = None
    base_ref: str | None = None
    head_ref: str | None = None
    head_repository: str | None = None
    number: int | None = None
    fork: bool = False


def activity_of(
    name: str,
    payload: Mapping[str, object] | None,
    *,
    repository: str,
    sha: str | None = None,
) -> Activity:
    """Return what is proposed; a pure function of what GitHub sends.

    Args:
        name: Name of the event, as in ``GITHUB_EVENT_NAME``.
        payload: The event itself; ``None`` where it cannot be read.
        repository: ``GITHUB_REPOSITORY``.
        sha: ``GITHUB_SHA``, used only where the event does not name a commit.

    Raises:
        SerializationError: the event is not what GitHub sends under this name.
    """
    fields = _Fields(name, payload or {})
    if name in {"pull_request", "pull_request_target", "pull_request_review", "pull_request_review_comment"}:
        return _pull_request(fields, repository)
    if name == "merge_group":
        return Activity(
            kind=Kind.MERGE_GROUP,
            repository=repository,
            head_sha=fields.commit("merge_group", "head_sha"),
            base_sha=fields.commit("merge_group", "base_sha"),
            base_ref=fields.text("merge_group", "base_ref").removeprefix("refs/heads/"),
            head_repository=repository,
        )
    if name == "workflow_run":
        return _following(fields, repository)
    kind = Kind.RELEASE if name == "release" else Kind.COMMIT
    return Activity(kind=kind, repository=repository, head_sha=commit_of(sha), head_repository=repository)


def _pull_request(fields: _Fields, repository: str) -> Activity:
    here = "pull_request"
    source = fields.maybe_text(here, "head", "repo", "full_name")
    return Activity(
        kind=Kind.PULL_REQUEST,
        repository=repository,
        head_sha=fields.commit(here, "head", "sha"),
        base_sha=fields.commit(here, "base", "sha"),
        base_ref=fields.text(here, "base", "ref"),
        head_ref=fields.text(here, "head", "ref"),
        head_repository=source,
        number=fields.count(here, "number"),
        fork=source != fields.text(here, "base", "repo", "full_name"),
    )


def _following(fields: _Fields, repository: str) -> Activity:
    here = "workflow_run"
    source = fields.maybe_text(here, "head_repository", "full_name")
    return Activity(
        kind=Kind.FOLLOWING,
        repository=repository,
        head_sha=fields.commit(here, "head_sha"),
        head_ref=fields.maybe_text(here, "head_branch"),
        head_repository=source,
        fork=source != fields.text("repository", "full_name"),
    )


class _Fields:
    """Reads an event field by field; errors name the field that is wrong."""

    def __init__(self, name: str, payload: Mapping[str, object]) -> None:
        self._name = name
        self._payload = payload

    def text(self, *path: str) -> str:
        found = self.maybe_text(*path)
        if found is None:
            raise self._wrong(path, None, "a text")
        return found

    def maybe_text(self, *path: str) -> str | None:
        value = self._at(path)
        if value is None:
            return None
        if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME or not value.isprintable():
            raise self._wrong(path, value, f"a text of at most {MAX_NAME} characters on one line")
        return value

    def commit(self, *path: str) -> str:
        value = self._at(path)
        commit = commit_of(value) if isinstance(value, str) else None
        if commit is None:
            raise self._wrong(path, value, "the full name of a commit")
        return commit

    def count(self, *path: str) -> int:
        value = self._at(path)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**53:
            raise self._wrong(path, value, "a whole number above 0")
        return value

    def _at(self, path: tuple[str, ...]) -> object:
        value: object = self._payload
        for key in path:
            if value is None:
                return None
            if not isinstance(value, Mapping):
                raise self._wrong(path, value, "an object on the path to it")
            value = value.get(key)
        return value

    def _wrong(self, path: tuple[str, ...], value: object, expected: str) -> SerializationError:
        got = "nothing" if value is None else f"{type(value).__name__} {value!r:.60}"
        where = ".".join(path)
        return SerializationError(f"the {self._name} event: {where} is {got}; expected {expected}")
