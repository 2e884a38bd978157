"""Records as JSON text: one writer, one strict reader."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from typing import TYPE_CHECKING

from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from pytest_mlops.errors import SerializationError
from pytest_mlops.records.base import Record
from pytest_mlops.records.integration import SCHEMA_VERSION, IntegrationResult
from pytest_mlops.strict_json import parse_object
from pytest_mlops.text import describe_problems

if TYPE_CHECKING:
    from pytest_mlops.records.policy import Policy

__all__ = [
    "MAX_RECORD_BYTES",
    "dump",
    "dump_canonical",
    "load_integration_result",
    "policy_digest",
]

MAX_RECORD_BYTES = 512 * 1024 * 1024
"""Larger texts are refused without parsing; 50,000 tests make about 30 MB."""

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
    """Turn one level of a record into JSON types, so that a large one is never in memory twice."""
    return vars(value) if isinstance(value, Record) else to_jsonable_python(value)


def dump_canonical(record: Record) -> bytes:
    """Write the bytes that digests are computed of: keys sorted, no white space, UTF-8."""
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
        raise SerializationError(
            f"the record does not match its schema: {describe_problems(error)}"
        ) from error


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
