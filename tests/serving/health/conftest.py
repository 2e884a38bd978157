"""Real endpoints that behave and misbehave: sockets on loopback, served from a thread of their own."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pytest_mlops.records.health import HealthCheck
from pytest_mlops.serving.health.probe import Endpoint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator
    from pathlib import Path

LOOPBACK = "127.0.0.1"


@dataclass(kw_only=True)
class Service:
    """One listening endpoint.

    Attributes:
        port: Its port on loopback.
        requests: What was asked, the first line of each request.
        raw: Each request's head and, of a POST, its body.
    """

    port: int
    requests: list[str] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(host=LOOPBACK, port=self.port)


class Farm:
    """Starts services, and ends them all."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._servers: list[asyncio.Server] = []
        self._sockets: list[socket.socket] = []
        self._timers: list[threading.Timer] = []

    def http(self, *statuses: int, body: bytes = b"ok", headers: str = "", **options: Any) -> Service:
        """Answer each request with the next status, over and over."""

        async def answer(
            service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            status = statuses[(len(service.requests) - 1) % len(statuses)]
            head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{headers}Connection: close\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()

        return self.custom(answer, **options)

    def hang(self) -> Service:
        """Take the request, and never answer."""

        async def answer(
            service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await reader.read()  # to its end, when the client has gone

        return self.custom(answer)

    def endless(self) -> Service:
        """Answer 200 with a body that has no end."""

        async def answer(
            service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()

        return self.custom(answer)

    def drip(self, data: bytes) -> Service:
        """Answer ``data`` over and over, a piece every 20 ms."""

        async def answer(
            service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            while True:
                writer.write(data)
                await writer.drain()
                await asyncio.sleep(0.02)

        return self.custom(answer)

    def raw(self, data: bytes) -> Service:
        """Answer exactly this, and close."""

        async def answer(
            service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            writer.write(data)
            await writer.drain()

        return self.custom(answer)

    def refuse(self) -> Service:
        """Hold a port that nothing listens on."""
        return Service(port=self._bound().getsockname()[1])

    def full(self) -> Service:
        """Listen with a queue that is full, so that a connection is neither taken nor refused."""
        listening = self._bound()
        listening.listen(0)
        for _ in range(3):
            waiting = socket.socket()
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listening.getsockname())
            self._sockets.append(waiting)
        return Service(port=listening.getsockname()[1])

    def custom(
        self,
        answer: Callable[[Service, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
        *,
        after: float = 0.0,
        tls: ssl.SSLContext | None = None,
    ) -> Service:
        """Serve; with ``after`` the port refuses for so many seconds first."""
        bound = self._bound()
        service = Service(port=bound.getsockname()[1])

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            try:
                request = await reader.readuntil(b"\r\n\r\n")
                for line in request.lower().splitlines():
                    if line.startswith(b"content-length:"):
                        request += await reader.readexactly(int(line.split(b":")[1]))
                service.requests.append(request.splitlines()[0].decode())
                service.raw.append(request)
                await answer(service, reader, writer)
                writer.close()
                await writer.wait_closed()
            except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass  # the client is gone, or the test is over
            finally:
                writer.transport.abort()

        async def start() -> None:
            patience = None if tls is None else 2.0
            listening = await asyncio.start_server(
                handle, sock=bound, ssl=tls, backlog=1024, ssl_handshake_timeout=patience
            )
            self._servers.append(listening)

        if after:
            timer = threading.Timer(after, self._run, [start])
            self._timers.append(timer)
            timer.start()
        else:
            self._run(start)
        return service

    @property
    def busy(self) -> int:
        """Requests that are being answered."""
        return len(self._tasks)

    def close(self) -> None:
        for timer in self._timers:
            timer.join()
        self._run(self._end)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        for each in self._sockets:
            each.close()

    async def _end(self) -> None:
        # Who connected a moment ago gets to a handler; one accepted while a server closes is left behind.
        await asyncio.sleep(0.05)
        for server in self._servers:
            server.close()
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.sleep(0.01)
        for server in self._servers:  # handshakes that no client continues
            await self._wait_closed(server)

    async def _wait_closed(self, server: asyncio.Server) -> None:
        """Wait until none of a server's connections is left, which Python 3.11's own way does not."""
        if sys.version_info >= (3, 12):
            await server.wait_closed()
        while vars(server).get("_active_count"):
            await asyncio.sleep(0.01)

    def _bound(self) -> socket.socket:
        bound = socket.socket()
        bound.bind((LOOPBACK, 0))
        self._sockets.append(bound)
        return bound

    def _run(self, start: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run_coroutine_threadsafe(start(), self._loop).result(10)


@pytest.fixture
def farm() -> Iterator[Farm]:
    opened = Farm()
    yield opened
    opened.close()


@pytest.fixture
def refused(farm: Farm) -> Endpoint:
    """An address where nothing listens."""
    return farm.refuse().endpoint


@pytest.fixture(scope="session")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """TLS with a certificate that no authority signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    folder: Path = tmp_path_factory.mktemp("tls")
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


@pytest.fixture
def make_check() -> Callable[..., HealthCheck]:
    """Return checks that are decided soon."""

    def make(kind: str, **fields: Any) -> HealthCheck:
        defaults: dict[str, Any] = {
            "name": "probe",
            "interval": 0.02,
            "timeout": 10.0,
            "failure_threshold": 2,
        }
        if kind == "command":
            defaults["command"] = ("true",)
        else:
            defaults["endpoint"] = "{host}:{port}" if kind == "tcp" else "{url}/health"
        if kind == "prediction":
            defaults |= {"body": '{"x": [1, 2]}', "expect": '{"y": 0.5}'}
        return HealthCheck.model_validate({**defaults, "check_type": kind, **fields})

    return make
