"""Keys of ``mlops.yaml`` that are reserved for later features."""

from __future__ import annotations

from pytest_mlops.records.base import Record

__all__ = ["Reserved"]


class Reserved(Record):
    """Not available yet; only an empty mapping is accepted."""
