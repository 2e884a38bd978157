"""How long to wait before a process that died is started again. Pure."""

from __future__ import annotations

import hashlib

__all__ = ["FIRST_SECONDS", "MOST_SECONDS", "SETTLED_SECONDS", "restart_delay"]

FIRST_SECONDS = 0.5
MOST_SECONDS = 30.0
SETTLED_SECONDS = 60.0
"""Seconds of life after which earlier deaths are forgotten."""

_MOST_DOUBLINGS = 16


def restart_delay(deaths: int, key: str) -> float:
    """Return the seconds to wait after a number of deaths in a row: doubled each time, up to 30.

    Each process waits up to a quarter longer, by its name, so that they do not all start at once.
    """
    if deaths <= 0:
        return 0.0
    base = min(FIRST_SECONDS * 2.0 ** min(deaths - 1, _MOST_DOUBLINGS), MOST_SECONDS)
    draw = int.from_bytes(hashlib.sha256(f"{key} {deaths}".encode()).digest()[:4], "big") / 2**32
    return base * (1 + draw / 4)
