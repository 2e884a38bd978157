"""Ed25519 keys in PEM files: made, read and named.

The id of a key is the SHA-256 of its canonical JSON description, as securesystemslib computes it::

    {"keytype":"ed25519","keyval":{"public":"<32 bytes as hex>"},"scheme":"ed25519"}
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_mlops.errors import IoError, refuse

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
except ImportError:  # pragma: no cover -- where the extra is not installed
    refuse("signatures", "they need cryptography; install it: pip install 'pytest-mlops[ops]'")

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "PublicKey",
    "SigningKey",
    "generate_key",
    "load_public_key",
    "load_signing_key",
    "parse_public_key",
]

MAX_KEY_BYTES = 64 * 1024

_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)
_READ = os.O_RDONLY | _NO_LINKS | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINKS | getattr(os, "O_BINARY", 0)
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicKey:
    """A key to verify with."""

    id: str
    """64 hex digits."""
    key: Ed25519PublicKey = field(repr=False, compare=False)

    def verifies(self, data: bytes, signature: bytes) -> bool:
        """Tell whether ``signature`` is this key's over ``data``."""
        try:
            self.key.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    def to_pem(self) -> str:
        """Return the key as PEM text, for a file or ``trusted_keys``."""
        return self.key.public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass(frozen=True, kw_only=True, slots=True)
class SigningKey:
    """A key to sign with; its private half is never shown."""

    public: PublicKey
    key: Ed25519PrivateKey = field(repr=False, compare=False)

    def sign(self, data: bytes) -> bytes:
        """Return the signature over ``data``, 64 bytes."""
        return self.key.sign(data)


def generate_key(path: Path) -> tuple[SigningKey, Path]:
    """Make a key: the private half at ``path``, for its owner alone, the public half beside it as ``.pub``.

    Returns:
        The key, and where its public half is.

    Raises:
        ConfigError: a file of either name is already there; a key is never overwritten.
        IoError: they cannot be written; no part of them stays.
    """
    public_path = path.with_suffix(".pub")
    if public_path == path:
        refuse(f"key {path}", "is a public key; choose the private key, such as mlops.key")
    key = Ed25519PrivateKey.generate()
    signing = SigningKey(public=_public(key.public_key()), key=key)
    private = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _create(path, private, 0o600)
    try:
        _create(public_path, signing.public.to_pem().encode(), 0o644)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return signing, public_path


def load_signing_key(path: Path) -> SigningKey:
    """Read a private key from its file.

    Raises:
        ConfigError: not there, a link, readable by others, owned by another user, empty, too large, or no
            unencrypted Ed25519 private key.
    """
    data = _read(path, private=True)
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except TypeError:
        refuse(
            f"key {path}", "is encrypted; decrypt it with: openssl pkey -in FILE -out NEW, and chmod 600 NEW"
        )
    except (ValueError, UnsupportedAlgorithm):
        what = "is a public key" if b"PUBLIC KEY" in data else "is not a key in PEM format"
        refuse(
            f"key {path}", f"{what}; expected an Ed25519 private key, such as from `pytest-mlops keys new`"
        )
    if not isinstance(key, Ed25519PrivateKey):
        refuse(
            f"key {path}", f"is a {_kind(key)} key; expected Ed25519, such as from `pytest-mlops keys new`"
        )
    return SigningKey(public=_public(key.public_key()), key=key)


def load_public_key(path: Path) -> PublicKey:
    """Read a public key from its file.

    Raises:
        ConfigError: not there, empty, too large, or no Ed25519 public key.
    """
    return parse_public_key(_read(path, private=False), str(path))


def parse_public_key(pem: bytes, source: str) -> PublicKey:
    """Read a public key from PEM text.

    Raises:
        ConfigError: it is none of Ed25519; the message names ``source``.
    """
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        what = "is a private key" if b"PRIVATE KEY" in pem else "is not a public key in PEM format"
        refuse(f"key {source}", f"{what}; expected the .pub file of `pytest-mlops keys new`")
    if not isinstance(key, Ed25519PublicKey):
        refuse(f"key {source}", f"is a {_kind(key)} key; expected Ed25519")
    return _public(key)


def _public(key: Ed25519PublicKey) -> PublicKey:
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()
    described = f'{{"keytype":"ed25519","keyval":{{"public":"{raw}"}},"scheme":"ed25519"}}'
    return PublicKey(id=hashlib.sha256(described.encode()).hexdigest(), key=key)


def _kind(key: object) -> str:
    """Return the algorithm of a key of another kind, from the name of its class, as ``RSAPrivateKey``."""
    name = type(key).__name__
    return name.removesuffix("PrivateKey").removesuffix("PublicKey")


def _read(path: Path, *, private: bool) -> bytes:
    """Read a key file; what is checked is the opened file, so that none can be put in its place meanwhile."""
    try:
        handle = os.open(path, _READ if private else _READ & ~_NO_LINKS)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EMLINK}:
            refuse(f"key {path}", "is a link; name the key file itself")
        refuse(f"key {path}", f"cannot be read: {error.strerror or error}")
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            refuse(f"key {path}", "is not a regular file")
        data = os.read(handle, MAX_KEY_BYTES + 1)
        # Only a secret has to be kept: of another file it is said what it is.
        if private and b"PRIVATE KEY" in data:
            _check_owner(path, status)
    finally:
        os.close(handle)
    if not data.strip():
        refuse(f"key {path}", "is empty")
    if len(data) > MAX_KEY_BYTES:
        refuse(f"key {path}", f"has more than {MAX_KEY_BYTES:,} bytes; expected a single key")
    return data


def _check_owner(path: Path, status: os.stat_result) -> None:
    if os.name == "nt":  # pragma: no cover -- Windows has other permissions
        return
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        refuse(f"key {path}", f"can be read or written by others (mode {mode:04o}); run: chmod 600 {path}")
    if status.st_uid not in {os.geteuid(), 0}:
        refuse(f"key {path}", "belongs to another user; use a key of your own")


def _create(path: Path, data: bytes, mode: int) -> None:
    try:
        handle = os.open(path, _CREATE, mode)
    except FileExistsError:
        refuse(f"key {path}", "already exists; keys are never overwritten, so choose another file")
    except OSError as error:
        raise IoError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(handle)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise IoError(f"cannot write {path}: {error.strerror or error}") from error
