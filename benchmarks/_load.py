"""Load on a local HTTP server: as much as it takes, or so many requests a second whatever it takes."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Load", "Request", "saturate", "steady"]

_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What is asked again and again: a POST of JSON to a local port."""

    port: int
    path: str
    body: bytes

    def bytes(self) -> bytes:
        """Return it as it goes over the connection."""
        head = f"POST {self.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(self.body)}\r\n\r\n".encode() + self.body


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What came of it; latencies in milliseconds."""

    per_second: float
    median: float
    p99: float
    failed: int


def saturate(request: Request, *, seconds: float, connections: int) -> Load:
    """Ask on so many connections as fast as answers come; with ``wrk`` where it is installed."""
    if shutil.which("wrk") is not None:
        return _wrk(request, seconds=seconds, connections=connections)
    return asyncio.run(_closed(request, seconds=seconds, connections=connections))


def steady(request: Request, *, seconds: float, rate: float) -> Load:
    """Ask at fixed times; a latency counts from when a request was due, not from when it could be sent."""
    return asyncio.run(_open(request, seconds=seconds, rate=rate))


def _wrk(request: Request, *, seconds: float, connections: int) -> Load:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "post.lua"
        script.write_text(
            'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
            f"wrk.body = [==[{request.body.decode()}]==]\n",
            encoding="utf-8",
        )
        command = [
            "wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", "-s", str(script),
            f"http://127.0.0.1:{request.port}{request.path}",
        ]  # fmt: skip
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    failed = sum(int(n) for n in re.findall(r"Non-2xx or 3xx responses: (\d+)", said))
    for errors in re.findall(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said):
        failed += sum(map(int, errors))
    return Load(
        per_second=float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0]),
        median=_latency(said, "50"),
        p99=_latency(said, "99"),
        failed=failed,
    )


def _latency(said: str, percent: str) -> float:
    number, unit = re.findall(rf"{percent}%\s+([\d.]+)(us|ms|s|m)\b", said)[0]
    return float(number) * _UNITS[unit]


class _Client:
    """One kept connection."""

    def __init__(self, request: Request) -> None:
        self._port = request.port
        self._data = request.bytes()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> bool:
        """Ask once and return whether the answer was good."""
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            writer.write(self._data)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            await reader.readexactly(int(length[1]) if length is not None else 0)
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return False
        return head.startswith(b"HTTP/1.1 2")

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


async def _closed(request: Request, *, seconds: float, connections: int) -> Load:
    latencies: list[float] = []
    failed = 0
    end = time.perf_counter() + seconds

    async def ask() -> None:
        nonlocal failed
        client = _Client(request)
        while (began := time.perf_counter()) < end:
            failed += not await client.ask()
            latencies.append(time.perf_counter() - began)
        client.close()

    await asyncio.gather(*(ask() for _ in range(connections)))
    return _summary(latencies, seconds=seconds, failed=failed)


async def _open(request: Request, *, seconds: float, rate: float) -> Load:
    latencies: list[float] = []
    idle: list[_Client] = []
    failed = 0

    async def ask(due: float) -> None:
        nonlocal failed
        client = idle.pop() if idle else _Client(request)
        failed += not await client.ask()
        latencies.append(time.perf_counter() - due)
        idle.append(client)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(seconds * rate)):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(ask(due))
    for client in idle:
        client.close()
    return _summary(latencies, seconds=seconds, failed=failed)


def _summary(latencies: list[float], *, seconds: float, failed: int) -> Load:
    ordered = sorted(latencies)
    return Load(
        per_second=len(ordered) / seconds,
        median=ordered[len(ordered) // 2] * 1000,
        p99=ordered[int(len(ordered) * 0.99)] * 1000,
        failed=failed,
    )
