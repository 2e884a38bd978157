"""Probe by HTTP: an answer of 200 to 399 is healthy; nothing is followed, and the body is not read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from pytest_mlops.errors import InvalidHealthCheck
from pytest_mlops.serving.health.exchange import BROKEN, exchange
from pytest_mlops.serving.health.probe import ProbeFailed

if TYPE_CHECKING:
    from pytest_mlops.records.health import HealthCheck
    from pytest_mlops.serving.health.endpoint import Endpoint

__all__ = ["failure_words", "probe_http", "url_of", "without_secrets"]


async def probe_http(check: HealthCheck, endpoint: Endpoint) -> str:
    """Send a GET; 2xx and 3xx are healthy, a redirect as it stands."""
    url = url_of(check, endpoint)
    name = without_secrets(url)
    try:
        async with exchange("GET", url) as answer:
            status = answer.status
    except BROKEN as error:
        raise ProbeFailed(failure_words(url, error)) from error
    if not 200 <= status <= 399:
        raise ProbeFailed(f"{name} answered {status}; 200 to 399 is healthy")
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
        raise InvalidHealthCheck(f"{check.name}: {text!r} is no URL: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host or not 0 < (url.port or 80) < 65536:
        raise InvalidHealthCheck(f"{check.name}: {text!r} is no URL of http or https")
    return url


def without_secrets(url: httpx.URL) -> str:
    """Return a URL for people: without the name and password that it may hold, and without its query."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))


def failure_words(url: httpx.URL, error: Exception) -> str:
    """Say why there was no answer."""
    detail = str(error) or type(error).__name__
    return f"{without_secrets(url)} gave no answer: {detail}"
