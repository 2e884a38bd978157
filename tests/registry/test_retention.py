"""Retention removes old versions with their bytes, and never what is pointed to or being written."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.errors import EvidenceError, InvalidMetadata, NotRegistered, StoreError
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.registry.artifacts import ArtifactStore, manifest_key, open_artifacts
from pytest_mlops.registry.retention import RetentionRule, pin, remove
from pytest_mlops.registry.sweep import sweep
from pytest_mlops.store.log import read_log, verify_log

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.registry.registry import Registry
    from tests.registry.conftest import Clock

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NO_GRACE = timedelta(days=-3650)
"""A moment in the future before which everything is old, whatever the file system's clock says."""


def fill(registry: Registry, count: int) -> None:
    for number in range(1, count + 1):
        registry.register(ModelVersion(model_id="credit", version_id=str(number)))


def left(registry: Registry) -> list[str]:
    return [entry.version_id for entry in registry.list(limit=1000).entries]


def keep_model(registry: Registry, folder: Path, name: str, data: bytes) -> str:
    """Register a version whose bytes are kept; return their digest."""
    assert registry.artifacts is not None
    path = folder / f"model-{name}"
    path.mkdir()
    (path / "weights").write_bytes(data)
    (path / "shared").write_bytes(b"s" * 100)
    digest = registry.artifacts.put(path).digest
    version = ModelVersion(model_id="credit", version_id=name, digest=digest)
    registry.register(version, stored=True)
    return digest


def blobs(artifacts: ArtifactStore) -> int:
    return len(list(artifacts.blobs.items("blobs")))


def test_the_newest_of_each_model_stay(registry: Registry) -> None:
    fill(registry, 5)
    registry.register(ModelVersion(model_id="other", version_id="x"))
    pruned = registry.prune(keep=2)
    assert [one.version_id for one in pruned.versions] == ["1", "2", "3"]
    assert left(registry) == ["x", "5", "4"]


def test_only_those_of_the_named_model_go(registry: Registry) -> None:
    fill(registry, 2)
    registry.register(ModelVersion(model_id="other", version_id="x"))
    registry.prune("other", keep=0)
    assert left(registry) == ["2", "1"]


def test_only_the_old_go_and_with_both_rules_both_have_to_hold(registry: Registry, clock: Clock) -> None:
    fill(registry, 3)
    clock.forward(days=10)
    registry.register(ModelVersion(model_id="credit", version_id="4"))
    assert [one.version_id for one in registry.prune(older_than=timedelta(days=5), keep=2).versions] == [
        "1",
        "2",
    ]
    assert [one.version_id for one in registry.prune(older_than=timedelta(days=5)).versions] == ["3"]
    assert left(registry) == ["4"]


@pytest.mark.parametrize(("keep", "days"), [(None, None), (-1, None), (None, -1), (-1, 1), (1, -1)])
def test_a_rule_that_says_nothing_or_nonsense_is_refused(
    local: Registry, keep: int | None, days: int | None
) -> None:
    with pytest.raises(InvalidMetadata):
        local.prune(keep=keep, older_than=None if days is None else timedelta(days=days))


def test_what_is_aliased_pinned_or_the_parent_of_such_stays(registry: Registry) -> None:
    for name, parent in (("1", None), ("2", "1"), ("3", "2"), ("4", None), ("5", "4"), ("6", None)):
        registry.register(ModelVersion(model_id="credit", version_id=name, parent_version=parent))
    registry.move_alias("credit", "champion", "3", expected=None, reason="it is good")
    registry.pin("credit", "5", holder="deployment/production")
    assert [one.version_id for one in registry.prune(keep=0).versions] == ["1", "6"]
    registry.move_alias("credit", "champion", None, expected="3", reason="it was bad")
    registry.unpin("credit", "5", holder="deployment/production")
    assert [one.version_id for one in registry.prune(keep=0).versions] == ["2", "3", "4", "5"]
    assert [move.version_id for move in registry.alias_history("credit", "champion").moves] == [None, "3"]


def test_a_pin_has_a_holder_and_is_taken_once(registry: Registry) -> None:
    fill(registry, 1)
    first = registry.pin("credit", "1", holder="deployment/a")
    assert registry.pin("credit", "1", holder="deployment/a") == first
    registry.pin("credit", "1", holder="deployment/b")
    assert [pin.holder for pin in registry.pins("credit")] == ["deployment/a", "deployment/b"]
    assert registry.pins("other") == ()
    assert registry.unpin("credit", "1", holder="deployment/a")
    assert not registry.unpin("credit", "1", holder="deployment/a")
    assert registry.prune(keep=0).versions == ()
    with registry.store.read() as connection:
        assert [one.kind for one in read_log(connection)] == ["register", "pin", "pin", "unpin"]


