"""What the tests of deployment state share."""

from __future__ import annotations

from tests.deployments import project, store
from tests.rollout.conftest import desk

__all__ = ["desk", "project", "store"]
