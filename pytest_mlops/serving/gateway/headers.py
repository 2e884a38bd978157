"""Headers on their way through: those of one connection stay there, the others are passed on."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_mlops.serving.gateway.asgi import Scope

__all__ = [
    "DEPLOYMENT",
    "REQUEST_ID",
    "SHADOW",
    "Headers",
    "answer_headers",
    "first",
    "request_headers",
    "request_id",
]

Headers = list[tuple[bytes, bytes]]
"""Names in lower case, and values."""

REQUEST_ID = b"x-request-id"
DEPLOYMENT = b"x-mlops-deployment"
SHADOW = b"x-mlops-shadow"

# RFC 9110 §7.6.1, and what stands for the framing of one connection, which each side writes itself.
_OF_ONE_CONNECTION = frozenset(
    b"connection content-length expect keep-alive proxy-authenticate proxy-authorization proxy-connection"
    b" te trailer transfer-encoding upgrade".split()
)
_NOT_FROM_CLIENTS = _OF_ONE_CONNECTION | {REQUEST_ID, DEPLOYMENT, SHADOW, b"x-forwarded-for"}
_NOT_FROM_REPLICAS = _OF_ONE_CONNECTION | {REQUEST_ID, DEPLOYMENT}
_PERSISTENCE = frozenset({b"keep-alive", b"close"})
_SANE_ID = re.compile(rb"[A-Za-z0-9._:/+=@~-]{1,128}")


def first(headers: Headers, name: bytes) -> bytes | None:
    """Return the value of a header; ``None`` where there is none."""
    for each, value in headers:
        if each == name:
            return value
    return None


def request_id(headers: Headers) -> str:
    """Return the client's request id where it is short and plain, else a new one."""
    given = first(headers, REQUEST_ID)
    if given is not None and _SANE_ID.fullmatch(given):
        return given.decode()
    return os.urandom(16).hex()


def _end_to_end(headers: Headers, dropped: frozenset[bytes]) -> Headers:
    for name, value in headers:
        if name == b"connection" and value.lower() not in _PERSISTENCE:
            dropped |= {token.strip() for token in value.lower().split(b",")}
    return [header for header in headers if header[0] not in dropped]


def request_headers(scope: Scope, identity: str) -> Headers:
    """Return the headers that a replica gets.

    ``Host`` stays the client's; ``X-Forwarded-For`` grows by the client's address; ``X-Forwarded-Proto`` and
    ``-Host`` are set where no proxy before us did.
    """
    given: Headers = scope["headers"]
    headers = _end_to_end(given, _NOT_FROM_CLIENTS)
    names = {name for name, _ in headers}
    if b"host" not in names:  # HTTP/1.0, or a client that wants it dropped
        host, port = scope["server"]
        headers.append((b"host", f"{host}:{port}".encode()))
    elif b"x-forwarded-host" not in names:
        headers.append((b"x-forwarded-host", first(headers, b"host") or b""))
    if b"x-forwarded-proto" not in names:
        headers.append((b"x-forwarded-proto", b"http"))
    client = scope["client"][0].encode() if scope["client"] else b"unknown"
    before = [value for name, value in given if name == b"x-forwarded-for"]
    headers.append((b"x-forwarded-for", b", ".join([*before, client])))
    headers.append((REQUEST_ID, identity.encode()))
    return headers


def answer_headers(headers: Headers, *, identity: str, deployment: str) -> Headers:
    """Return the headers that the client gets."""
    ours = _end_to_end(headers, _NOT_FROM_REPLICAS)
    ours += ((REQUEST_ID, identity.encode()), (DEPLOYMENT, deployment.encode("ascii", "replace")))
    return ours
