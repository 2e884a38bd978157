"""How things measured and tests are named."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

__all__ = ["ALIAS", "ALL", "matches_test", "measure_name"]

ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What an alias of the registry may be called."""

ALL = "all"
"""The slice of every example."""


def measure_name(name: str, slice_: str, dataset: str | None) -> str:
    """Write a (name, slice, dataset) key for people: ``recall[age<40]@holdout``."""
    inside = f"[{slice_}]" if slice_ != ALL else ""
    return f"{name}{inside}" + (f"@{dataset}" if dataset is not None else "")


def matches_test(pattern: str, node_id: str) -> bool:
    """Tell whether ``pattern`` names a test: its node id, the id without parameters, or a glob.

    Square brackets are literal, since the node ids of parametrised tests are full of them.
    """
    return fnmatchcase(node_id, pattern.replace("[", "[[]")) or node_id.partition("[")[0] == pattern
