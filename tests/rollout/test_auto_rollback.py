"""A version that keeps dying is rolled back under what is demanded now, and tried again after a conflict."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_mlops.errors import ConflictError, EvidenceError, MLOpsError
from pytest_mlops.records.serving import RolloutSettings
from pytest_mlops.rollout.auto_rollback import AutoRollback
from pytest_mlops.serving.supervisor.lifecycle import SupervisorCommand
from pytest_mlops.state.paths import layout_of
from pytest_mlops.state.pointer import Pointer
from pytest_mlops.targets.local import LocalTarget
from tests.replica_files import write_replica

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.rollout.manager import DeploymentManager


@dataclass
class Manager:
    """Counts the rollbacks that are asked for, and refuses some."""

    rollout: RolloutSettings = field(default_factory=RolloutSettings)
    refusals: list[MLOpsError] = field(default_factory=list)
    asked: int = 0

    @property
    def environment(self) -> Any:
        return SimpleNamespace(rollout=self.rollout)

    def rollback(self) -> None:
        self.asked += 1
        if self.refusals:
            raise self.refusals.pop(0)


def auto_rollback(tmp_path: Path, manager: Manager, *, deaths: int) -> AutoRollback:
    layout = layout_of(tmp_path, "production")
    write_replica(layout, "production.2", deaths=deaths)
    target = LocalTarget(layout=layout, supervisor=SupervisorCommand(argv=("no-such-program",)))
    return AutoRollback(target=target, manager=lambda: cast("DeploymentManager", manager))


POINTER = Pointer(stable="production.2", revision=7)


def test_a_rollback_that_met_a_conflict_is_tried_again(tmp_path: Path) -> None:
    manager = Manager(refusals=[ConflictError("production is being changed by ada")])
    check = auto_rollback(tmp_path, manager, deaths=3)
    with pytest.raises(ConflictError):
        check(POINTER)
    check(POINTER)
    assert manager.asked == 2


def test_where_no_candidate_may_serve_it_is_asked_for_once(tmp_path: Path) -> None:
    manager = Manager(refusals=[EvidenceError("there is no version to roll back to")])
    check = auto_rollback(tmp_path, manager, deaths=3)
    with pytest.raises(EvidenceError):
        check(POINTER)
    check(POINTER)
    assert manager.asked == 1


@pytest.mark.parametrize(
    ("deaths", "rollout", "asked"),
    [
        (0, {}, 0),
        (2, {}, 0),
        (3, {}, 1),
        (3, {"tries": 5}, 0),
        (1, {"tries": 1}, 1),
        (9, {"auto_rollback": False}, 0),
    ],
)
def test_what_is_demanded_now_counts(
    tmp_path: Path, deaths: int, rollout: dict[str, Any], asked: int
) -> None:
    manager = Manager(rollout=RolloutSettings(**rollout))
    auto_rollback(tmp_path, manager, deaths=deaths)(POINTER)
    assert manager.asked == asked


def test_where_nothing_serves_there_is_nothing_to_roll_back(tmp_path: Path) -> None:
    manager = Manager()
    auto_rollback(tmp_path, manager, deaths=9)(Pointer())
    assert manager.asked == 0
