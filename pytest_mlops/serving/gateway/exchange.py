"""One request with its answer on their way through the gateway."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_mlops.serving.gateway.router import ReplicaPool
    from pytest_mlops.serving.gateway.upstream import Upstream

__all__ = ["Captured", "Exchange"]


@dataclass(kw_only=True, slots=True)
class Captured:
    """The beginning of a body.

    Attributes:
        limit: Bytes that are kept.
        size: Bytes that went by.
    """

    limit: int
    size: int = 0
    _parts: list[bytes] = field(default_factory=list)

    def add(self, data: bytes) -> None:
        """Keep what is below the limit."""
        room = self.limit - self.size
        self.size += len(data)
        if room > 0:
            self._parts.append(data if len(data) <= room else data[:room])

    def whole(self) -> bytes | None:
        """Return the body; ``None`` where there was more than is kept."""
        return None if self.size > self.limit else self._joined()

    def beginning(self, size: int) -> tuple[bytes, bool]:
        """Return at most ``size`` bytes of it, and whether there was more."""
        data = self._joined()
        return (data if len(data) <= size else data[:size]), self.size > min(size, self.limit)

    def _joined(self) -> bytes:
        if len(self._parts) > 1:
            self._parts = [b"".join(self._parts)]
        return self._parts[0] if self._parts else b""


@dataclass(kw_only=True, slots=True)
class Exchange:
    """A request that goes to a deployment.

    Attributes:
        request_id: Its id.
        method: Its method.
        target: Path and query.
        content_type: Of the request.
        pool: The deployment that it went to.
        shadow: Whether it is a copy.
        request: Body of the request.
        response: Body of the answer.
        upstream: The replica that was asked last.
        status: Of the answer; 0 for none.
        whole: Whether all of the answer came.
        excused: Whether the client left while the answer came; that is no fault of the replica's.
        void: Whether the client never sent all of it, so that it is no evidence about the deployment.
        began: When it was sent, on the clock of the day; nanoseconds.
        started: The same on the clock that only counts.
    """

    request_id: str
    method: str
    target: str
    content_type: str
    pool: ReplicaPool
    request: Captured
    response: Captured
    shadow: bool = False
    upstream: Upstream | None = None
    status: int = 0
    whole: bool = False
    excused: bool = False
    void: bool = False
    began: int = field(default_factory=time.time_ns)
    started: float = field(default_factory=time.perf_counter)

    def milliseconds(self) -> float:
        """Return the time since it was sent."""
        return (time.perf_counter() - self.started) * 1000

    @property
    def failed(self) -> bool:
        """Whether it is an error: an answer of 500 and above, or none that is whole."""
        return self.status >= 500 or not (self.whole or self.excused)
