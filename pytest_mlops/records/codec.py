"""JSON serialisation of records."""

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
"""Maximum size of a record in bytes; 50,000 tests take about 30 MB."""

_VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}")


def dump(record: IntegrationResult) -> str:
    """Serialise a record: ``schema_version`` first, other keys sorted, no NaN, one final newline."""
    data = dict(record)
    head = json.dumps({"schema_version": data.pop("schema_version")})
    tail = json.dumps(
        data, default=_plain, sort_keys=True, allow_nan=False, ensure_ascii=False, separators=(",", ": ")
    )
    return f"{head[:-1]},\n{tail[1:]}\n"


def _plain(value: object) -> object:
    """Convert one level of a record to JSON types, so that a large record is never copied whole."""
    return vars(value) if isinstance(value, Record) else to_jsonable_python(value)


def dump_canonical(record: Record) -> bytes:
    """Serialise a record canonically, for digests: sorted keys, no white space, UTF-8."""
    data = record.model_dump(mode="json")
    return json.dumps(
        data, sort_keys=True, allow_nan=False, ensure_ascii=False, separators=(",", ":")
    ).encode()


def policy_digest(policy: Policy) -> str:
    """Return the SHA-256 of a policy, as hex."""
    return hashlib.sha256(dump_canonical(policy)).hexdigest()


def load_integration_result(text: str | bytes) -> IntegrationResult:
    """Parse an integration result.

    Raises:
        SerializationError: the text is not JSON, has a duplicate key or NaN, has another major schema
            version, or has an invalid field; the message names the first invalid fields.

    Warns:
        UserWarning: the record has a newer minor schema version; unknown fields are ignored.
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
    """Return whether the minor version is newer than ours, with a warning; refuse another major version."""
    ours_major, ours_minor = SCHEMA_VERSION.split(".")
    if not (isinstance(version, str) and _VERSION.fullmatch(version)):
        raise SerializationError(f"schema_version is {version!r}; expected a version like {SCHEMA_VERSION!r}")
    major, minor = version.split(".")
    if major != ours_major:
        raise SerializationError(
            f"the record has schema version {version}, but this pytest-mlops reads {ours_major}.x; read it "
            "with the version that wrote it"
        )
    newer = int(minor) > int(ours_minor)
    if newer:
        warnings.warn(
            f"the record has schema version {version}, newer than {SCHEMA_VERSION}; unknown fields are "
            "ignored",
            stacklevel=3,
        )
    return newer
