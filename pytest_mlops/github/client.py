"""GitHub's REST API: one request at a time, patient within bounds, every failure a sentence."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from pytest_mlops.errors import HttpError, IoError
from pytest_mlops.report.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Self

__all__ = ["API_VERSION", "MAX_PAGES", "Answer", "Client", "open_client"]

API_VERSION = "2022-11-28"
"""The version of GitHub's REST API that is spoken here."""

ATTEMPTS = 4
LONGEST_WAIT = 60.0
"""Seconds; where GitHub asks for more, the request is given up."""

MAX_PAGES = 100
MAX_ANSWER = 32 * 1024 * 1024
TIMEOUT = httpx.Timeout(30.0, connect=10.0)

REDIRECTED = frozenset({301, 302, 303, 307, 308})
BUSY = frozenset({429, 502, 503, 504})
UNCLEAR = frozenset({502, 504})
"""Answers of something in between, which do not say whether GitHub carried the request out."""

SAFE = frozenset({"GET", "PATCH"})
"""Requests that do no harm when they are carried out twice."""

_MEANINGS = {
    401: "the token is wrong or has expired",
    403: "the token may not do this, as in pull requests from forks; grant the job the permission it needs",
    404: "it is not there, or the token may not see it",
    410: "it is gone",
    422: "GitHub does not take the request as it is",
    429: "too many requests",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An answer that was read to its end.

    Attributes:
        following: Address of the next page of a list.
    """

    status: int
    headers: httpx.Headers
    body: bytes
    following: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Client:
    """A client of one repository.

    Attributes:
        http: Carries the requests; its base address and headers are set.
        sleep: Waits a number of seconds.
        clock: Seconds since 1970, which rate limits are stated in.
    """

    http: httpx.Client
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    clock: Callable[[], float] = field(default=time.time, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def get(self, path: str, **params: str | int) -> Any:
        """Return what GitHub says of ``path``.

        Raises:
            HttpError: it says nothing that can be used.
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
            params: Of the first request; 100 items a page unless they say otherwise.

        Raises:
            HttpError: an answer is no list, or there are more than ``MAX_PAGES`` pages.
        """
        address, query = path, {"per_page": 100, **params}
        for _ in range(MAX_PAGES):
            said, answer = self._ask("GET", address, params=query)
            items = said.get(key) if key is not None and isinstance(said, dict) else said
            if not isinstance(items, list):
                raise HttpError(f"GitHub's answer to GET {_short(path)} is no list")
            yield from items
            if answer.following is None:
                return
            if not _same_origin(self.http.base_url, httpx.URL(answer.following)):
                raise HttpError(f"GitHub's answer to GET {_short(path)} leads to another server")
            address, query = answer.following, {}
        raise HttpError(f"{_short(path)} has more than {MAX_PAGES} pages; it is not read to its end")

    def download(self, path: str, target: Path, most: int) -> None:
        """Write the file that ``path`` leads to, through one redirection that is not shown the token.

        Raises:
            HttpError: it cannot be had, or has more than ``most`` bytes.
            IoError: it cannot be written.
        """
        request = self.http.build_request("GET", path)
        answer = self._send(request, _into_memory)
        location = answer.headers.get("location")
        if answer.status not in REDIRECTED or not location:
            raise _refused(request, answer)
        address = httpx.URL(location)
        if address.scheme != "https" and not _same_origin(self.http.base_url, address):
            raise HttpError(f"GET {_short(path)} leads to an address that is not https")
        plain = httpx.Request("GET", address, extensions={"timeout": TIMEOUT.as_dict()})
        answer = self._send(plain, lambda response: _into_file(response, target, most))
        if answer.status != 200:
            raise _refused(request, answer)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> tuple[Any, Answer]:
        request = self.http.build_request(method, path, params=params or None, json=body)
        answer = self._send(request, _into_memory)
        if not 200 <= answer.status < 300:
            raise _refused(request, answer)
        try:
            return json.loads(answer.body), answer
        except (ValueError, RecursionError) as error:
            raise HttpError(
                f"GitHub's answer to {_named(request)} is not JSON: {error}",
                status=answer.status,
                unclear=method not in SAFE,
            ) from error

    def _send(self, request: httpx.Request, take: Callable[[httpx.Response], bytes]) -> Answer:
        """Send a request until it is answered, as often and as late as is worth it."""
        safe = request.method in SAFE
        for attempt in itertools.count(1):
            try:
                answer = self._once(request, take)
            except httpx.HTTPError as error:
                unclear = not safe and not isinstance(error, httpx.ConnectError)
                if unclear or attempt == ATTEMPTS:
                    raise HttpError(
                        f"GitHub did not answer {_named(request)} to the end: {_said(error)}", unclear=unclear
                    ) from error
                self.sleep(2.0 ** (attempt - 1))
                continue
            wait = _wait(answer, attempt, self.clock())
            again = _may_pass(answer) and (safe or answer.status not in UNCLEAR)
            if not again or attempt == ATTEMPTS or wait > LONGEST_WAIT:
                return answer
            self.sleep(wait)
        raise AssertionError  # pragma: no cover -- counting does not end

    def _once(self, request: httpx.Request, take: Callable[[httpx.Response], bytes]) -> Answer:
        with contextlib.closing(self.http.send(request, stream=True)) as response:
            return Answer(
                status=response.status_code,
                headers=response.headers,
                body=take(response) if response.status_code == 200 else _into_memory(response),
                following=response.links.get("next", {}).get("url"),
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
    http = httpx.Client(base_url=api_url, headers=headers, timeout=TIMEOUT, transport=transport)
    return Client(http=http, sleep=sleep, clock=clock)


def _into_memory(response: httpx.Response) -> bytes:
    data = bytearray()
    for part in response.iter_bytes():
        data += part
        if len(data) > MAX_ANSWER:
            raise HttpError(f"an answer of GitHub has more than {MAX_ANSWER:,} bytes and was given up")
    return bytes(data)


def _into_file(response: httpx.Response, target: Path, most: int) -> bytes:
    size = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as stream:
            for part in response.iter_bytes():
                size += len(part)
                if size > most:
                    raise HttpError(f"the download has more than {most:,} bytes and was given up")
                stream.write(part)
    except OSError as error:
        raise IoError(f"cannot write {target}: {error.strerror or error}") from error
    return b""


def _may_pass(answer: Answer) -> bool:
    """Tell whether it is worth asking again."""
    limited = "retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0"
    return answer.status in BUSY or (answer.status == 403 and limited)


def _wait(answer: Answer, attempt: int, now: float) -> float:
    """Return the seconds that GitHub asks to wait, or else twice as long each time."""
    stated = _seconds(answer.headers.get("retry-after"))
    if stated is not None:
        return stated
    reset = _seconds(answer.headers.get("x-ratelimit-reset"))
    if reset is not None and answer.headers.get("x-ratelimit-remaining") == "0":
        return max(1.0, reset - now)
    return 2.0 ** (attempt - 1)


def _seconds(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _refused(request: httpx.Request, answer: Answer) -> HttpError:
    status = answer.status
    asked = _wait(answer, ATTEMPTS, 0) if "retry-after" in answer.headers else 0
    said = _message(answer)
    parts = [f"GitHub refused {_named(request)} with {status}"]
    parts += [f" ({said})"] if said else []
    parts += [f": {_MEANINGS[status]}"] if status in _MEANINGS else []
    parts += [f"; it asks to wait {asked:.0f} seconds"] if asked > LONGEST_WAIT else []
    return HttpError("".join(parts), status=status, unclear=status in UNCLEAR and request.method not in SAFE)


def _message(answer: Answer) -> str:
    """Return what an error says of itself, made fit to be shown."""
    try:
        data = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    said = data.get("message") if isinstance(data, dict) else None
    return one_line(said, 200) if isinstance(said, str) else ""


def _named(request: httpx.Request) -> str:
    return f"{request.method} {_short(request.url.path)}"


def _short(path: str) -> str:
    return one_line(httpx.URL(path).path, 150)


def _said(error: httpx.HTTPError) -> str:
    return one_line(f"{type(error).__name__}: {error}".rstrip(": "), 200)


def _same_origin(first: httpx.URL, second: httpx.URL) -> bool:
    return (first.scheme, first.host, first.port) == (second.scheme, second.host, second.port)
