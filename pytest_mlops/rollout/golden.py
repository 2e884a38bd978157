"""Golden predictions: known requests with the answers of the tested model, asked again of what will serve."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from pytest_mlops.errors import EvidenceError, SerializationError, TaskError
from pytest_mlops.files import read_bytes
from pytest_mlops.serving.health.lookups import run_probes
from pytest_mlops.serving.health.network import post_json
from pytest_mlops.serving.health.probe import ProbeFailed
from pytest_mlops.strict_json import differences, parse_json, within
from pytest_mlops.text import list_some

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_mlops.records.serving import GoldenSettings

__all__ = ["GoldenCase", "read_golden", "replay"]

MAX_BYTES = 64 * 1024 * 1024
_AT_ONCE = 8
_SHOWN = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class GoldenCase:
    """One request and the answer that the tested model gave; both are JSON values."""

    request: Any
    response: Any


def read_golden(path: Path) -> tuple[GoldenCase, ...]:
    """Read golden predictions: a JSON list of ``{"request": …, "response": …}``.

    Raises:
        EvidenceError: it cannot be read, is something else, or holds none.
    """
    try:
        values = parse_json(read_bytes(path, limit=MAX_BYTES), what=str(path))
    except SerializationError as error:
        raise EvidenceError(str(error)) from error
    if not isinstance(values, list) or not values:
        raise EvidenceError(
            f'{path} contains no golden predictions; expected a list of {{"request": …, "response": …}}'
        )
    cases = []
    for index, value in enumerate(values):
        if not isinstance(value, dict) or value.keys() != {"request", "response"}:
            raise EvidenceError(f'{path}: entry {index} is not of the form {{"request": …, "response": …}}')
        cases.append(GoldenCase(request=value["request"], response=value["response"]))
    return tuple(cases)


def replay(cases: Sequence[GoldenCase], url: str, settings: GoldenSettings) -> str:
    """Ask the golden requests; return how many were answered as they have to be, which is all.

    Args:
        cases: At least one.
        url: Where the requests are posted to.
        settings: Tolerance, and the time for one answer.

    Raises:
        TaskError: a prediction differs, or there are no cases; the message names the first failures.
    """
    if not cases:
        raise TaskError("there are no golden predictions to replay; expected at least one")
    failures = run_probes(_replay(cases, url, settings))
    if failures:
        shown = list_some(failures, _SHOWN, separator="; ")
        raise TaskError(f"{len(failures)} of {len(cases)} golden predictions failed: {shown}")
    return f"{len(cases)} of {len(cases)} golden predictions match at {url}"


async def _replay(cases: Sequence[GoldenCase], url: str, settings: GoldenSettings) -> list[str]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def ask(index: int, case: GoldenCase) -> str | None:
        async with gate:
            found = await _ask(case, url, settings)
        return None if found is None else f"case {index}: {found}"

    answers = await asyncio.gather(*(ask(index, case) for index, case in enumerate(cases)))
    return [answer for answer in answers if answer is not None]


async def _ask(case: GoldenCase, url: str, settings: GoldenSettings) -> str | None:
    try:
        async with asyncio.timeout(settings.timeout):
            answer = await post_json(httpx.URL(url), json.dumps(case.request, allow_nan=False).encode())
        found = differences(
            parse_json(answer, what="the answer"), case.response, close=within(settings.tolerance)
        )
    except TimeoutError:
        return f"no answer within {settings.timeout:g} s"
    except (ProbeFailed, SerializationError) as error:
        return str(error)
    return found[0] if found else None
