"""Probe by a function of the user's: it runs in a process of its own, so that one that hangs can be ended."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

from pytest_mlops.errors import InvalidHealthCheck
from pytest_mlops.serving.health.command import run_bounded
from pytest_mlops.serving.health.custom_runner import HEALTHY, NOT_CALLABLE
from pytest_mlops.serving.health.probe import ProbeFailed

if TYPE_CHECKING:
    from pytest_mlops.records.health import HealthCheck
    from pytest_mlops.serving.health.endpoint import Endpoint

__all__ = ["probe_custom"]

_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


async def probe_custom(check: HealthCheck, endpoint: Endpoint) -> str:
    """Call the function; only ``True`` is healthy."""
    path = check.endpoint or ""
    if _PATH.fullmatch(path) is None:
        raise InvalidHealthCheck(f"{check.name}: {path!r} is no import path; expected module:function")
    given = json.dumps({"path": path, "host": endpoint.host, "port": endpoint.port})
    runner = [sys.executable, "-m", "pytest_mlops.serving.health.custom_runner", given]
    try:
        code, tail = await run_bounded(runner, folder=endpoint.folder)
    except OSError as error:
        raise ProbeFailed(f"{path}: its process could not be started: {error}") from error
    if code == NOT_CALLABLE:
        raise InvalidHealthCheck(f"{check.name}: {path} cannot be called: {tail}")
    if code != HEALTHY:
        raise ProbeFailed(f"{path}: {tail or f'its process ended with {code}'}")
    return f"{path} says that it is well"
