"""GitHub's REST API, one repository at a time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from pytest_mlops.errors import HttpError, IoError
from pytest_mlops.files import OsErrorsAs
from pytest_mlops.http import LONGEST_WAIT, NOT_JSON, HttpAnswer, JsonClient, describe, timeouts
from pytest_mlops.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Self

__all__ = ["API_VERSION", "MAX_PAGES", "Client", "open_client"]

API_VERSION = "2022-11-28"
"""The version of GitHub's REST API that is used here."""

MAX_PAGES = 100
REDIRECTED = frozenset({301, 302, 303, 307, 308})
REPEATABLE = frozenset({"GET", "PATCH"})
"""Requests that do no harm when they are carried out twice."""

_MEANINGS = {
    401: "the token is wrong or has expired",
    403: "the token may not do this, as in pull requests from forks; grant the job the permission it needs",
    404: "it is not there, or the token may not see it",
    410: "it is gone",
    422: "GitHub rejects the request as invalid",
    429: "too many requests",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Client:
    """A client of one repository; close it, or use it as a context."""

    http: JsonClient

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.http.__exit__(*exception)

    def get(self, path: str, **params: str | int) -> Any:
        """Return GitHub's answer to a request for ``path``.

        Raises:
            HttpError: there is none that can be used.
        """
        return self._ask("GET", path, params=params)[0]

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Create something; not tried again where it may have been created (``HttpError.unclear``)."""
        return self._ask("POST", path, body=body)[0]

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Change something."""
        return self._ask("PATCH", path, body=body)[0]

    def pages(self, path: str, key: str | None = None, **params: str | int) -> Iterator[Any]:
        """Yield the items of every page of a list.

        Args:
            path: The list.
            key: Where in an answer the items stand; ``None``: the answer is the list.
            params: Of the first request; 100 items a page unless they name another number.

        Raises:
            HttpError: an answer is no list, or there are more than ``MAX_PAGES`` pages.
        """
        address, query = path, {"per_page": 100, **params}
        for _ in range(MAX_PAGES):
            found, answer = self._ask("GET", address, params=query)
            items = found.get(key) if key is not None and isinstance(found, dict) else found
            if not isinstance(items, list):
                raise HttpError(f"GitHub's answer to GET {_short(path)} is not a list")
            yield from items
            if answer.following is None:
                return
            if not _same_origin(self.http.client.base_url, httpx.URL(answer.following)):
                raise HttpError(f"GitHub's answer to GET {_short(path)} redirects to another server")
            address, query = answer.following, {}
        raise HttpError(f"{_short(path)} has more than {MAX_PAGES} pages; narrow the request")

    def download(self, path: str, target: Path, most: int) -> None:
        """Write the file that ``path`` leads to, through one redirection that is not shown the token.

        Raises:
            HttpError: it cannot be had, or has more than ``most`` bytes.
            IoError: it cannot be written.
        """
        request = self.http.client.build_request("GET", path)
        answer = self.http.send(request)
        location = answer.headers.get("location")
        if answer.status not in REDIRECTED or not location:
            raise self._refused(request, answer)
        address = httpx.URL(location)
        if address.scheme != "https" and not _same_origin(self.http.client.base_url, address):
            raise HttpError(f"GET {_short(path)} redirects to an address that is not https")
        plain = httpx.Request("GET", address, extensions={"timeout": timeouts().as_dict()})
        with OsErrorsAs(IoError, f"cannot write {target}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as stream:
                answer = self.http.send(plain, into=stream, most=most)
        if answer.status != httpx.codes.OK:
            raise self._refused(request, answer)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> tuple[Any, HttpAnswer]:
        request = self.http.client.build_request(method, path, params=params or None, json=body)
        answer = self.http.send(request, repeatable=method in REPEATABLE)
        if not answer.is_success:
            raise self._refused(request, answer)
        found = answer.json()
        if found is NOT_JSON:
            raise HttpError(
                f"GitHub's answer to {describe(request)} is not JSON",
                status=answer.status,
                unclear=method not in REPEATABLE,
            )
        return found, answer

    def _refused(self, request: httpx.Request, answer: HttpAnswer) -> HttpError:
        status, asked = answer.status, answer.asked_wait or 0
        found = answer.json()
        message = found.get("message") if isinstance(found, dict) else None
        parts = [f"GitHub refused {describe(request)} with {status}"]
        parts += [f" ({self.http.clean(message)})"] if isinstance(message, str) and message else []
        parts += [f": {_MEANINGS[status]}"] if status in _MEANINGS else []
        parts += [f"; it asks to wait {asked:.0f} seconds"] if asked > LONGEST_WAIT else []
        repeatable = request.method in REPEATABLE
        return HttpError(
            "".join(parts), status=status, unclear=self.http.is_unclear(answer, repeatable=repeatable)
        )


def open_client(
    *,
    api_url: str,
    token: str,
    transport: httpx.BaseTransport | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
) -> Client:
    """Return a client; close it, or use it as a context.

    Args:
        api_url: As in ``GITHUB_API_URL``.
        token: As in ``GITHUB_TOKEN``.
        transport: Carries the requests; by default the network.
        sleep: Waits.
        clock: Seconds since 1970.
    """
    headers = {
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": API_VERSION,
        "User-Agent": "pytest-mlops",
    }
    if token:
        headers["Authorization"] = f"Bearer {token}"
    client = httpx.Client(base_url=api_url, headers=headers, timeout=timeouts(), transport=transport)
    return Client(
        http=JsonClient(
            service="GitHub",
            client=client,
            secrets=(token,) if token else (),
            rejecting=frozenset({429, 503}),
            sleep=sleep,
            clock=clock,
        )
    )


def _short(path: str) -> str:
    return one_line(httpx.URL(path).path, 150)


def _same_origin(first: httpx.URL, second: httpx.URL) -> bool:
    return (first.scheme, first.host, first.port) == (second.scheme, second.host, second.port)
