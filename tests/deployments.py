"""What the tests of deployments share: versions with real tickets, and an environment to deploy them to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks._deployments import Version, write_version
from pytest_mlops.records.environment import DeploymentEnvironment
from pytest_mlops.records.results import Outcome
from pytest_mlops.records.serving import RolloutSettings, ServeSettings
from pytest_mlops.store.engine import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from pytest_mlops.store.engine import Store


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder with versions that can be deployed."""

    folder: Path

    def version(
        self,
        name: str,
        *,
        outcome: Outcome = Outcome.PASSED,
        timestamp: datetime | None = None,
        text: str | None = None,
        **changes: Any,
    ) -> Version:
        """Write a version; one with the ``text`` of another has the same bytes."""
        files = {"weights.txt": name if text is None else text}
        return write_version(self.folder, name, files=files, outcome=outcome, timestamp=timestamp, **changes)

    def environment(self, **changes: Any) -> DeploymentEnvironment:
        """Return an environment with quick rollouts."""
        fields: dict[str, Any] = {
            "environment_id": "production",
            "name": "production",
            "serve": ServeSettings(command=("serve",)),
            "rollout": RolloutSettings(bake=0.0, deadline=5.0),
        }
        return DeploymentEnvironment(**{**fields, **changes})


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(folder=tmp_path / "project")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened
