"""OpenSSF model-signing v1.0 bundles: the signature over a list of files, made with an elliptic-curve key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from pytest_mlops.errors import EvidenceError, SerializationError, refuse
from pytest_mlops.evidence.dsse import IN_TOTO, decode_envelope, pae
from pytest_mlops.evidence.statement import STATEMENT_TYPE
from pytest_mlops.files import read_bytes
from pytest_mlops.strict_json import parse_object

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    from pytest_mlops.evidence.dsse import Envelope

__all__ = ["Bundle", "SignedResource", "load_curve_key", "read_bundle"]

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PREDICATE = "https://model_signing/signature/v1.0"
MAX_BUNDLE_BYTES = 256 * 1024 * 1024
CURVES = {"secp256r1": "sha256", "secp384r1": "sha384", "secp521r1": "sha512"}
"""Curve -> the hash that signatures with it are made over."""

DIGEST_SIZES = {"sha256": 32, "blake2b": 64}
"""What model-signing calls blake2 is BLAKE2b of 64 bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedResource:
    """A signed file, or a shard of one: the bytes from ``start`` up to ``end``."""

    name: str
    digest: str
    start: int = 0
    end: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """What a bundle states about a model, its signature verified.

    Attributes:
        model: Name of the model's folder when it was signed; nothing is compared with it.
        algorithm: ``sha256`` or ``blake2b``.
        shard_size: Bytes of a shard; ``None``: files are hashed whole.
        follow_links: Whether links were read as what they point to; otherwise there may be none.
        ignored: Paths in the model that the signature does not speak of.
        resources: The signed files or shards, in the order of the bundle.
    """

    model: str
    algorithm: str
    shard_size: int | None
    follow_links: bool
    ignored: tuple[str, ...]
    resources: tuple[SignedResource, ...]


