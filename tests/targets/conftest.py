"""What the tests of targets share."""

from __future__ import annotations

from tests.deployments import project, store

__all__ = ["project", "store"]
