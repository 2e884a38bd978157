"""How often a deployment reads the model: a large one is what a deployment takes its time for."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.records.serving import RolloutSettings
from pytest_mlops.rollout.driver import TICKET_SECONDS
from pytest_mlops.rollout.staging import stage
from pytest_mlops.state.rows import list_deployments
from tests.rollout.conftest import evidence_of
from tests.rollout.test_meanwhile import WAITS, promote_after

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks._deployments import Version
    from tests.rollout.conftest import Desk

WEIGHTS = "weights.txt"


class Reads:
    """Counts each opening of a file called ``weights.txt`` for reading, by the folder it lies in."""

    def __init__(self) -> None:
        self.counts: Counter[Path] = Counter()
        self.counting = True

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.counting or event != "open" or not isinstance(arguments[0], str | os.PathLike):
            return
        path, _, flags = arguments
        reading = flags & (os.O_RDONLY | os.O_WRONLY | os.O_RDWR) == os.O_RDONLY
        if reading and Path(path).name == WEIGHTS:
            self.counts[Path(path).parent] += 1


@pytest.fixture
def reads(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reads]:
    """Count what this process reads while it stages for real; an audit hook sees every way to open a file."""
    monkeypatch.setattr(desk.world, "stage", stage)
    counter = Reads()
    sys.addaudithook(counter)
    yield counter
    counter.counting = False  # there is no way to remove a hook


def staged(desk: Desk, number: int) -> Path:
    with desk.store.read() as connection:
        rows = {row.plan.number: row.plan for row in list_deployments(connection, "production")}
    return rows[number].model


def deploy(
    desk: Desk, name: str, reads: Reads | None = None, *, rollout: RolloutSettings | None = None
) -> Version:
    """Deploy a version; the reads are those of the deployment, and not those of the run that tested it."""
    version = desk.project.version(name, timestamp=desk.clock.now)
    if reads is not None:
        reads.counts.clear()
    settings = rollout or RolloutSettings(bake=0.0, deadline=5.0)
    assert desk.manager(desk.project.environment(rollout=settings)).deploy(evidence_of(version)).success
    return version


def test_a_deployment_reads_its_source_twice_and_its_copy_once(desk: Desk, reads: Reads) -> None:
    version = deploy(desk, "1", reads)
    assert reads.counts == {version.model: 2, staged(desk, 1): 1}


def test_a_deployment_whose_ticket_grew_old_reads_its_copy_once_more(desk: Desk, reads: Reads) -> None:
    deploy(desk, "1")
    promote_after(desk, 2 * TICKET_SECONDS)
    version = deploy(desk, "2", reads, rollout=WAITS)
    assert reads.counts == {version.model: 2, staged(desk, 2): 2}


def test_a_deployment_that_is_left_to_the_supervisor_reads_no_more(desk: Desk, reads: Reads) -> None:
    version = desk.project.version("1", timestamp=desk.clock.now)
    reads.counts.clear()
    desk.manager().submit(evidence_of(version))
    assert desk.manager(actor="supervisor").recover()
    assert desk.world.serving() == "1"
    assert reads.counts == {version.model: 2, staged(desk, 1): 1}


def test_a_rollback_reads_the_copy_twice_and_no_source(desk: Desk, reads: Reads) -> None:
    deploy(desk, "1")
    deploy(desk, "2")
    reads.counts.clear()
    assert desk.manager().rollback().success
    assert reads.counts == {staged(desk, 1): 2}


def test_a_copy_that_was_changed_after_its_process_died_is_read_again(desk: Desk, reads: Reads) -> None:
    """A ticket that is young enough does not cover what another process staged."""
    del reads
    deploy(desk, "1")
    desk.world.on_sleep = interrupt
    with pytest.raises(KeyboardInterrupt):
        deploy(desk, "2", rollout=WAITS)
    promote_after(desk, 5.0)
    (staged(desk, 2) / WEIGHTS).write_text("other", encoding="utf-8")
    assert desk.manager(actor="supervisor").recover()
    assert desk.world.serving() == "1"


def interrupt() -> None:
    raise KeyboardInterrupt
