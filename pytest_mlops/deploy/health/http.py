"""Probe by HTTP: an answer of 200 to 399 is healthy; nothing is followed, and the body is not read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import yarl

from pytest_mlops.deploy.health.probe import ProbeFailed
from pytest_mlops.errors import InvalidHealthCheck

if TYPE_CHECKING:
    from pytest_mlops.deploy.health.endpoint import Endpoint
    from pytest_mlops.records.health import HealthCheck

__all__ = ["failure_words", "make_client", "probe_http", "url_of", "without_secrets"]


def make_client() -> aiohttp.ClientSession:
    """Return the HTTP client of probes: it keeps no connection and no cookie, and unpacks nothing.

    No proxy of the environment counts. Whoever asks sets the time, over all that is done.
    """
    connector = aiohttp.TCPConnector(
        limit=0,
        force_close=True,
        use_dns_cache=False,
        resolver=aiohttp.ThreadedResolver(),  # asks the event loop; see ProbeLoop
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        trust_env=False,
        auto_decompress=False,
    )


async def probe_http(check: HealthCheck, endpoint: Endpoint, client: aiohttp.ClientSession) -> str:
    """Send a GET; 2xx and 3xx are healthy, a redirect as it stands."""
    url = url_of(check, endpoint)
    name = without_secrets(url)
    try:
        async with client.get(url, allow_redirects=False) as response:
            status = response.status
    except (aiohttp.ClientError, OSError) as error:
        raise ProbeFailed(failure_words(url, error)) from error
    if not 200 <= status <= 399:
        raise ProbeFailed(f"{name} answered {status}; 200 to 399 is healthy")
    return f"{name} answered {status}"


def url_of(check: HealthCheck, endpoint: Endpoint) -> yarl.URL:
    """Return the URL that a check asks.

    Raises:
        InvalidHealthCheck: it is none.
    """
    text = endpoint.fill(check.endpoint or "")
    try:
        url = yarl.URL(text)
    except ValueError as error:
        raise InvalidHealthCheck(f"{check.name}: {text!r} is no URL: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise InvalidHealthCheck(f"{check.name}: {text!r} is no URL of http or https")
    return url


def without_secrets(url: yarl.URL) -> str:
    """Return a URL for people: without the name and password that it may hold, and without its query."""
    return str(url.with_user(None).with_query(None).with_fragment(None))


def failure_words(url: yarl.URL, error: Exception) -> str:
    """Say why there was no answer."""
    detail = str(error) or type(error).__name__
    return f"{without_secrets(url)} gave no answer: {detail}"
