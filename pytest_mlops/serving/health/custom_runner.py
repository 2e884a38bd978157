"""The process that a custom health check runs in: calls one function; its exit code is the result."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import sys
from typing import Any

__all__ = ["HEALTHY", "NOT_CALLABLE", "NOT_HEALTHY", "main"]

# Codes that an interpreter which fails by itself does not end with.
HEALTHY, NOT_HEALTHY, NOT_CALLABLE = 40, 41, 42


def main(given: str) -> int:
    """Call the function that ``given`` names, with ``host`` and ``port`` where it takes them."""
    values = json.loads(given)
    module, _, name = values.pop("path").partition(":")
    sys.path.insert(0, "")
    try:
        function = getattr(importlib.import_module(module), name)
        signature = inspect.signature(function)
        chosen = {key: value for key, value in values.items() if _takes(signature, key)}
        signature.bind(**chosen)
    except BaseException as error:  # noqa: BLE001 -- whatever an import raises, an exit too, is no result
        sys.stdout.write(f"{type(error).__name__}: {error}")
        return NOT_CALLABLE
    try:
        answer = function(**chosen)
        if inspect.isawaitable(answer):
            answer = asyncio.run(_await(answer))
    except BaseException as error:  # noqa: BLE001 -- an exit is no result either
        sys.stdout.write(f"{type(error).__name__}: {error}")
        return NOT_HEALTHY
    if answer is True:
        return HEALTHY
    sys.stdout.write(f"returned {answer!r:.100}; only True is healthy")
    return NOT_HEALTHY


def _takes(signature: inspect.Signature, name: str) -> bool:
    kinds = [each.kind for each in signature.parameters.values()]
    return name in signature.parameters or inspect.Parameter.VAR_KEYWORD in kinds


async def _await(answer: Any) -> Any:
    return await answer


if __name__ == "__main__":
    code = main(sys.argv[1])
    sys.stdout.flush()
    sys.exit(code)
