"""A world in memory: replicas that are there when the store wants them, and traffic that is made up.

What runs real processes is tested in ``tests/serving/supervisor`` and ``tests/targets/local``; here the state
machine is looked at, at every one of its writes.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.errors import StoreError, TaskError
from pytest_mlops.evidence.case import Evidence
from pytest_mlops.records.deployment import Consistency
from pytest_mlops.records.health import CheckOutcome, HealthState, HealthStatus
from pytest_mlops.rollout.manager import DeploymentManager
from pytest_mlops.state.pointer import read_pointer
from pytest_mlops.state.rows import get_deployment
from pytest_mlops.targets.protocol import Replica
from pytest_mlops.targets.traffic import Traffic
from tests.deployments import project, store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks._deployments import Version
    from pytest_mlops.records.environment import DeploymentEnvironment
    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.state.plan import DeploymentPlan
    from pytest_mlops.state.pointer import Pointer
    from pytest_mlops.store.engine import Store
    from tests.deployments import Project


__all__ = ["desk", "project", "store"]


class Crash(BaseException):
    """The process was killed here."""


@dataclass
class Clock:
    """Time that passes with each sleep."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=max(seconds, 0.01))


@dataclass
class World:
    """Target and probes in one."""

    store: Store
    clock: Clock
    sick: set[str] = field(default_factory=set)
    """Versions that are not healthy."""
    unready: set[str] = field(default_factory=set)
    """Versions whose replicas run and are not ready for requests."""
    sick_with_traffic: set[str] = field(default_factory=set)
    wrong: set[str] = field(default_factory=set)
    """Versions that answer the golden requests otherwise."""
    environment_error: str | None = None
    consistency: Consistency = field(default_factory=lambda: Consistency(share=1.0, equal=3, compared=3))
    traffic_of: Callable[[], Traffic] = lambda: Traffic(epoch="1", deployments={})
    staged: Counter[str] = field(default_factory=Counter)
    stopped: list[str] = field(default_factory=list)
    pruned: list[frozenset[str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    on_sleep: Callable[[], None] | None = None

    # The target.

    def require_up(self) -> None:
        pass

    def start(self, deployment_id: str) -> None:
        pass

    def replicas(self, deployment_id: str) -> Sequence[Replica]:
        with self.store.read() as connection:
            row = get_deployment(connection, deployment_id)
        ready = row.plan.model_version.version_id not in self.unready
        return [
            Replica(
                deployment_id=deployment_id, index=index, host="127.0.0.1", port=1, alive=True, ready=ready
            )
            for index in range(row.desired_replicas)
        ]

    def routed(self) -> int:
        return self.pointer().revision

    def traffic(self) -> Traffic:
        return self.traffic_of()

    def stop(self, deployment_id: str) -> None:
        self.stopped.append(deployment_id)

    # The probes.

    def environment(
        self, _environment: DeploymentEnvironment, _record: IntegrationResult
    ) -> tuple[HealthStatus, Consistency]:
        if self.environment_error is not None:
            raise TaskError(self.environment_error)
        return status(healthy=True), self.consistency

    def stage(self, plan: DeploymentPlan) -> None:
        import shutil
        from pathlib import Path

        self.staged[plan.deployment_id] += 1
        for source, target in ((plan.source.record, plan.record), (plan.source.model, plan.model)):
            if target.exists():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if Path(source).is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copy(source, target)

    def health(
        self, plan: DeploymentPlan, _replicas: Sequence[Replica], *, seconds: float, quick: bool = False
    ) -> HealthStatus:
        del quick
        assert seconds > 0
        name = plan.model_version.version_id
        serving = plan.deployment_id in self.pointer().weights
        sick = name in self.sick or (serving and name in self.sick_with_traffic)
        return status(healthy=not sick)

    def replay(self, plan: DeploymentPlan, _replica: Replica) -> str:
        if plan.model_version.version_id in self.wrong:
            raise TaskError("1 of 1 golden answers differs")
        return "1 of 1 golden answers is the known one"

    def prune(self, _plan: DeploymentPlan, keep: Callable[[], frozenset[str]]) -> None:
        self.pruned.append(keep())

    # What the tests look at.

    def pointer(self) -> Pointer:
        with self.store.read() as connection:
            return read_pointer(connection, "production")

    def serving(self) -> str | None:
        """Return the version that the stable deployment is of."""
        stable = self.pointer().stable
        if stable is None:
            return None
        with self.store.read() as connection:
            return get_deployment(connection, stable).plan.model_version.version_id


def status(*, healthy: bool) -> HealthStatus:
    state = HealthState.HEALTHY if healthy else HealthState.UNHEALTHY
    outcome = CheckOutcome(name="ready", state=state, message="ok", successes=int(healthy), probes=1)
    return HealthStatus(
        is_healthy=healthy, state=state, message="well" if healthy else "ready: refused", checks=(outcome,)
    )


@dataclass
class Desk:
    """Where a deployer sits: the store, the world, and a manager for each who acts."""

    store: Store
    world: World
    clock: Clock
    project: Project

    def manager(
        self, environment: DeploymentEnvironment | None = None, *, actor: str = "ada", store: Any = None
    ) -> DeploymentManager:
        return DeploymentManager(
            store=self.store if store is None else store,
            environment=environment or self.project.environment(),
            project=self.project.folder,
            target=self.world,
            probes=self.world,
            actor=actor,
            now=self.clock,
            sleep=self._sleep,
            echo=self.world.lines.append,
        )

    def _sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        if self.world.on_sleep is not None:
            self.world.on_sleep()


def evidence_of(version: Version, **changes: Any) -> Evidence:
    return Evidence(**{"record": version.record, "model": version.model, "model_id": "risk", **changes})


@pytest.fixture
def desk(store: Store, project: Project) -> Desk:
    clock = Clock()
    return Desk(store=store, world=World(store=store, clock=clock), clock=clock, project=project)


class CrashingStore:
    """A store whose process dies at the n-th write, just before it is committed or just after."""

    def __init__(self, store: Store, *, at: int, after: bool) -> None:
        self._store = store
        self._left = at
        self._after = after
        self.writes = 0

    @contextlib.contextmanager
    def write(self) -> Iterator[Any]:
        if self._left and self.writes >= self._left:
            raise StoreError("the process is dead")  # so that it gives nothing back
        self.writes += 1
        last = self.writes == self._left
        with self._store.write() as connection:
            yield connection
            if last and not self._after:
                raise Crash
        if last:
            raise Crash

    def read(self) -> Any:
        return self._store.read()
