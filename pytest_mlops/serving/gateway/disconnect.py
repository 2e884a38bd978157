"""Watch for clients that leave before they have their answer, so that nobody works on for them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_mlops.serving.gateway.asgi import Receive
    from pytest_mlops.serving.gateway.incoming import Body

__all__ = ["DepartureWatch"]

# Most answers are there before; for them the watch costs a timer and no task.
_AFTER = 0.02


class DepartureWatch:
    """Cancels the task that it is made in when the client leaves.

    Args:
        receive: Says so.
        body: Is received first.

    Attributes:
        left: Whether the client left.
    """

    def __init__(self, receive: Receive, body: Body) -> None:
        self.left = False
        self._receive = receive
        self._body = body
        self._working = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(_AFTER, self._begin)
        self._watching: asyncio.Task[None] | None = None

    def _begin(self) -> None:
        if self._body.finished:
            self._watching = self._loop.create_task(self._watch())
        else:
            self._timer = self._loop.call_later(_AFTER, self._begin)

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.left = True
        if self._working is not None:
            self._working.cancel()

    def end(self) -> None:
        """Watch no more."""
        self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()