def test_what_is_not_registered_cannot_be_pinned(registry: Registry) -> None:
    with pytest.raises(NotRegistered):
        registry.pin("credit", "1", holder="deployment/a")
    assert registry.pins() == ()


def test_every_removal_is_logged(registry: Registry) -> None:
    fill(registry, 2)
    registry.prune(keep=0)
    with registry.store.read() as connection:
        verify_log(connection)
        removed = read_log(connection, kind="remove")
    assert [(one.subject, one.actor) for one in removed] == [("credit/1", "ada"), ("credit/2", "ada")]


def test_a_dry_run_says_what_a_real_one_does(registry: Registry, tmp_path: Path) -> None:
    keep_model(registry, tmp_path, "1", b"one")
    keep_model(registry, tmp_path, "2", b"two")
    planned = registry.prune(keep=1, grace=NO_GRACE, dry_run=True)
    assert left(registry) == ["2", "1"]
    assert planned == registry.prune(keep=1, grace=NO_GRACE)
    assert (planned.swept.manifests, planned.swept.blobs, planned.swept.size) == (1, 1, 3)


def test_bytes_go_with_the_last_version_that_needs_them(registry: Registry, tmp_path: Path) -> None:
    artifacts = registry.artifacts
    assert artifacts is not None
    first = keep_model(registry, tmp_path, "1", b"one")
    second = keep_model(registry, tmp_path, "2", b"two")
    registry.register(ModelVersion(model_id="twin", version_id="1", digest=first), stored=True)
    assert blobs(artifacts) == 3
    registry.prune("credit", keep=1, grace=NO_GRACE)
    assert artifacts.contains(first)
    registry.prune("twin", keep=0, grace=NO_GRACE)
    assert not artifacts.contains(first)
    artifacts.verify(second)
    assert blobs(artifacts) == 2


def test_young_bytes_stay_and_go_later(registry: Registry, tmp_path: Path, clock: Clock) -> None:
    artifacts = registry.artifacts
    assert artifacts is not None
    clock.now = datetime.now(UTC)
    digest = keep_model(registry, tmp_path, "1", b"one")
    assert registry.prune(keep=0).swept.manifests == 0
    artifacts.verify(digest)
    clock.forward(days=2)
    assert registry.prune(keep=0).swept.manifests == 1
    assert blobs(artifacts) == 0


def test_bytes_that_are_registered_again_stay(registry: Registry, tmp_path: Path, clock: Clock) -> None:
    clock.now = datetime.now(UTC)
    digest = keep_model(registry, tmp_path, "1", b"one")
    registry.prune(keep=0)
    registry.register(ModelVersion(model_id="credit", version_id="1", digest=digest), stored=True)
    clock.forward(days=2)
    registry.prune(keep=5)
    assert registry.artifacts is not None
    registry.artifacts.verify(digest)


def test_what_others_keep_in_the_same_place_is_not_touched(local: Registry, tmp_path: Path) -> None:
    assert local.artifacts is not None
    (tmp_path / "theirs").write_bytes(b"theirs")
    theirs = local.artifacts.put(tmp_path / "theirs").digest
    keep_model(local, tmp_path, "1", b"one")
    local.prune(keep=0, grace=NO_GRACE)
    local.artifacts.verify(theirs)


def test_a_registry_without_artifacts_prunes_its_entries(local: Registry) -> None:
    local.artifacts = None
    fill(local, 1)
    assert local.prune(keep=0).swept.blobs == 0
    assert left(local) == []


def test_a_manifest_that_cannot_be_trusted_stops_the_sweep(local: Registry, tmp_path: Path) -> None:
    assert local.artifacts is not None
    digest = keep_model(local, tmp_path, "1", b"one")
    local.artifacts.blobs.write(manifest_key(digest), [b"{}"])
    with pytest.raises(EvidenceError, match="cannot be trusted"):
        sweep(local.artifacts, (), before=float("inf"))
    assert blobs(local.artifacts) == 2


