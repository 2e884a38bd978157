"""Event loop of probes: a name whose lookup hangs holds up no other probe, nor the end of the program."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["ProbeLoop", "run_probes"]

T = TypeVar("T")


class ProbeLoop(asyncio.SelectorEventLoop):
    """Looks each name up in a thread of its own, which is abandoned when time is up.

    asyncio has a few threads for all lookups, whose end it waits for: a resolver that does not answer would
    let probes of other names time out, and hold up the verdict past its deadline.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lookups: dict[tuple[Any, ...], asyncio.Future[list[Any]]] = {}

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 -- asyncio's name
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """Look a name up; the same one only once at a time."""
        asked = (host, port, family, type, proto, flags)
        found = self._lookups.get(asked)
        if found is None:
            found = self.create_future()
            thread = threading.Thread(target=self._look_up, args=(asked, found), name="lookup", daemon=True)
            thread.start()
            self._lookups[asked] = found
        return await asyncio.shield(found)

    def _look_up(self, asked: tuple[Any, ...], found: asyncio.Future[list[Any]]) -> None:
        answer: list[Any] | Exception
        try:
            answer = list(socket.getaddrinfo(*asked))
        except (OSError, ValueError) as error:  # a name that cannot be encoded is a ValueError
            answer = error
        with contextlib.suppress(RuntimeError):  # the loop is closed, and no task waits any more
            self.call_soon_threadsafe(self._answer, asked, found, answer)

    def _answer(
        self, asked: tuple[Any, ...], found: asyncio.Future[list[Any]], answer: list[Any] | Exception
    ) -> None:
        self._lookups.pop(asked, None)
        if isinstance(answer, list):
            found.set_result(answer)
        else:
            found.set_exception(answer)
            found.exception()  # it counts as seen, whether or not a task still waits


def run_probes(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run probes to their end, as ``asyncio.run`` would."""
    with asyncio.Runner(loop_factory=ProbeLoop) as runner:
        return runner.run(coroutine)
