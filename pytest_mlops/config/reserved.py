"""What stands in ``mlops.yaml`` where a later feature will have its keys."""

from __future__ import annotations

from pytest_mlops.records.base import Record

__all__ = ["Reserved"]


class Reserved(Record):
    """Not available yet: an empty mapping is all that may stand here."""
