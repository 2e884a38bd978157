"""HTTP to an MLflow server: credentials, patience, and every bad answer as one sentence."""

from __future__ import annotations

import json
import time
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import httpx

from pytest_mlops.errors import ConfigError, HttpError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

__all__ = ["Credentials", "MlflowHttp", "credentials_from", "server_url"]

MAX_ANSWER = 16 * 1024 * 1024
"""Bytes of a JSON answer."""
ATTEMPTS = 4
LONGEST_WAIT = 30.0
"""Seconds between two attempts, whatever the server asks for."""
BUSY = {429, 502, 503, 504}
SHOWN = 300
"""Characters of a server's message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """What proves to a server who we are; never shown."""

    header: str = field(repr=False)
    """Value of the ``Authorization`` header."""
    secrets: tuple[str, ...] = field(repr=False)
    """What must not stand in any message."""


def credentials_from(environ: Mapping[str, str]) -> Credentials | None:
    """Return what MLflow's own variables give: user name and password, else a token, else ``None``.

    Args:
        environ: With ``MLFLOW_TRACKING_USERNAME`` and ``MLFLOW_TRACKING_PASSWORD``, or
            ``MLFLOW_TRACKING_TOKEN``.

    Raises:
        ConfigError: one cannot be sent in a header.
    """
    user, password = environ.get("MLFLOW_TRACKING_USERNAME"), environ.get("MLFLOW_TRACKING_PASSWORD")
    token = environ.get("MLFLOW_TRACKING_TOKEN")
    if user and password:
        basic = httpx.BasicAuth(user, password)
        header = next(basic.auth_flow(httpx.Request("GET", "http://localhost"))).headers["Authorization"]
        return Credentials(header=header, secrets=(password, header.removeprefix("Basic ")))
    if token:
        if not (token.isascii() and token.isprintable()):
            raise _usage("MLFLOW_TRACKING_TOKEN", "has characters that a header cannot carry; copy it anew")
        return Credentials(header=f"Bearer {token}", secrets=(token,))
    return None


def server_url(text: str) -> str:
    """Return the address of a server in the one way that it is remembered in.

    Raises:
        ConfigError: not an http address, or one with a password, a query or a fragment.
    """
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL as error:
        raise _usage("--server", f"is no address: {error}; expected one as http://localhost:5000") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise _usage("--server", f"is {text[:80]!r}; expected an address as http://localhost:5000")
    if url.userinfo:
        raise _usage(
            "--server",
            "has a user name in it, which would be kept; take it out, and set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD",
        )
    if url.query or url.fragment:
        raise _usage("--server", f"is {text[:80]!r}; expected it without '?' and '#'")
    return str(url).rstrip("/")


class MlflowHttp:
    """Requests to one server; close it, or use it in ``with``.

    What fails on the way, and what a busy server turns away, is tried again, unless doing it twice could
    make two of something.

    Args:
        server: Its address, from :func:`server_url`.
        credentials: Who we are; ``None`` for nobody.
        transport: Takes the place of the network.
        sleep: Waits so many seconds.
        timeout: Seconds to wait for each part of an answer.
    """

    def __init__(
        self,
        server: str,
        *,
        credentials: Credentials | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        timeout: float = 30.0,
    ) -> None:
        self.server = server
        self._sleep = sleep
        self._secrets = () if credentials is None else credentials.secrets
        headers = {} if credentials is None else {"Authorization": credentials.header}
        self._client = httpx.Client(
            headers=headers, transport=transport, timeout=httpx.Timeout(timeout, connect=10.0)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        repeatable: bool = True,
    ) -> dict[str, Any]:
        """Send a request and return the JSON object of its answer.

        Args:
            method: ``GET`` and so on.
            path: Below the server's address.
            query: Parameters of the address.
            body: Sent as JSON.
            repeatable: Whether it does no harm to do it twice.

        Raises:
            HttpError: the server cannot be reached, refuses, or answers with something else.
        """
        found = self.find(method, path, query=query, body=body, repeatable=repeatable, absent=())
        return {} if found is None else found

    def find(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        repeatable: bool = True,
        absent: Collection[str] = ("RESOURCE_DOES_NOT_EXIST",),
    ) -> dict[str, Any] | None:
        """Send a request as :meth:`call` does; ``None`` where the server's error is one of ``absent``."""
        request = self._client.build_request(
            method, f"{self.server}/{path}", params=query, json=None if body is None else dict(body)
        )
        status, data = self._send(request, repeatable=repeatable)
        answer = _parse(data)
        if 200 <= status < 300 and answer is not None:
            return answer
        code = None if answer is None else answer.get("error_code")
        if code is not None and code in absent:
            return None
        raise self._refused(request, status, answer)

    def download(self, path: str) -> Iterator[bytes]:
        """Yield the bytes of an answer, which is not tried again once it has begun.

        Raises:
            HttpError: as for :meth:`call`, or the answer breaks off.
        """
        request = self._client.build_request("GET", f"{self.server}/{path}")
        try:
            response = self._client.send(request, stream=True)
            try:
                if response.status_code != httpx.codes.OK:
                    raise self._refused(request, response.status_code, _parse(_bounded(response) or b""))
                yield from response.iter_bytes()
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise self._unreachable(request, error) from error

    def upload(self, path: str, chunks: Iterable[bytes], *, size: int) -> None:
        """Put bytes to a path, once.

        Raises:
            HttpError: as for :meth:`call`.
        """
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        request = self._client.build_request("PUT", f"{self.server}/{path}", content=chunks, headers=headers)
        status, data = self._once(request)
        if not 200 <= status < 300:
            raise self._refused(request, status, _parse(data))

    def _send(self, request: httpx.Request, *, repeatable: bool) -> tuple[int, bytes]:
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS
            wait = 0.5 * 2 ** (attempt - 1)
            try:
                response = self._client.send(request, stream=True)
                try:
                    status, data = response.status_code, _bounded(response)
                finally:
                    response.close()
            except httpx.HTTPError as error:
                # Without a connection nothing was sent, so nothing can have been done.
                if last or not (repeatable or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)):
                    raise self._unreachable(request, error) from error
            else:
                if data is None:
                    raise HttpError(
                        f"{self._what(request)} was answered with more than {MAX_ANSWER:,} bytes; "
                        "expected less of an MLflow server"
                    )
                turned_away = status == httpx.codes.TOO_MANY_REQUESTS
                if last or status not in BUSY or not (repeatable or turned_away):
                    return status, data
                wait = max(wait, _asked_for(response))
            self._sleep(min(wait, LONGEST_WAIT))
        raise AssertionError("the last attempt returns or raises")

    def _once(self, request: httpx.Request) -> tuple[int, bytes]:
        try:
            response = self._client.send(request, stream=True)
            try:
                return response.status_code, _bounded(response) or b""
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise self._unreachable(request, error) from error

    def _what(self, request: httpx.Request) -> str:
        path = request.url.path.removeprefix(httpx.URL(self.server).path.rstrip("/"))
        return f"{request.method} {path} on {self.server}"

    def _unreachable(self, request: httpx.Request, error: httpx.HTTPError) -> HttpError:
        said = self._clean(str(error)) or type(error).__name__
        return HttpError(
            f"{self._what(request)} got no answer: {said}; see that the MLflow server runs and can be reached"
        )

    def _refused(self, request: httpx.Request, status: int, answer: Mapping[str, object] | None) -> HttpError:
        what = f"{self._what(request)} was answered with HTTP {status}"
        if status in {401, 403}:
            return HttpError(
                f"{what}; set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD, to those of somebody who may do this"
            )
        message = None if answer is None else answer.get("message")
        if isinstance(message, str) and message.strip():
            return HttpError(f"{what}: {self._clean(message)}")
        if 200 <= status < 300:
            return HttpError(f"{what} and no JSON object; expected the answer of an MLflow server")
        return HttpError(f"{what} and no reason; see that this is the address of an MLflow server")

    def _clean(self, text: str) -> str:
        """Return a server's words on one line, without what is secret."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        line = " ".join(text.split())
        shown = "".join("�" if unicodedata.category(char)[0] == "C" else char for char in line[:SHOWN])
        return shown.rstrip(".") + ("…" if len(line) > SHOWN else "")


def _parse(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _bounded(response: httpx.Response) -> bytes | None:
    """Return the body; ``None`` where it is more than anybody would send."""
    parts, size = [], 0
    for part in response.iter_bytes():
        size += len(part)
        if size > MAX_ANSWER:
            return None
        parts.append(part)
    return b"".join(parts)


def _asked_for(response: httpx.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _usage(source: str, message: str) -> ConfigError:
    return ConfigError(source, [Problem(path="", message=message)])
