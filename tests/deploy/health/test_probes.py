"""Every kind of probe against every way in which a service can be well, or not."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from pytest_mlops.deploy.health.endpoint import NOWHERE, Endpoint
from pytest_mlops.deploy.health.engine import check_health, make_client, probe_once
from pytest_mlops.errors import InvalidHealthCheck
from pytest_mlops.records.health import HealthCheck, HealthCheckType, HealthState
from tests.deploy.health.conftest import answering, endless, hanging, http_answer, served

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from pytest_mlops.deploy.health.engine import Probed
    from pytest_mlops.records.health import HealthStatus

OK = http_answer("200 OK", b'{"risk": 0.5}')
ASK = {"body": '{"x": 1}', "expect": '{"risk": 0.5}'}


def check(kind: str, endpoint: str | None = None, **changes: Any) -> HealthCheck:
    fields: dict[str, Any] = {
        "name": "it",
        "check_type": HealthCheckType(kind),
        "endpoint": endpoint or ("{host}:{port}" if kind == "tcp" else "{url}/health"),
        "timeout": 1.0,
        "interval": 0.02,
        "failure_threshold": 2,
    }
    if kind == "prediction":
        fields |= ASK
    return HealthCheck(**{**fields, **changes})


def probe(made: HealthCheck, endpoint: Endpoint) -> Probed:
    return asyncio.run(_probe(made, endpoint))


async def _probe(made: HealthCheck, endpoint: Endpoint) -> Probed:
    async with make_client() as client:
        return await probe_once(made, endpoint, client)


def against(made: HealthCheck, handler: Any, *, tls: ssl.SSLContext | None = None) -> Probed:
    async def run() -> Probed:
        async with served(handler, tls=tls) as endpoint:
            return await _probe(made, endpoint)

    return asyncio.run(run())


def judged(made: HealthCheck, handler: Any, *, seconds: float = 5.0) -> HealthStatus:
    async def run() -> HealthStatus:
        async with served(handler) as endpoint:
            return await check_health([made], [endpoint], seconds=seconds)

    return asyncio.run(run())


NETWORK = ["http", "tcp", "prediction"]
OVER_HTTP = ["http", "prediction"]


@pytest.mark.parametrize("kind", NETWORK)
def test_a_service_that_is_well(kind: str) -> None:
    found = against(check(kind), answering(OK))
    assert found.ok, found.message


@pytest.mark.parametrize("kind", NETWORK)
def test_one_that_refuses(kind: str, refused: Endpoint) -> None:
    found = probe(check(kind), refused)
    assert not found.ok
    assert "no answer" in found.message or "takes no connection" in found.message


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_one_that_hangs_is_given_its_time_and_no_more(kind: str) -> None:
    begun = time.monotonic()
    found = against(check(kind, timeout=0.3), hanging)
    assert (found.ok, found.message) == (False, "no answer within 0.3 s")
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("kind", NETWORK)
def test_a_name_that_is_none(kind: str) -> None:
    place = "nowhere.invalid:80" if kind == "tcp" else "http://nowhere.invalid/health"
    assert not probe(check(kind, place), NOWHERE).ok


@pytest.mark.parametrize("kind", NETWORK)
def test_a_resolver_that_hangs_is_given_its_time_and_no_more(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    def never(*_: object, **__: object) -> None:
        time.sleep(1.0)
        raise OSError("the resolver gave up")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    place = "slow.invalid:80" if kind == "tcp" else "http://slow.invalid/health"

    async def timed() -> tuple[Probed, float]:
        begun = time.monotonic()
        return await _probe(check(kind, place, timeout=0.2), NOWHERE), time.monotonic() - begun

    found, took = asyncio.run(timed())
    assert not found.ok
    assert took < 0.9


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "302 Found", "399 Odd"])
def test_http_from_200_to_399_is_healthy(status: str) -> None:
    body = b"" if status.startswith("204") else b"{}"
    assert against(check("http"), answering(http_answer(status, body))).ok


@pytest.mark.parametrize("status", ["400 Bad", "401 No", "404 Not Found", "500 Broken", "503 Busy"])
@pytest.mark.parametrize("kind", OVER_HTTP)
def test_another_status_is_not(kind: str, status: str) -> None:
    found = against(check(kind), answering(http_answer(status)))
    assert not found.ok
    assert f"answered {status[:3]}" in found.message


def test_http_does_not_read_a_body_without_end() -> None:
    begun = time.monotonic()
    assert against(check("http", timeout=5.0), endless).ok
    assert time.monotonic() - begun < 4


def test_a_prediction_reads_only_so_much_of_a_body() -> None:
    found = against(check("prediction", timeout=20.0), endless)
    assert not found.ok
    assert "more than 1,048,576 bytes" in found.message


def test_a_redirect_is_not_followed_so_none_goes_round_in_circles() -> None:
    requests = []

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(http_answer("302 Found", headers="location: /health\r\n"))
        await writer.drain()

    assert against(check("http"), redirect).ok
    assert len(requests) == 1
    found = against(check("prediction"), redirect)
    assert not found.ok
    assert "answered 302" in found.message


def test_a_certificate_that_nobody_signed_is_no_health(self_signed: ssl.SSLContext) -> None:
    for kind in OVER_HTTP:
        found = against(check(kind, "https://localhost:{port}/health"), answering(OK), tls=self_signed)
        assert not found.ok
        assert "certificate" in found.message.lower()


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_something_that_is_no_http(kind: str) -> None:
    assert not against(check(kind), answering(b"SSH-2.0-OpenSSH\r\n")).ok


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_a_slow_start_is_waited_for(kind: str) -> None:
    bad = http_answer("503 Starting")
    status = judged(check(kind, start_period=5.0), answering(bad, bad, bad, bad, OK))
    assert status.is_healthy
    assert (status.checks[0].successes, status.checks[0].probes) == (1, 1)


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_one_that_flaps_is_neither_until_it_is_one_of_them(kind: str) -> None:
    bad = http_answer("500 Broken")
    steady = judged(check(kind, success_threshold=2), answering(bad, OK, bad, OK, OK))
    assert steady.is_healthy
    down = judged(check(kind, success_threshold=2), answering(OK, bad, OK, bad, bad))
    assert down.state is HealthState.UNHEALTHY


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b'{"risk": 0.6}', "the answer.risk is 0.6, expected 0.5"),
        (b'{"risk": "0.5"}', "the answer.risk is text, expected a number"),
        (b'{"risk": NaN}', "NaN is no number"),
        (b'{"risk": 0.5, "more": 1}', "the answer.more is there"),
        (b"{}", "the answer.risk is missing"),
        (b"[0.5]", "the answer is a list, expected an object"),
        (b"no json", "something else"),
        (b'{"risk": true}', "the answer.risk is true or false, expected a number"),
    ],
)
def test_another_answer_is_no_health(answer: bytes, words: str) -> None:
    found = against(check("prediction"), answering(http_answer("200 OK", answer)))
    assert not found.ok
    assert words in found.message


def test_an_answer_within_the_tolerance_is() -> None:
    near = answering(http_answer("200 OK", b'{"risk": 0.5004}'))
    assert against(check("prediction", tolerance=0.001), near).ok
    assert not against(check("prediction", tolerance=0.0001), near).ok


def command(*argv: str, **changes: Any) -> HealthCheck:
    made = check("tcp", "{host}:{port}", timeout=5.0).model_dump()
    kind = {"check_type": HealthCheckType.COMMAND, "endpoint": None, "command": argv}
    return HealthCheck(**{**made, **kind, **changes})


def test_a_command_that_exits_with_0_is_healthy() -> None:
    assert probe(command(sys.executable, "-c", "pass"), NOWHERE).ok


def test_one_that_exits_otherwise_is_not_and_its_last_words_are_told() -> None:
    found = probe(command(sys.executable, "-c", "import sys; sys.exit('disk is full')"), NOWHERE)
    assert not found.ok
    assert found.message.endswith("exited with 1: disk is full")


def test_one_that_dies_of_a_signal_is_not() -> None:
    assert not probe(command(sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"), NOWHERE).ok


def test_one_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time; "
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid)); time.sleep(60)"
    )
    found = probe(command(sys.executable, "-c", script, timeout=3.0), NOWHERE)
    assert (found.ok, found.message) == (False, "no answer within 3 s")
    child = int((tmp_path / "pid").read_text(encoding="utf-8"))
    deadline = time.monotonic() + 5
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_no_shell_reads_a_command(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    assert probe(command(sys.executable, "-c", "pass", f"; touch {marker}", "$(id)"), NOWHERE).ok
    assert not marker.exists()


def test_one_that_prints_without_end_is_bounded() -> None:
    script = "import sys\nfor _ in range(3000): sys.stdout.write('x' * 10000)\nsys.exit(1)"
    found = probe(command(sys.executable, "-c", script, timeout=30.0), NOWHERE)
    assert not found.ok
    assert len(found.message) < 600


def test_a_program_that_is_not_there_is_a_mistake_and_no_health() -> None:
    with pytest.raises(InvalidHealthCheck, match="cannot run '/no/such/program'"):
        probe(command("/no/such/program"), NOWHERE)


@pytest.fixture
def custom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = """
        import asyncio, time
        def well(): return True
        def knows(host, port): return (host, port) == ("127.0.0.1", 8000)
        async def later(): await asyncio.sleep(0.01); return True
        def nothing(): pass
        def truthy(): return 1
        def raises(): raise RuntimeError("no connection to the features")
        def exits(): raise SystemExit(0)
        def hangs(): time.sleep(60)
        def kills():
            import os
            os._exit(0)
        number = 7
        """
    (tmp_path / "house_checks.py").write_text(textwrap.dedent(text), encoding="utf-8")
    (tmp_path / "broken_checks.py").write_text("import no_such_module\n", encoding="utf-8")


def custom_check(path: str, **changes: Any) -> HealthCheck:
    return check("custom", path, **{"timeout": 20.0, **changes})


@pytest.mark.usefixtures("custom")
@pytest.mark.parametrize("name", ["well", "later", "knows"])
def test_a_function_that_says_true_is_healthy(name: str) -> None:
    found = probe(custom_check(f"house_checks:{name}"), Endpoint(host="127.0.0.1", port=8000))
    assert found.ok, found.message


@pytest.mark.usefixtures("custom")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing", "returned None; only True is healthy"),
        ("truthy", "returned 1; only True is healthy"),
        ("raises", "no connection to the features"),
        ("exits", "SystemExit"),
        ("kills", "ended with 0"),
    ],
)
def test_whatever_else_a_function_does_is_not(name: str, words: str) -> None:
    found = probe(custom_check(f"house_checks:{name}"), NOWHERE)
    assert not found.ok
    assert words in found.message


@pytest.mark.usefixtures("custom")
def test_a_function_that_hangs_is_ended() -> None:
    found = probe(custom_check("house_checks:hangs", timeout=2.0), NOWHERE)
    assert (found.ok, found.message) == (False, "no answer within 2 s")


@pytest.mark.usefixtures("custom")
@pytest.mark.parametrize(
    "path", ["house_checks:missing", "broken_checks:it", "no_such_checks:it", "house_checks:number"]
)
def test_a_function_that_cannot_be_had_is_a_mistake_and_no_health(path: str) -> None:
    with pytest.raises(InvalidHealthCheck, match="cannot be imported"):
        probe(custom_check(path), NOWHERE)


@pytest.mark.parametrize("path", ["os.system", "os:system('id')", "a b:c", ":it", "mod:"])
def test_what_is_no_import_path_is_a_mistake(path: str) -> None:
    with pytest.raises(InvalidHealthCheck, match="no import path"):
        probe(custom_check(path), NOWHERE)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (check("http", "ftp://host/x"), "no URL of http"),
        (check("http", "http://"), "no URL of http"),
        (check("http", "{url}/x"), "has none"),
        (check("tcp", "host"), "expected host:port"),
        (check("tcp", "host:99999"), "expected host:port"),
        (check("prediction", "http://127.0.0.1:1/", expect="{"), "have to be JSON"),
    ],
)
def test_what_cannot_be_carried_out_is_a_mistake(made: HealthCheck, words: str) -> None:
    with pytest.raises(InvalidHealthCheck, match=words):
        probe(made, NOWHERE)


@pytest.mark.slow
def test_five_hundred_endpoints_take_as_long_as_the_slowest() -> None:
    """Within 1.5 times the timeout of those that hang."""
    timeout = 6.0
    made = check("http", timeout=timeout, failure_threshold=1)

    async def run() -> tuple[HealthStatus, float]:
        async with contextlib.AsyncExitStack() as stack:
            well = [await stack.enter_async_context(served(answering(OK))) for _ in range(400)]
            hung = [await stack.enter_async_context(served(hanging)) for _ in range(100)]
            begun = time.monotonic()
            status = await check_health([made], [*well, *hung], seconds=60.0)
            return status, time.monotonic() - begun

    status, took = asyncio.run(run())
    assert took < 1.5 * timeout
    states = [outcome.state for outcome in status.checks]
    assert (states.count(HealthState.HEALTHY), states.count(HealthState.UNHEALTHY)) == (400, 100)
    assert not status.is_healthy


def test_probing_leaves_nothing_behind(refused: Endpoint) -> None:
    async def run() -> None:
        async with served(answering(OK)) as well, served(hanging) as hung:
            for _ in range(40):
                for kind in NETWORK:
                    for endpoint in (well, hung, refused):
                        await _probe(check(kind, timeout=0.02), endpoint)
            await _probe(command(sys.executable, "-c", "pass"), NOWHERE)
            assert len(asyncio.all_tasks()) < 20

    asyncio.run(run())
    gc.collect()
    before = psutil.Process().num_fds()
    asyncio.run(run())
    gc.collect()
    assert psutil.Process().num_fds() <= before + 2
    assert [child for child in psutil.Process().children() if child.status() == psutil.STATUS_ZOMBIE] == []
