"""Records as JSON text: one way to write them, one strict way to read them back."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from pytest_mlops.errors import SerializationError
from pytest_mlops.records.base import Record
from pytest_mlops.records.integration import SCHEMA_VERSION, IntegrationResult

if TYPE_CHECKING:
    from pytest_mlops.records.policy import Policy

__all__ = [
    "MAX_RECORD_BYTES",
    "dump",
    "dump_canonical",
    "load_integration_result",
    "parse_object",
    "policy_digest",
]

MAX_RECORD_BYTES = 512 * 1024 * 1024
"""Larger texts are refused unread: 50,000 tests make about 30 MB."""

_VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}")


def dump(record: IntegrationResult) -> str:
    """Write a record: ``schema_version`` first, the other keys sorted, no NaN, one final newline."""
    data = dict(record)
    head = json.dumps({"schema_version": data.pop("schema_version")})
    tail = json.dumps(
        data, default=_plain, sort_keys=True, allow_nan=False, ensure_ascii=False, separators=(",", ": ")
    )
    return f"{head[:-1]},\n{tail[1:]}\n"


def _plain(value: object) -> object:
    """Turn one level of a record into what JSON has, so that a large one is never held twice."""
    return vars(value) if isinstance(value, Record) else to_jsonable_python(value)


def dump_canonical(record: Record) -> bytes:
    """Write the bytes that digests are taken of: keys sorted, no white space, UTF-8."""
    data = record.model_dump(mode="json")
    return json.dumps(
        data, sort_keys=True, allow_nan=False, ensure_ascii=False, separators=(",", ":")
    ).encode()


def policy_digest(policy: Policy) -> str:
    """Return the SHA-256 of a policy, as hex."""
    return hashlib.sha256(dump_canonical(policy)).hexdigest()


def load_integration_result(text: str | bytes) -> IntegrationResult:
    """Read an integration result.

    Raises:
        SerializationError: not JSON, a key given twice, NaN, another major schema version, or a value that
            its field does not allow; the message names the first places.

    Warns:
        UserWarning: a newer minor schema version; what it adds is left out.
    """
    data = parse_object(text, what="the record", limit=MAX_RECORD_BYTES)
    newer = _is_newer(data.get("schema_version"))
    try:
        return IntegrationResult.model_validate_json(text, extra="ignore" if newer else None)
    except ValidationError as error:
        raise SerializationError(_sentence(error)) from error


def parse_object(text: str | bytes, *, what: str, limit: int) -> dict[str, Any]:
    """Read a JSON object strictly.

    Args:
        text: The JSON; bytes are UTF-8.
        what: What it should be, for messages, as ``the record``.
        limit: Bytes beyond which it is refused unread.

    Raises:
        SerializationError: too long, not JSON, no object, a key given twice in one object, or NaN.
    """
    if len(text) > limit:
        raise SerializationError(f"{what} has {len(text):,} bytes; at most {limit:,} are read")
    try:
        # Left to itself json.loads takes bytes for UTF-16 too.
        decoded = text.decode() if isinstance(text, bytes) else text
        data = json.loads(decoded, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise SerializationError(f"{what} is not valid JSON: {error}") from error
    if not isinstance(data, dict):
        raise SerializationError(f"{what} is a JSON {type(data).__name__}; expected an object")
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return data


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _is_newer(version: object) -> bool:
    """Refuse an unknown major version; tell whether the minor one is newer than ours, with a warning."""
    ours_major, ours_minor = SCHEMA_VERSION.split(".")
    if not (isinstance(version, str) and _VERSION.fullmatch(version)):
        raise SerializationError(f"schema_version is {version!r}; expected one like {SCHEMA_VERSION!r}")
    major, minor = version.split(".")
    if major != ours_major:
        raise SerializationError(
            f"the record has schema version {version}; this pytest-mlops reads {ours_major}.x. "
            "Read it with the version that wrote it"
        )
    newer = int(minor) > int(ours_minor)
    if newer:
        warnings.warn(
            f"the record has schema version {version}, newer than {SCHEMA_VERSION}; "
            "fields that this pytest-mlops does not know are left out",
            stacklevel=3,
        )
    return newer


def _sentence(error: ValidationError) -> str:
    problems = [
        f"{'.'.join(str(part) for part in problem['loc']) or 'record'}: {problem['msg']}"
        for problem in error.errors(include_url=False)
    ]
    more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
    return "the record does not match its schema: " + "; ".join(problems[:3]) + more
