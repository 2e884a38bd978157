"""DSSE: what we sign securesystemslib verifies, and the other way round."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib import dsse as reference
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, Key, SSlibKey  # type: ignore[attr-defined]

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.dsse import (
    IN_TOTO,
    Envelope,
    Signature,
    encode_envelope,
    pae,
    read_envelope,
    sign_payload,
    signers_of,
)
from pytest_mlops.evidence.keys import PublicKey, SigningKey, generate_key, parse_public_key

if TYPE_CHECKING:
    from pathlib import Path

PAYLOADS = [b"{}", b'{"name": "\xc3\xa9"}', b"", bytes(range(256)) * 5]


@pytest.fixture
def keys(tmp_path: Path) -> list[SigningKey]:
    return [generate_key(tmp_path / f"{name}.key")[0] for name in "ab"]


@pytest.mark.parametrize("payload", PAYLOADS[:2] + PAYLOADS[3:])
def test_securesystemslib_verifies_what_we_sign(keys: list[SigningKey], payload: bytes) -> None:
    envelope = reference.Envelope.from_dict(json.loads(encode_envelope(sign_payload(payload, keys))))
    trusted: list[Key] = [SSlibKey.from_crypto(key.public.key) for key in keys]
    assert set(envelope.verify(trusted, 2)) == {key.public.id for key in keys}
    assert envelope.payload == payload
    envelope.payload += b" "
    with pytest.raises(VerificationError):
        envelope.verify(trusted, 1)


@pytest.mark.parametrize("payload", PAYLOADS[:2] + PAYLOADS[3:])
def test_we_verify_what_securesystemslib_signs(payload: bytes) -> None:
    signer = CryptoSigner.generate_ed25519()
    theirs = reference.Envelope(payload=payload, payload_type=IN_TOTO, signatures={})
    theirs.sign(signer)
    envelope = read_envelope(json.dumps(theirs.to_dict()).encode())
    public = parse_public_key(_pem(signer), "theirs")
    assert public.id == signer.public_key.keyid
    assert signers_of(envelope, [public]) == (public,)
    assert envelope.payload == payload


def _pem(signer: CryptoSigner) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    raw = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signer.public_key.keyval["public"]))
    return PublicKey(id="", key=raw).to_pem().encode()


@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_signed_bytes_are_those_of_the_specification(payload: bytes) -> None:
    theirs = reference.Envelope(payload=payload, payload_type="héllo", signatures={})
    assert pae("héllo", payload) == theirs.pae()
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_an_envelope_reads_back(keys: list[SigningKey]) -> None:
    envelope = sign_payload(b"payload", keys)
    assert read_envelope(encode_envelope(envelope)) == envelope


def test_a_signature_without_a_key_id_is_tried_with_every_key(keys: list[SigningKey]) -> None:
    signed = sign_payload(b"payload", keys[1:])
    unnamed = Envelope(
        payload=signed.payload, signatures=(Signature(key_id="", value=signed.signatures[0].value),)
    )
    assert signers_of(unnamed, [key.public for key in keys]) == (keys[1].public,)


def test_fields_that_dsse_does_not_name_are_ignored(keys: list[SigningKey]) -> None:
    data = json.loads(encode_envelope(sign_payload(b"payload", keys)))
    data["cert"] = data["signatures"][0]["extension"] = {"a": 1}
    assert read_envelope(json.dumps(data).encode()).payload == b"payload"


def test_the_url_safe_alphabet_is_read_too(keys: list[SigningKey]) -> None:
    data = json.loads(encode_envelope(sign_payload(b"\xfb\xff\xfe", keys)))
    assert data["payload"] == "+//+"
    data["payload"] = "-__-"
    assert read_envelope(json.dumps(data).encode()).payload == b"\xfb\xff\xfe"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("payload", "e30", "not valid base64"),
        ("payload", "e3 0=", "not valid base64"),
        ("payload", "e31=", "not canonical base64"),
        ("payload", "-+==", "not canonical base64|not valid base64"),
        ("payload", "é30=", "not valid base64"),
        ("payload", 5, "payload is missing"),
        ("payload", "", "payload is missing"),
        ("payloadType", "text/plain", "payloadType is 'text/plain'"),
        ("payloadType", None, "payloadType is None"),
        ("signatures", {}, "1 to 100 signatures"),
        ("signatures", ["sig"], "not a JSON object"),
        ("signatures", [{"sig": "AA=="}, {"keyid": 5, "sig": "AA=="}], "expected text of at most"),
        ("signatures", [{"keyid": "x" * 201, "sig": "AA=="}], "expected text of at most"),
        ("signatures", [{"keyid": "x"}], "a signature of the envelope is missing"),
    ],
)
def test_an_envelope_that_is_none_is_refused(
    keys: list[SigningKey], field: str, value: Any, message: str
) -> None:
    data = json.loads(encode_envelope(sign_payload(b"{}", keys))) | {field: value}
    with pytest.raises(EvidenceError, match=message):
        read_envelope(json.dumps(data).encode())


def test_an_envelope_of_absurd_length_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_mlops.evidence.dsse.MAX_ENVELOPE_BYTES", 10)
    with pytest.raises(EvidenceError, match="has 11 bytes; the limit is 10"):
        read_envelope(b"x" * 11)