@pytest.fixture(params=["local", "memory"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    url = str(tmp_path / "kept") if request.param == "local" else f"memory://{tmp_path.name}"
    return open_artifacts(url)


def test_what_a_crash_left_is_swept_when_it_is_old(artifacts: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"w")
    artifacts.put(tmp_path / "w")
    artifacts.blobs.write("temporary/torn", [b"half"])
    artifacts.blobs.write("blobs/00/" + "0" * 64, [b"half"])
    assert sweep(artifacts, (), before=time.time() - 3600).blobs == 0
    assert len(list(artifacts.blobs.items("temporary"))) == 1
    assert sweep(artifacts, (), before=time.time() + 3600).blobs == 1
    assert list(artifacts.blobs.items("temporary")) == []
    assert blobs(artifacts) == 1


def test_a_sweep_of_nothing_is_nothing(artifacts: ArtifactStore) -> None:
    swept = sweep(artifacts, {"0" * 64}, before=time.time())
    assert (swept.manifests, swept.blobs) == (0, 0)


def test_a_blob_that_is_put_again_while_it_is_swept_survives(tmp_path: Path) -> None:
    artifacts = open_artifacts(str(tmp_path / "kept"))
    (tmp_path / "w").write_bytes(b"w")
    digest = artifacts.put(tmp_path / "w").digest
    for path in (tmp_path / "kept").rglob("*"):
        if path.is_file():
            os.utime(path, (1, 1))
    remove = artifacts.blobs.remove
    put_again: list[object] = []

    def remove_late(key: str, *, before: float) -> bool:
        if key.startswith("blobs/") and not put_again:
            put_again.append(open_artifacts(str(tmp_path / "kept")).put(tmp_path / "w"))
        return remove(key, before=before)

    artifacts.blobs.remove = remove_late  # type: ignore[method-assign]
    swept = sweep(artifacts, {digest}, before=time.time() - 60)
    assert put_again
    assert swept.blobs == 0
    artifacts.verify(digest)


def test_what_is_put_again_is_as_young_as_new(local: Registry, tmp_path: Path) -> None:
    artifacts = local.artifacts
    assert artifacts is not None
    digest = keep_model(local, tmp_path, "1", b"one")
    for path in (tmp_path / ".mlops" / "artifacts").rglob("*"):
        if path.is_file():
            os.utime(path, (1, 1))
    artifacts.put(tmp_path / "model-1")
    assert sweep(artifacts, {digest}, before=time.time() - 60).manifests == 0
    artifacts.verify(digest)


def test_what_cannot_be_renewed_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifacts = open_artifacts(f"memory://{tmp_path.name}")
    (tmp_path / "w").write_bytes(b"w")
    artifacts.put(tmp_path / "w")
    first = {item.key: item.modified for item in artifacts.blobs.items("")}
    artifacts.put(tmp_path / "w")
    assert {item.key: item.modified for item in artifacts.blobs.items("")} == first
    monkeypatch.setattr("pytest_mlops.registry.fsspec_blob_store.YOUNG", -1.0)
    artifacts.put(tmp_path / "w")
    again = {item.key: item.modified for item in artifacts.blobs.items("")}
    assert again.keys() == first.keys()
    assert all(again[key] > first[key] for key in first)


def test_a_young_key_is_not_removed(artifacts: ArtifactStore) -> None:
    artifacts.blobs.write("blobs/x", [b"x"])
    assert not artifacts.blobs.remove("blobs/x", before=time.time() - 60)
    assert artifacts.blobs.size("blobs/x") == 1
    assert artifacts.blobs.remove("blobs/x", before=time.time() + 60)
    assert artifacts.blobs.remove("blobs/x", before=time.time() + 60)


def test_no_alias_comes_to_point_to_what_is_being_removed(registry: Registry) -> None:
    fill(registry, 1)
    with ThreadPoolExecutor() as pool:
        with registry.store.write() as connection:
            remove(connection, RetentionRule(keep=0), actor="ada", at=NOW)
            moving = pool.submit(
                registry.move_alias, "credit", "champion", "1", expected=None, reason="too late"
            )
            with pytest.raises(TimeoutError):
                moving.result(timeout=0.3)  # it waits for its turn
        with pytest.raises(NotRegistered):
            moving.result(timeout=30)
    assert registry.alias_state("credit", "champion").version_id is None


def test_what_is_being_pinned_is_not_removed(registry: Registry) -> None:
    fill(registry, 1)
    with ThreadPoolExecutor() as pool:
        with registry.store.write() as connection:
            pin(connection, "credit", "1", holder="deployment/a", actor="ada", at=NOW)
            pruning = pool.submit(registry.prune, keep=0)
            with pytest.raises(TimeoutError):
                pruning.result(timeout=0.3)
        assert pruning.result(timeout=30).versions == ()
    assert left(registry) == ["1"]


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"a file where the folder should be")
    (tmp_path / "w").write_bytes(b"w")
    with pytest.raises(StoreError, match=r"cannot read .*Not a directory"):
        open_artifacts(str(tmp_path / "kept")).put(tmp_path / "w")
