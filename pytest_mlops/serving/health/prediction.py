"""Probe by a prediction: a known input has the known answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.errors import InvalidHealthCheck, SerializationError
from pytest_mlops.serving.health.exchange import BROKEN, exchange
from pytest_mlops.serving.health.http import failure_words, url_of, without_secrets
from pytest_mlops.serving.health.json_compare import differences, parse_strict
from pytest_mlops.serving.health.probe import ProbeFailed

if TYPE_CHECKING:
    import httpx

    from pytest_mlops.records.health import HealthCheck
    from pytest_mlops.serving.health.endpoint import Endpoint

__all__ = ["MAX_ANSWER", "post_json", "probe_prediction"]

MAX_ANSWER = 1024 * 1024
"""Bytes of an answer that are read; a longer one has failed."""


async def probe_prediction(check: HealthCheck, endpoint: Endpoint) -> str:
    """Post the known input and hold the answer against the known one."""
    url = url_of(check, endpoint)
    try:
        expected = parse_strict(check.expect or "")
        parse_strict(check.body or "")
    except SerializationError as error:
        raise InvalidHealthCheck(f"{check.name}: body and expect have to be JSON: {error}") from error
    answer = await post_json(url, (check.body or "").encode())
    try:
        got = parse_strict(answer)
    except SerializationError as error:
        raise ProbeFailed(f"{without_secrets(url)} answered with something else: {error}") from error
    found = differences(got, expected, tolerance=check.tolerance)
    if found:
        raise ProbeFailed(f"{without_secrets(url)}: {found[0]}")
    return f"{without_secrets(url)} gave the known answer"


async def post_json(url: httpx.URL, body: bytes) -> bytes:
    """Post JSON and return the answer's body.

    Raises:
        ProbeFailed: there is no answer, not of 2xx, or a longer one than is read.
    """
    name = without_secrets(url)
    try:
        async with exchange("POST", url, body=body) as answer:
            if not 200 <= answer.status <= 299:
                raise ProbeFailed(f"{name} answered {answer.status}; a prediction is 2xx")
            data = await answer.read(MAX_ANSWER)
    except BROKEN as error:
        raise ProbeFailed(failure_words(url, error)) from error
    if len(data) > MAX_ANSWER:
        raise ProbeFailed(f"{name} answered with more than {MAX_ANSWER:,} bytes")
    return data
