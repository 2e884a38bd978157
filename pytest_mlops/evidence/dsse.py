"""DSSE v1: a payload, its type, and signatures over both (secure-systems-lab/dsse, protocol.md)."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_mlops.errors import EvidenceError, SerializationError
from pytest_mlops.strict_json import parse_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_mlops.evidence.keys import PublicKey, SigningKey

__all__ = [
    "IN_TOTO",
    "MAX_ENVELOPE_BYTES",
    "Envelope",
    "Signature",
    "decode_base64",
    "decode_envelope",
    "encode_envelope",
    "pae",
    "read_envelope",
    "sign_payload",
    "signers_of",
]

IN_TOTO = "application/vnd.in-toto+json"
"""The one payload type that is read here."""

MAX_ENVELOPE_BYTES = 64 * 1024 * 1024
"""The names of 50,000 tests take about 7 MB."""

MAX_SIGNATURES = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """One signature; ``key_id`` is a hint that nothing vouches for, and may be empty."""

    key_id: str
    value: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """A payload and the signatures over it, none of them verified yet."""

    payload: bytes
    signatures: tuple[Signature, ...]
    payload_type: str = IN_TOTO


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that are signed, the pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_payload(payload: bytes, keys: Iterable[SigningKey]) -> Envelope:
    """Sign an in-toto payload with each of ``keys``."""
    signed = pae(IN_TOTO, payload)
    signatures = (Signature(key_id=key.public.id, value=key.sign(signed)) for key in keys)
    return Envelope(payload=payload, signatures=tuple(signatures))


def encode_envelope(envelope: Envelope) -> bytes:
    """Write an envelope as JSON."""
    signatures = [
        {"keyid": signature.key_id, "sig": base64.b64encode(signature.value).decode()}
        for signature in envelope.signatures
    ]
    data = {
        "payload": base64.b64encode(envelope.payload).decode(),
        "payloadType": envelope.payload_type,
        "signatures": signatures,
    }
    return json.dumps(data, indent=1).encode() + b"\n"


def read_envelope(data: bytes) -> Envelope:
    """Read an envelope from JSON text.

    Raises:
        EvidenceError: it is none, or not of an in-toto payload.
    """
    try:
        return decode_envelope(parse_object(data, what="the envelope", limit=MAX_ENVELOPE_BYTES))
    except SerializationError as error:
        raise EvidenceError(str(error)) from error


def decode_envelope(data: dict[str, Any]) -> Envelope:
    """Read an envelope from a JSON object. Fields that DSSE does not name are ignored, as it demands.

    Raises:
        EvidenceError: a field is missing or of a wrong type, or not strict base64.
    """
    kind = data.get("payloadType")
    if kind != IN_TOTO:
        raise EvidenceError(f"the envelope's payloadType is {kind!r:.80}; expected {IN_TOTO!r}")
    entries = data.get("signatures")
    if not isinstance(entries, list) or not 0 < len(entries) <= MAX_SIGNATURES:
        raise EvidenceError(f"the envelope needs 1 to {MAX_SIGNATURES} signatures in a list")
    payload = decode_base64(data.get("payload"), "the envelope's payload")
    return Envelope(payload=payload, signatures=tuple(_signature(entry) for entry in entries))


def _signature(entry: object) -> Signature:
    if not isinstance(entry, dict):
        raise EvidenceError("a signature of the envelope is not a JSON object")
    key_id = entry.get("keyid", "")
    if not isinstance(key_id, str) or len(key_id) > 200:
        raise EvidenceError("a signature's keyid is invalid; expected text of at most 200 characters")
    return Signature(key_id=key_id, value=decode_base64(entry.get("sig"), "a signature of the envelope"))


def decode_base64(text: object, what: str) -> bytes:
    """Decode base64 of either alphabet that has exactly one spelling: padded, no white space, no stray bits.

    Raises:
        EvidenceError: it is something else.
    """
    if not isinstance(text, str) or not text:
        raise EvidenceError(f"{what} is missing; expected text in base64")
    alphabet = b"-_" if "-" in text or "_" in text else b"+/"
    try:
        data = base64.b64decode(text, altchars=alphabet, validate=True)
    except (ValueError, binascii.Error) as error:
        raise EvidenceError(f"{what} is not valid base64: {error}") from error
    if base64.b64encode(data, altchars=alphabet).decode() != text:
        raise EvidenceError(f"{what} is not canonical base64")
    return data


def signers_of(envelope: Envelope, keys: Sequence[PublicKey]) -> tuple[PublicKey, ...]:
    """Return those of ``keys`` that signed the payload, each once, in the order of ``keys``."""
    signed = pae(envelope.payload_type, envelope.payload)
    return tuple(
        key
        for key in keys
        if any(
            signature.key_id in {"", key.id} and key.verifies(signed, signature.value)
            for signature in envelope.signatures
        )
    )
