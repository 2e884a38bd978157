"""Requests to a JSON service: tried again within bounds, each failure one message."""

from __future__ import annotations

import contextlib
import io
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from pytest_mlops.errors import HttpError, SerializationError
from pytest_mlops.strict_json import parse_json
from pytest_mlops.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO, Self

__all__ = ["ATTEMPTS", "LONGEST_WAIT", "MAX_ANSWER", "NOT_JSON", "HttpAnswer", "JsonClient", "timeouts"]

ATTEMPTS = 4
LONGEST_WAIT = 60.0
"""Seconds; a request is given up where the server asks for more."""

MAX_ANSWER = 32 * 1024 * 1024
"""Bytes of an answer that is kept in memory."""

BUSY = frozenset({429, 502, 503, 504})
SHOWN = 300
"""Characters of what others write that a message shows."""

NOT_JSON = object()


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpAnswer:
    """An answer that was read to its end.

    Attributes:
        body: Empty where it went into a file.
        following: Address of the next page of a list.
    """

    status: int
    headers: httpx.Headers
    body: bytes
    following: str | None

    @property
    def is_success(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300

    @property
    def asked_wait(self) -> float | None:
        """Seconds that the server asks to wait; ``None`` where it does not ask."""
        return _seconds(self.headers.get("retry-after"))

    @property
    def limits_rate(self) -> bool:
        """Whether the server refuses for the number of requests, which GitHub does with 403 too."""
        exhausted = self.headers.get("x-ratelimit-remaining") == "0"
        return self.status == 429 or (self.status == 403 and (exhausted or "retry-after" in self.headers))

    def json(self) -> Any:
        """Return the value of the body; ``NOT_JSON`` where it is something else."""
        try:
            return parse_json(self.body)
        except SerializationError:
            return NOT_JSON

    def wait(self, attempt: int, now: float) -> float:
        """Return the seconds until the next attempt: those that the server asks for, or else ever more.

        Args:
            attempt: Of this answer, from 1.
            now: Seconds since 1970, which rate limits are stated in.
        """
        if self.asked_wait is not None:
            return self.asked_wait
        reset = _seconds(self.headers.get("x-ratelimit-reset"))
        if reset is not None and self.headers.get("x-ratelimit-remaining") == "0":
            return max(1.0, reset - now)
        return _backoff(attempt)


@dataclass(frozen=True, kw_only=True, slots=True)
class JsonClient:
    """A client of one service; close it, or use it as a context.

    Attributes:
        service: What messages call it.
        client: Carries the requests; its base address and headers are set.
        secrets: What must not stand in any message.
        rejecting: Statuses that mean that nothing was done, so that any request may be repeated.
        sleep: Waits a number of seconds.
        clock: Seconds since 1970.
    """

    service: str
    client: httpx.Client = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    rejecting: frozenset[int] = frozenset({429})
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    clock: Callable[[], float] = field(default=time.time, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def send(
        self,
        request: httpx.Request,
        *,
        repeatable: bool = True,
        attempts: int = ATTEMPTS,
        into: BinaryIO | None = None,
        most: int = MAX_ANSWER,
    ) -> HttpAnswer:
        """Send a request until it is answered, as often and as late as is worth it.

        Args:
            request: Built by ``client``.
            repeatable: Whether it does no harm to carry it out twice.
            attempts: 1 where the body can be read only once.
            into: Takes the body of an answer with status 200, from its position on.
            most: Bytes of that body at the most.

        Raises:
            HttpError: no whole answer came; ``unclear`` is set where the request may have been carried out.
        """
        start = into.tell() if into is not None else 0
        for attempt in range(1, attempts + 1):
            wait = _backoff(attempt)
            if into is not None:
                into.seek(start)
                into.truncate()
            try:
                answer = self._once(request, into, most)
            except httpx.HTTPError as error:
                # Without a connection nothing was sent, so that nothing can have been done.
                unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if attempt == attempts or not (repeatable or unsent):
                    raise self._unanswered(request, error, unclear=not (repeatable or unsent)) from error
            else:
                wait = answer.wait(attempt, self.clock())
                if (
                    attempt == attempts
                    or wait > LONGEST_WAIT
                    or not self._may_repeat(answer, repeatable=repeatable)
                ):
                    return answer
            self.sleep(wait)
        raise AssertionError("the last attempt returns or raises")  # pragma: no cover

    def is_unclear(self, answer: HttpAnswer, *, repeatable: bool) -> bool:
        """Return whether a request that was refused may have been carried out all the same."""
        return answer.status in BUSY - self.rejecting and not repeatable

    def clean(self, text: str, limit: int = SHOWN) -> str:
        """Return what others wrote on one line, without what is secret."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return one_line(text, limit)

    def _may_repeat(self, answer: HttpAnswer, *, repeatable: bool) -> bool:
        nothing_done = answer.status in self.rejecting or answer.limits_rate
        return nothing_done or (repeatable and answer.status in BUSY)

    def _once(self, request: httpx.Request, into: BinaryIO | None, most: int) -> HttpAnswer:
        with contextlib.closing(self.client.send(request, stream=True)) as response:
            memory = io.BytesIO()
            if into is not None and response.status_code == httpx.codes.OK:
                self._copy(response, into, most)
            else:
                self._copy(response, memory, MAX_ANSWER)
            return HttpAnswer(
                status=response.status_code,
                headers=response.headers,
                body=memory.getvalue(),
                following=response.links.get("next", {}).get("url"),
            )

    def _copy(self, response: httpx.Response, target: BinaryIO, most: int) -> None:
        size = 0
        for part in response.iter_bytes():
            size += len(part)
            if size > most:
                what = describe(response.request)
                raise HttpError(f"the answer of {self.service} to {what} has more than {most:,} bytes")
            target.write(part)

    def _unanswered(self, request: httpx.Request, error: httpx.HTTPError, *, unclear: bool) -> HttpError:
        cause = self.clean(f"{type(error).__name__}: {error}".rstrip(": "))
        return HttpError(
            f"{self.service} did not answer {describe(request)} to the end: {cause}; "
            "check that it runs and can be reached",
            unclear=unclear,
        )


def describe(request: httpx.Request) -> str:
    """Return method and path, without a query, which may hold what is secret."""
    return f"{request.method} {one_line(request.url.path, 150)}"


def timeouts(seconds: float = 30.0) -> httpx.Timeout:
    """Return how long to wait for each part of an answer; a connection must be there within ten seconds."""
    return httpx.Timeout(seconds, connect=10.0)


def _backoff(attempt: int) -> float:
    return 2.0 ** (attempt - 1)


def _seconds(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
