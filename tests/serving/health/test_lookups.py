"""Names are looked up without holding up what asks for other names."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.serving.health.engine import check_health, probe_once
from pytest_mlops.serving.health.lookups import run_probes
from pytest_mlops.serving.health.probe import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_mlops.records.health import HealthCheck
    from pytest_mlops.serving.health.engine import Probed
    from tests.serving.health.conftest import Farm


NOWHERE = Endpoint()


def probe(check: HealthCheck, endpoint: Endpoint = NOWHERE) -> Probed:
    async def once() -> Probed:
        return await probe_once(check, endpoint)

    return run_probes(once())


@pytest.fixture
def stuck_resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Names with ``stuck`` in them are looked up until the test is over."""
    over, real = threading.Event(), socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        if "stuck" in str(host):
            over.wait(600)
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield over
    over.set()


def test_resolver_that_hangs_holds_up_neither_other_names_nor_the_verdict(
    farm: Farm, make_check: Callable[..., HealthCheck], stuck_resolver: threading.Event
) -> None:
    service = farm.http(200)
    stuck = [
        make_check(kind, name=f"{kind} {number}", endpoint=address, timeout=0.5, failure_threshold=1)
        for number in range(40)
        for kind, address in (("tcp", f"stuck{number}.invalid:1"), ("http", f"http://stuck{number}.invalid/"))
    ]
    well = make_check("tcp", name="well", endpoint=f"localhost:{service.port}")
    started_at = time.monotonic()
    status = run_probes(check_health([*stuck, well], [NOWHERE], seconds=30))
    assert time.monotonic() - started_at < 60
    assert [check.name for check in status.checks if check.state == "healthy"] == ["well"]
    assert {check.message for check in status.checks[:-1]} == {"no response within 0.5 s"}


def test_one_name_is_looked_up_once_at_a_time(
    make_check: Callable[..., HealthCheck], stuck_resolver: threading.Event
) -> None:
    before = threading.active_count()

    async def many() -> int:
        check = make_check("tcp", endpoint="stuck.invalid:1", timeout=0.4)
        probes = [asyncio.create_task(probe_once(check, NOWHERE)) for _ in range(50)]
        await asyncio.sleep(0.2)
        threads = threading.active_count()
        await asyncio.gather(*probes)
        return threads

    assert run_probes(many()) - before == 1


def test_name_that_cannot_be_encoded_is_not_healthy(make_check: Callable[..., HealthCheck]) -> None:
    assert not probe(make_check("tcp", endpoint="a" * 300 + ".invalid:1")).ok
