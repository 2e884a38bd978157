"""Probes over the network: a connection, a status, a known prediction."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import httpx

from pytest_mlops.errors import InvalidHealthCheck, SerializationError
from pytest_mlops.files import OsErrorsAs
from pytest_mlops.serving.health.http_exchange import NO_RESPONSE, exchange
from pytest_mlops.serving.health.probe import ProbeFailed
from pytest_mlops.strict_json import differences, parse_json, within

if TYPE_CHECKING:
    from pytest_mlops.records.health import HealthCheck
    from pytest_mlops.serving.health.probe import Endpoint

__all__ = [
    "MAX_ANSWER",
    "failure_message",
    "post_json",
    "probe_http",
    "probe_prediction",
    "probe_tcp",
    "url_of",
    "without_secrets",
]


async def probe_tcp(check: HealthCheck, endpoint: Endpoint) -> str:
    """Connect, to whichever of the name's addresses takes it, and close again."""
    host, port = _address(check, endpoint.fill(check.endpoint or ""))
    with OsErrorsAs(ProbeFailed, f"{host}:{port} accepts no connection"):
        _, writer = await asyncio.open_connection(host, port)
    mirrored = _is_mirrored(writer)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    if mirrored:
        raise ProbeFailed(f"{host}:{port} refused the connection")
    return f"{host}:{port} accepts connections"


def _is_mirrored(writer: asyncio.StreamWriter) -> bool:
    """Return whether the connection is with itself, which Linux makes of a free port now and then."""
    return bool(writer.get_extra_info("sockname") == writer.get_extra_info("peername"))


def _address(check: HealthCheck, text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise InvalidHealthCheck(f"{check.name}: {text!r} is not an address; expected host:port")
    return host, int(port)


async def probe_http(check: HealthCheck, endpoint: Endpoint) -> str:
    """Send a GET; 2xx and 3xx are healthy, a redirect as it stands."""
    url = url_of(check, endpoint)
    name = without_secrets(url)
    try:
        async with exchange("GET", url) as answer:
            status = answer.status
    except NO_RESPONSE as error:
        raise ProbeFailed(failure_message(url, error)) from error
    if not 200 <= status <= 399:
        raise ProbeFailed(f"{name} answered {status}; expected 200 to 399")
    return f"{name} answered {status}"


def url_of(check: HealthCheck, endpoint: Endpoint) -> httpx.URL:
    """Return the URL that a check asks.

    Raises:
        InvalidHealthCheck: it is none.
    """
    text = endpoint.fill(check.endpoint or "")
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise InvalidHealthCheck(f"{check.name}: {text!r} is not a URL: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host or not 0 < (url.port or 80) < 65536:
        raise InvalidHealthCheck(f"{check.name}: {text!r} is not an HTTP or HTTPS URL")
    return url


def without_secrets(url: httpx.URL) -> str:
    """Return a URL for people: without the name and password that it may hold, and without its query."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))


def failure_message(url: httpx.URL, error: Exception) -> str:
    """Return why there was no response."""
    detail = str(error) or type(error).__name__
    return f"{without_secrets(url)} gave no response: {detail}"


MAX_ANSWER = 1024 * 1024
"""Bytes of an answer that are read; a longer one has failed."""


async def probe_prediction(check: HealthCheck, endpoint: Endpoint) -> str:
    """Post the known input and hold the answer against the known one."""
    url = url_of(check, endpoint)
    try:
        expected = parse_json(check.expect or "", what="expect")
        parse_json(check.body or "", what="body")
    except SerializationError as error:
        raise InvalidHealthCheck(f"{check.name}: {error}") from error
    answer = await post_json(url, (check.body or "").encode())
    try:
        got = parse_json(answer, what="the answer")
    except SerializationError as error:
        raise ProbeFailed(f"{without_secrets(url)}: {error}") from error
    found = differences(got, expected, close=within(check.tolerance))
    if found:
        raise ProbeFailed(f"{without_secrets(url)}: {found[0]}")
    return f"{without_secrets(url)} returned the expected answer"


async def post_json(url: httpx.URL, body: bytes) -> bytes:
    """Post JSON and return the answer's body.

    Raises:
        ProbeFailed: there is no response, one not of 2xx, or a longer one than is read.
    """
    name = without_secrets(url)
    try:
        async with exchange("POST", url, body=body) as answer:
            if not 200 <= answer.status <= 299:
                raise ProbeFailed(f"{name} answered {answer.status}; expected 2xx")
            data = await answer.read(MAX_ANSWER)
    except NO_RESPONSE as error:
        raise ProbeFailed(failure_message(url, error)) from error
    if len(data) > MAX_ANSWER:
        raise ProbeFailed(f"{name} answered with more than {MAX_ANSWER:,} bytes")
    return data
