"""How long one health verdict over many endpoints takes, next to the timeout of its slowest probe.

``python -m benchmarks.health_cost`` probes 500 endpoints at once: a third answer 200, a third 503, a third
never answer. What hangs takes its timeout; all the others have to fit beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time

from benchmarks._limits import Finding, report
from pytest_mlops.records.health import HealthCheck, HealthCheckType
from pytest_mlops.serving.health.engine import check_health
from pytest_mlops.serving.health.probe import Endpoint

ENDPOINTS = 500
TIMEOUT = 4.0
RATIO = 1.5


def main(argv: list[str] | None = None) -> int:
    """Measure, print the table, return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.health_cost", description="Cost of a verdict."
    )
    parser.add_argument("--rounds", type=int, default=3, help="measured rounds (default: 3)")
    options = parser.parse_args(argv)
    took = [asyncio.run(_round()) / TIMEOUT for _ in range(options.rounds)]
    return report([
        Finding(
            what=f"verdict over {ENDPOINTS} endpoints / timeout of {TIMEOUT:g} s",
            value=statistics.median(took),
            low=min(took),
            high=max(took),
            limit=RATIO,
        )
    ])  # fmt: skip


async def _round() -> float:
    """Return the seconds of one verdict."""
    servers = [await asyncio.start_server(each, "127.0.0.1", 0, backlog=1024) for each in (_ok, _bad, _hang)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    endpoints = [Endpoint(host="127.0.0.1", port=ports[index % len(ports)]) for index in range(ENDPOINTS)]
    check = HealthCheck(
        name="ready",
        check_type=HealthCheckType.HTTP,
        endpoint="{url}/",
        timeout=TIMEOUT,
        failure_threshold=1,
    )
    start = time.monotonic()
    status = await check_health([check], endpoints, seconds=10 * TIMEOUT)
    seconds = time.monotonic() - start
    for server in servers:
        server.close()
    well = sum(each.state == "healthy" for each in status.checks)
    if well != sum(index % len(ports) == 0 for index in range(ENDPOINTS)):
        raise RuntimeError(f"{well} of {ENDPOINTS} endpoints are healthy; expected a third")
    return seconds


async def _ok(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _answer(reader, writer, b"200 OK")


async def _bad(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _answer(reader, writer, b"503 Service Unavailable")


async def _hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: bytes) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 %b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
    writer.close()


if __name__ == "__main__":
    sys.exit(main())
