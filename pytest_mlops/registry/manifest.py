"""Manifests: the files of a stored artifact, by name, size, digest."""

from __future__ import annotations

import unicodedata
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from pytest_mlops.errors import EvidenceError, ModelArtifactNotFound
from pytest_mlops.evidence.digest import combine_digests
from pytest_mlops.records.base import Count, Digest, Record, Text
from pytest_mlops.text import describe_problems

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_MANIFEST_BYTES", "Manifest", "StoredFile", "make_manifest", "parse_manifest"]

MAX_MANIFEST_BYTES = 512 * 1024 * 1024
"""Larger ones are refused unread: a million files make about 200 MB."""

_NO_NAME = {"", ".", ".."}


class StoredFile(Record):
    """One file of an artifact."""

    name: Text
    """Relative, "/" between its parts."""
    size: Count
    """Bytes."""
    digest: Digest
    """SHA-256 of its bytes."""


class Manifest(Record):
    """All files of an artifact, sorted by name."""

    format: Literal[1] = 1
    files: Annotated[tuple[StoredFile, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_are_safe(self) -> Self:
        names = [file.name for file in self.files]
        for name in names:
            if problem := _problem(name):
                raise ValueError(f"the file name {name!r} {problem}")
        taken = set(names)
        if len(taken) != len(names):
            raise ValueError("a file is listed twice")
        for name in names:
            parts = name.split("/")
            if any("/".join(parts[:count]) in taken for count in range(1, len(parts))):
                raise ValueError(f"a parent folder of {name!r} is listed as a file")
        return self

    @property
    def digest(self) -> str:
        """The artifact's digest, as :func:`~pytest_mlops.evidence.digest.digest_artifact` gives it."""
        return combine_digests({file.name: (file.size, file.digest) for file in self.files})

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


def make_manifest(files: Mapping[str, tuple[int, str]]) -> Manifest:
    """Return the manifest of name -> (size, SHA-256).

    Raises:
        ModelArtifactNotFound: no file, or a name that could lead somewhere else on another system.
    """
    listed = sorted(files.items(), key=lambda item: item[0].encode())
    try:
        return Manifest(
            files=tuple(StoredFile(name=name, size=size, digest=digest) for name, (size, digest) in listed)
        )
    except ValidationError as error:
        raise ModelArtifactNotFound(
            f"the artifact cannot be stored: {describe_problems(error, most=1)}; rename it"
        ) from error


def parse_manifest(data: bytes, *, digest: str) -> Manifest:
    """Read the manifest that is kept under ``digest``.

    Raises:
        EvidenceError: it is none, names files outside, or is that of another artifact.
    """
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as error:
        raise EvidenceError(
            f"the manifest of artifact {digest} cannot be trusted: {describe_problems(error, most=1)}; "
            "store the artifact again"
        ) from error
    if manifest.digest != digest:
        raise EvidenceError(
            f"the manifest of artifact {digest} is that of {manifest.digest}; it was changed or damaged, "
            "so store the artifact again"
        )
    return manifest


def _problem(name: str) -> str | None:
    """Return why a name must not be written below a folder; ``None`` where it may."""
    if "\\" in name:
        return "has a backslash, which parts folders on other systems"
    windows = PureWindowsPath(name)
    if name.startswith("/") or windows.drive or windows.root:
        return "is absolute"
    if any(part in _NO_NAME for part in name.split("/")):
        return "has an empty part, '.' or '..'"
    if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in name):
        return "has a control character"
    return None
