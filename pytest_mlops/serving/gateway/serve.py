"""The gateway's process from its first socket to its last answer."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import resource
import secrets
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_mlops.errors import SerializationError
from pytest_mlops.serving.gateway.accounting import Accounting
from pytest_mlops.serving.gateway.control_api import ControlApi
from pytest_mlops.serving.gateway.pages import Pages
from pytest_mlops.serving.gateway.prediction_log import PredictionLog
from pytest_mlops.serving.gateway.proxy import Proxy
from pytest_mlops.serving.gateway.router import Router
from pytest_mlops.serving.gateway.server import HttpServer
from pytest_mlops.serving.gateway.shadow import ShadowTee
from pytest_mlops.serving.gateway.watch import SupervisorWatch
from pytest_mlops.serving.gateway_protocol import read_routes
from pytest_mlops.serving.ports import listen
from pytest_mlops.serving.processes import Identity
from pytest_mlops.serving.run_files import GatewayFile
from pytest_mlops.serving.versioned import save

if TYPE_CHECKING:
    import socket

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
        self._accounting = Accounting(log=log)
        self._tee = ShadowTee(router=self._router, accounting=self._accounting, timeout=settings.timeout)
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
            accounting=self._accounting,
            tee=self._tee,
            pages=Pages(router=self._router, accounting=self._accounting),
        )
        control = ControlApi(router=self._router, accounting=self._accounting, token=self._token)
        with listening, listen("127.0.0.1", 0) as private:
            public = HttpServer(proxy, listening, drain=self._settings.drain)
            controls = HttpServer(control, private, drain=0)
            await public.start()
            await controls.start()
            if self._accounting.log is not None:
                self._accounting.log.start()
            self._announce(public.port, controls.port)
            watch = loop.create_task(SupervisorWatch(self._layout).run())
            # What lives from here on lives as long as the process; no collection need visit it.
            gc.collect()
            gc.freeze()
            await stop.wait()
            watch.cancel()
            if self._accounting.log is not None:
                self._accounting.log.rotate()  # requests under way may take longer than we have
            await public.stop()
            await self._tee.close()
            await controls.stop()
        self._router.close()
        if self._accounting.log is not None:
            await asyncio.to_thread(self._accounting.log.close)

    def _read_routes(self) -> None:
        try:
            self._router.swap(read_routes(self._layout.routes.read_bytes()))
        except FileNotFoundError:
            _log.info("no routes yet: %s is not there", self._layout.routes)
        except (OSError, SerializationError) as error:
            _log.error("no routes until the supervisor sends some: %s: %s", self._layout.routes, error)

    def _announce(self, port: int, control_port: int) -> None:
        """Write where we listen, for the user that we run as alone."""
        own = Identity.current()
        file = GatewayFile(
            pid=own.pid,
            process_start=own.process_start,
            host=self._settings.host,
            port=port,
            control_port=control_port,
            token=self._token,
            started_at=datetime.now(UTC).isoformat(),
        )
        save(self._layout.gateway, file, mode=0o600)


def _allow_many_files() -> None:
    """Raise the soft limit of open files to the hard one: each request takes two sockets."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
