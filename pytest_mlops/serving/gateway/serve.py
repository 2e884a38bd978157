"""The gateway's process from its first socket to its last answer."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import resource
import secrets
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_mlops.errors import SerializationError
from pytest_mlops.serving.gateway.accounting import Sinks, TrafficCounts
from pytest_mlops.serving.gateway.control_api import Control
from pytest_mlops.serving.gateway.pages import Pages
from pytest_mlops.serving.gateway.prediction_log import PredictionLog
from pytest_mlops.serving.gateway.proxy import Proxy
from pytest_mlops.serving.gateway.router import Router
from pytest_mlops.serving.gateway.server import HttpServer
from pytest_mlops.serving.gateway.shadow import ShadowTee
from pytest_mlops.serving.gateway.watch import SupervisorWatch
from pytest_mlops.serving.gateway_protocol import read_routes
from pytest_mlops.serving.ports import listen
from pytest_mlops.state.process_start import birth_of

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from pytest_mlops.records.serving import GatewaySettings
    from pytest_mlops.state.paths import Layout

__all__ = ["run"]

_log = logging.getLogger(__name__)


def run(layout: Layout, settings: GatewaySettings, listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way.

    Args:
        layout: Where the files are.
        settings: How to serve.
        listening: The public socket.
    """
    _allow_many_files()
    asyncio.run(_Gateway(layout, settings).run(listening))


class _Gateway:
    def __init__(self, layout: Layout, settings: GatewaySettings) -> None:
        self._layout = layout
        self._settings = settings
        log = PredictionLog(layout.predictions, settings.log) if settings.log is not None else None
        self._router = Router()
        self._sinks = Sinks(counts=TrafficCounts(), log=log)
        self._tee = ShadowTee(router=self._router, sinks=self._sinks, timeout=settings.timeout)
        self._token = secrets.token_urlsafe(32)

    async def run(self, listening: socket.socket) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        self._read_routes()
        proxy = Proxy(
            router=self._router,
            settings=self._settings,
            sinks=self._sinks,
            tee=self._tee,
            pages=Pages(router=self._router, sinks=self._sinks),
        )
        control = Control(router=self._router, sinks=self._sinks, token=self._token)
        with listening, listen("127.0.0.1", 0) as private:
            public = HttpServer(proxy, listening, drain=self._settings.drain)
            controls = HttpServer(control, private, drain=0)
            await public.start()
            await controls.start()
            if self._sinks.log is not None:
                self._sinks.log.start()
            self._announce(public.port, controls.port)
            watch = loop.create_task(SupervisorWatch(self._layout).run())
            # What lives from here on lives as long as the process; no collection need look at it.
            gc.collect()
            gc.freeze()
            await stop.wait()
            watch.cancel()
            if self._sinks.log is not None:
                self._sinks.log.rotate()  # requests under way may take longer than we have
            await public.stop()
            await self._tee.close()
            await controls.stop()
        self._router.close()
        if self._sinks.log is not None:
            await asyncio.to_thread(self._sinks.log.close)

    def _read_routes(self) -> None:
        try:
            self._router.swap(read_routes(self._layout.routes.read_bytes()))
        except FileNotFoundError:
            _log.info("no routes yet: %s is not there", self._layout.routes)
        except (OSError, SerializationError) as error:
            _log.error("no routes until the supervisor sends some: %s: %s", self._layout.routes, error)

    def _announce(self, port: int, control_port: int) -> None:
        """Say where we listen, to those who may read it."""
        text = json.dumps(
            {
                "pid": os.getpid(),
                "born": birth_of(os.getpid()),
                "host": self._settings.host,
                "port": port,
                "control_port": control_port,
                "token": self._token,
                "started_at": datetime.now(UTC).isoformat(),
            }
        )
        _write_private(self._layout.gateway, text)


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    temporary.replace(path)


def _allow_many_files() -> None:
    """Raise the soft limit of open files to the hard one: each request takes two sockets."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
