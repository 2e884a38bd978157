"""Who acts, as logs name them."""

from __future__ import annotations

import getpass
import os
import platform

__all__ = ["default_actor"]


def default_actor() -> str:
    """Return who acts: ``$MLOPS_ACTOR``, else user and machine."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container may run under a number without a name
        user = "unknown"
    return os.environ.get("MLOPS_ACTOR") or f"{user}@{platform.node()}"