def load_curve_key(path: Path) -> EllipticCurvePublicKey:
    """Read a public key on P-256, P-384 or P-521 from a PEM file.

    Raises:
        ConfigError: it holds none.
        EvidenceError: it cannot be read.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 -- with the extra only
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    try:
        key = load_pem_public_key(read_bytes(path, limit=64 * 1024))
    except (ValueError, UnsupportedAlgorithm):
        refuse(f"key {path}", "is not a public key in PEM format")
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name not in CURVES:
        message = f"is not a key on one of {', '.join(CURVES)}, the curves that model-signing supports"
        refuse(f"key {path}", message)
    return key


def read_bundle(data: bytes, key: EllipticCurvePublicKey) -> Bundle:
    """Verify the signature of a bundle and read what it states.

    Raises:
        EvidenceError: it is no such bundle, another key signed it, or it contradicts itself.
    """
    try:
        outer = parse_object(data, what="the model's signature", limit=MAX_BUNDLE_BYTES)
        if outer.get("mediaType") != MEDIA_TYPE:
            _refuse(f"it is a {outer.get('mediaType')!r:.80}; expected {MEDIA_TYPE!r}")
        envelope = _envelope(outer)
        _check_signature(envelope, key)
        statement = parse_object(envelope.payload, what="the signed statement", limit=MAX_BUNDLE_BYTES)
    except SerializationError as error:
        raise EvidenceError(str(error)) from error
    return _bundle(statement)


def _envelope(outer: dict[str, Any]) -> Envelope:
    inner = outer.get("dsseEnvelope")
    if not isinstance(inner, dict):
        _refuse("it has no dsseEnvelope; expected a signature in a DSSE envelope")
    return decode_envelope(inner)


def _check_signature(envelope: Envelope, key: EllipticCurvePublicKey) -> None:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 -- with the extra only
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA  # noqa: PLC0415

    if len(envelope.signatures) != 1:
        _refuse(f"it has {len(envelope.signatures)} signatures; expected one")
    algorithm = getattr(hashes, CURVES[key.curve.name].upper())()
    try:
        key.verify(envelope.signatures[0].value, pae(IN_TOTO, envelope.payload), ECDSA(algorithm))
    except InvalidSignature as error:
        raise EvidenceError(
            "the model's signature was not made with this key, or was changed since"
        ) from error


def _bundle(statement: dict[str, Any]) -> Bundle:
    for field, expected in (("_type", STATEMENT_TYPE), ("predicateType", PREDICATE)):
        if statement.get(field) != expected:
            _refuse(f"the {field} of its statement is {statement.get(field)!r:.80}; expected {expected!r}")
    match statement:
        case {
            "subject": [{"name": str(model), "digest": {"sha256": str(root)}}],
            "predicate": {"serialization": dict(serialization), "resources": list(entries)},
        }:
            pass
        case _:
            _refuse("its statement has no single subject, no serialization or no resources")
    if not entries:
        _refuse("it names no file")
    algorithm, shard_size = _method(serialization)
    resources = tuple(_resource(entry, algorithm, shard_size) for entry in entries)
    if len({(resource.name, resource.start) for resource in resources}) != len(resources):
        _refuse("it lists a file twice")
    made = hashlib.sha256(b"".join(bytes.fromhex(resource.digest) for resource in resources)).hexdigest()
    if made != root:
        _refuse(f"its subject has the digest {root:.80}, but its resources give {made}")
    ignored, links = serialization.get("ignore_paths", []), serialization.get("allow_symlinks", False)
    if not isinstance(ignored, list) or not all(isinstance(path, str) for path in ignored):
        _refuse("its ignore_paths is not a list of strings")
    if not isinstance(links, bool):
        _refuse("its allow_symlinks is neither true nor false")
    return Bundle(
        model=model,
        algorithm=algorithm,
        shard_size=shard_size,
        follow_links=links,
        ignored=tuple(ignored),
        resources=resources,
    )


def _method(serialization: dict[str, Any]) -> tuple[str, int | None]:
    """Return the hash algorithm, and the size of shards where there are any."""
    match serialization.get("hash_type"):
        case "blake3":
            _refuse(
                "its digests are BLAKE3, which hashlib does not support; sign the model with sha256 or blake2"
            )
        case "sha256":
            algorithm = "sha256"
        case "blake2" | "blake2b":
            algorithm = "blake2b"
        case other:
            _refuse(f"its hash_type is {other!r:.80}; expected sha256 or blake2")
    match serialization:
        case {"method": "files"}:
            return algorithm, None
        # Its JSON goes through protobuf, which writes every number as a float.
        case {"method": "shards", "shard_size": int() | float() as size} if 1 <= size < 2**53:
            if size == int(size):
                return algorithm, int(size)
    return _refuse("its method is neither files nor shards of a whole number of bytes")


def _resource(entry: object, algorithm: str, shard_size: int | None) -> SignedResource:
    named = algorithm if shard_size is None else f"{algorithm}-sharded-{shard_size}"
    match entry:
        case {"name": str(name), "algorithm": str(stated), "digest": str(digest)} if stated == named:
            if len(digest) != 2 * DIGEST_SIZES[algorithm] or set(digest) - set("0123456789abcdef"):
                _refuse(f"the digest of {name!r:.80} is not one of {algorithm}")
            return _file(name, digest) if shard_size is None else _shard(name, digest, shard_size)
    return _refuse(f"it has a resource without name, digest or the algorithm {named}: {entry!r:.120}")


def _file(name: str, digest: str) -> SignedResource:
    return SignedResource(name=_inside(name), digest=digest)


def _shard(name: str, digest: str, size: int) -> SignedResource:
    parts = name.rsplit(":", 2)
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts[1:]):
        _refuse(f"the shard {name!r:.80} is not named as file:start:end")
    start, end = int(parts[1]), int(parts[2])
    if start % size or not start < end <= start + size:
        _refuse(f"the shard {name!r:.80} does not have {size} bytes")
    return SignedResource(name=_inside(parts[0]), digest=digest, start=start, end=end)


def _inside(name: str) -> str:
    """Return the name of a signed file, which must lie in the model."""
    if name != "." and (name.startswith("/") or "\\" in name or {"", ".", ".."} & set(name.split("/"))):
        _refuse(f"it names the file {name!r:.80}, which is not in the model")
    return name


def _refuse(message: str) -> NoReturn:
    raise EvidenceError(f"the model's signature cannot be used: {message}")
