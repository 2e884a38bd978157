"""Headers on their way through: what belongs to one connection stays there, the rest goes on."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from multidict import CIMultiDict

if TYPE_CHECKING:
    from aiohttp.web import BaseRequest
    from multidict import CIMultiDictProxy

__all__ = [
    "DEPLOYMENT_HEADER",
    "REQUEST_ID_HEADER",
    "SHADOW_HEADER",
    "answer_headers",
    "request_headers",
    "request_id",
]

REQUEST_ID_HEADER = "X-Request-Id"
DEPLOYMENT_HEADER = "X-MLOps-Deployment"
SHADOW_HEADER = "X-MLOps-Shadow"

# RFC 9110 §7.6.1, and those that stand for one connection's framing, which each side writes anew.
_OF_ONE_CONNECTION = frozenset({
    "connection", "content-length", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
_OURS = frozenset({"x-request-id", "x-mlops-deployment", "x-mlops-shadow"})
_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=@~-]{1,128}")


def request_id(headers: CIMultiDictProxy[str]) -> str:
    """Return the client's request id where it is short and plain, else a new one."""
    given = headers.get(REQUEST_ID_HEADER)
    if given is not None and _SANE_ID.fullmatch(given):
        return given
    return os.urandom(16).hex()


def _end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    dropped = _OF_ONE_CONNECTION | _OURS
    for value in headers.getall("Connection", ()):
        named = {token.strip().lower() for token in value.split(",")}
        dropped |= named
    return CIMultiDict([(name, value) for name, value in headers.items() if name.lower() not in dropped])


def request_headers(request: BaseRequest, identity: str) -> CIMultiDict[str]:
    """Return the headers that a replica gets.

    ``Host`` stays the client's; ``X-Forwarded-For`` grows by the client's address; ``X-Forwarded-Proto`` and
    ``-Host`` are set where no proxy before us did.
    """
    headers = _end_to_end(request.headers)
    before = headers.popall("X-Forwarded-For", ())
    headers["X-Forwarded-For"] = ", ".join([*before, request.remote or "unknown"])
    headers.setdefault("X-Forwarded-Proto", "http")
    if "Host" in headers:
        headers.setdefault("X-Forwarded-Host", headers["Host"])
    headers[REQUEST_ID_HEADER] = identity
    return headers


def answer_headers(headers: CIMultiDictProxy[str], *, identity: str, deployment: str) -> CIMultiDict[str]:
    """Return the headers that the client gets."""
    ours = _end_to_end(headers)
    ours[REQUEST_ID_HEADER] = identity
    ours[DEPLOYMENT_HEADER] = deployment
    return ours
