"""HTTP to an MLflow server, with its credentials."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import httpx

from pytest_mlops.errors import HttpError, refuse
from pytest_mlops.http import HttpAnswer, JsonClient, describe, timeouts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from typing import BinaryIO

__all__ = ["Credentials", "MlflowHttp", "credentials_from", "server_url"]


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
            refuse("MLFLOW_TRACKING_TOKEN", "has characters that are not valid in a header; copy it again")
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
        refuse("--server", f"is not an address: {error}; expected one such as http://localhost:5000")
    if url.scheme not in {"http", "https"} or not url.host:
        refuse("--server", f"is {text[:80]!r}; expected an address such as http://localhost:5000")
    if url.userinfo:
        refuse(
            "--server",
            "contains a user name, which would be stored; remove it, and set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD",
        )
    if url.query or url.fragment:
        refuse("--server", f"is {text[:80]!r}; expected an address without '?' and '#'")
    return str(url).rstrip("/")


class MlflowHttp:
    """Requests to one server; close it, or use it in ``with``.

    Args:
        server: Its address, from :func:`server_url`.
        credentials: Who we are; ``None`` for an anonymous client.
        transport: Carries the requests; by default the network.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        server: str,
        *,
        credentials: Credentials | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.server = server
        headers = {} if credentials is None else {"Authorization": credentials.header}
        self._http = JsonClient(
            service=f"the MLflow server {server}",
            client=httpx.Client(headers=headers, transport=transport, timeout=timeouts()),
            secrets=() if credentials is None else credentials.secrets,
            sleep=sleep,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._http.__exit__(*exception)

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
        request = self._build(method, path, params=query, json=None if body is None else dict(body))
        answer = self._http.send(request, repeatable=repeatable)
        found = _object(answer)
        if answer.is_success and found is not None:
            return found
        if found is not None and found.get("error_code") in absent:
            return None
        raise self._refused(request, answer, repeatable=repeatable)

    def download(self, path: str, stream: BinaryIO, *, most: int) -> None:
        """Write a file of the server to ``stream``.

        Raises:
            HttpError: as for :meth:`call`, or the file has more than ``most`` bytes.
        """
        request = self._build("GET", path)
        answer = self._http.send(request, into=stream, most=most)
        if answer.status != httpx.codes.OK:
            raise self._refused(request, answer)

    def upload(self, path: str, chunks: Iterable[bytes], *, size: int) -> None:
        """Put bytes to a path, once.

        Raises:
            HttpError: as for :meth:`call`.
        """
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        request = self._build("PUT", path, content=chunks, headers=headers)
        answer = self._http.send(request, attempts=1)
        if not answer.is_success:
            raise self._refused(request, answer)

    def _build(self, method: str, path: str, **parts: Any) -> httpx.Request:
        return self._http.client.build_request(method, f"{self.server}/{path}", **parts)

    def _refused(self, request: httpx.Request, answer: HttpAnswer, *, repeatable: bool = True) -> HttpError:
        found = _object(answer)
        message = None if found is None else found.get("message")
        if answer.status in {401, 403}:
            why = (
                "; set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, to "
                "those of a user who may do this"
            )
        elif isinstance(message, str) and message.strip():
            why = f": {self._http.clean(message).rstrip('.')}"
        elif answer.is_success:
            why = " and no JSON object; check that this is the address of an MLflow server"
        else:
            why = " and no reason; check that this is the address of an MLflow server"
        return HttpError(
            f"{self._http.service} answered {describe(request)} with HTTP {answer.status}{why}",
            status=answer.status,
            unclear=self._http.is_unclear(answer, repeatable=repeatable),
        )


def _object(answer: HttpAnswer) -> dict[str, Any] | None:
    found = answer.json()
    return found if isinstance(found, dict) else None
