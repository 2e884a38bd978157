"""The service: an ASGI application that serves ``POST /predict`` with the risk of one tumour."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linear import LinearModel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MODEL = LinearModel.load(Path(os.environ["MLOPS_MODEL"]) / "model.json")
VERSION = os.environ["MLOPS_VERSION"]


def predict(request: dict[str, Any]) -> dict[str, Any]:
    """Return the risk that a tumour is malignant; a missing measurement is replaced by the mean."""
    given = request["features"]
    features = [mean if value is None else value for value, mean in zip(given, MODEL.means, strict=True)]
    return {"risk": float(MODEL.risk([features])[0])}


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Handle one request; an invalid one gets status 500."""
    if scope["type"] != "http":
        return
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    status, data = 200, json.dumps({"status": "ok", "version": VERSION}).encode()
    if scope["path"] == "/predict":
        try:
            data = json.dumps(predict(json.loads(body)), allow_nan=False).encode()
        except (KeyError, TypeError, ValueError) as error:
            status, data = 500, json.dumps({"error": str(error)}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})
