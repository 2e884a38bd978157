"""Versioned records that processes of different lifetimes exchange as JSON."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import Field, ValidationError

from pytest_mlops.errors import SerializationError
from pytest_mlops.records.base import Record
from pytest_mlops.strict_json import parse_json
from pytest_mlops.text import describe_problems

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["VERSION", "Versioned", "decode", "encode", "load", "save"]

VERSION = 2
"""Version of all that the processes of an environment exchange.

1 has no number in it, since it was written before there was one; 2 is the same with its number.
"""


class Versioned(Record):
    """Base of what is exchanged: a new field or a new meaning takes a new version."""

    version: Annotated[int, Field(strict=True, ge=1)] = VERSION
    """Version that it is written in."""


T = TypeVar("T", bound=Versioned)


def encode(record: Versioned, *, version: int = VERSION) -> bytes:
    """Return a record as JSON.

    Args:
        record: The record.
        version: The newest that its reader knows.
    """
    values = record.model_dump(mode="json")
    del values["version"]
    return json.dumps(values if version == 1 else {"version": VERSION, **values}).encode()


def decode(kind: type[T], text: bytes, *, source: str) -> T:
    """Return the record that a JSON text states, in this version or an older one.

    Args:
        kind: Type of the record.
        text: The text.
        source: What it is, for messages.

    Raises:
        SerializationError: it is none, or of a newer version.
    """
    values = parse_json(text, what=source)
    if not isinstance(values, dict):
        raise SerializationError(f"{source}: got a JSON {type(values).__name__}; expected an object")
    _refuse_newer(values, source)
    return _validate(kind, values, source)


def load(kind: type[T], path: Path) -> T | None:
    """Return the record in a file; ``None`` where there is no file, or what it holds is no such record.

    Raises:
        SerializationError: it is of a newer version, so that it must not be ignored.
    """
    try:
        values = parse_json(path.read_bytes())
    except (OSError, SerializationError):
        return None
    if not isinstance(values, dict):
        return None
    _refuse_newer(values, str(path))
    try:
        return _validate(kind, values, str(path))
    except SerializationError:
        return None


def save(path: Path, record: Versioned, *, mode: int = 0o644) -> None:
    """Write a record so that a reader sees all of it or what was there before.

    Nothing waits for the disk: what lies in ``run/`` is worth nothing once the machine was switched off.

    Args:
        path: The file.
        record: The record.
        mode: Permissions of the file.

    Raises:
        OSError: it could not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)  # one with other permissions, of an earlier process with our number
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as stream:
        stream.write(encode(record))
    temporary.replace(path)


def _validate(kind: type[T], values: dict[str, Any], source: str) -> T:
    try:
        return kind.model_validate({"version": 1, **values})
    except ValidationError as error:
        raise SerializationError(f"{source}: {describe_problems(error)}") from error


def _refuse_newer(values: dict[str, Any], source: str) -> None:
    version = values.get("version")
    if isinstance(version, int) and version > VERSION:
        raise SerializationError(
            f"{source}: got version {version}, written by a newer pytest-mlops; expected 1 to {VERSION}. Use "
            "the newer one here, or end what runs with pytest-mlops down and start it with pytest-mlops up"
        )
