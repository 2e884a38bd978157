"""Probe by HTTP: an answer of 200 to 399 is healthy; nothing is followed, and the body is not read."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import httpx

from pytest_mlops.deploy.health.probe import ProbeFailed
from pytest_mlops.errors import InvalidHealthCheck

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pytest_mlops.deploy.health.endpoint import Endpoint
    from pytest_mlops.records.health import HealthCheck

__all__ = ["exchange", "failure_words", "probe_http", "url_of", "without_secrets"]


async def probe_http(check: HealthCheck, endpoint: Endpoint, client: httpx.AsyncClient) -> str:
    """Send a GET; 2xx and 3xx are healthy, a redirect as it stands."""
    url = url_of(check, endpoint)
    name = without_secrets(url)
    try:
        async with exchange(client, "GET", url) as response:
            status = response.status_code
    except httpx.HTTPError as error:
        raise ProbeFailed(failure_words(url, error)) from error
    if not 200 <= status <= 399:
        raise ProbeFailed(f"{name} answered {status}; 200 to 399 is healthy")
    return f"{name} answered {status}"


@contextlib.asynccontextmanager
async def exchange(
    client: httpx.AsyncClient, method: str, url: str, **request: Any
) -> AsyncIterator[httpx.Response]:
    """Send a request; its connection is closed at the end, however that comes about.

    Raises:
        httpx.HTTPError: there is no answer.
    """
    streams = []

    async def note(event: str, values: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            streams.append(values["return_value"])

    try:
        async with client.stream(method, url, extensions={"trace": note}, **request) as response:
            yield response
    finally:
        for stream in streams:  # httpcore leaves it open where a TLS handshake is cut off
            await stream.aclose()


def url_of(check: HealthCheck, endpoint: Endpoint) -> str:
    """Return the URL that a check asks.

    Raises:
        InvalidHealthCheck: it is none.
    """
    text = endpoint.fill(check.endpoint or "")
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise InvalidHealthCheck(f"{check.name}: {text!r} is no URL: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise InvalidHealthCheck(f"{check.name}: {text!r} is no URL of http or https")
    return text


def without_secrets(url: str) -> str:
    """Return a URL for people: without the name and password that it may hold, and without its query."""
    return str(httpx.URL(url).copy_with(userinfo=b"", query=None))


def failure_words(url: str, error: httpx.HTTPError) -> str:
    """Say why there was no answer."""
    detail = str(error) or type(error).__name__
    return f"{without_secrets(url)} gave no answer: {detail}"
