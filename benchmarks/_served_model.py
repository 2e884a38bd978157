"""A small model behind a bare ASGI application: what the cost of serving is measured on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

_MODEL = json.loads(
    (Path(__file__).parents[1] / "examples/breast_cancer/model/model.json").read_text(encoding="utf-8")
)
_MEANS, _SCALES = np.array(_MODEL["means"]), np.array(_MODEL["scales"])
_COEFFICIENTS, _INTERCEPT = np.array(_MODEL["coefficients"]), float(_MODEL["intercept"])

BODY = json.dumps({"instances": [_MODEL["means"]]}).encode()
"""A request for one prediction."""


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer ``{"instances": [[…], …]}`` with the probability of each."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    rows = np.asarray(json.loads(body)["instances"], dtype=float)
    odds = (rows - _MEANS) / _SCALES @ _COEFFICIENTS + _INTERCEPT
    answer = json.dumps({"predictions": (1 / (1 + np.exp(-odds))).tolist()}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
