"""Cached digests: the same digest, read again only where a stamp changed."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.evidence import digest as digests
from pytest_mlops.evidence.cached import SETTLED_NS, digest_cached
from pytest_mlops.evidence.digest import digest_artifact

if TYPE_CHECKING:
    from pathlib import Path

Reads = list[str]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    for name in ("a.bin", "b.bin", "sub/c.bin"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name, encoding="utf-8")
    return folder


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """Return the names of the files that are read."""
    found: Reads = []
    real = digests._read

    def read(name: str, path: Path) -> Any:
        found.append(name)
        return real(name, path)

    monkeypatch.setattr(digests, "_read", read)
    return found


def later(monkeypatch: pytest.MonkeyPatch, seconds: float = 10.0) -> None:
    """Let the clock say that some time has passed since the files were written."""
    now = time.time_ns
    monkeypatch.setattr("time.time_ns", lambda: now() + int(seconds * 1e9))


def test_the_digest_is_the_one_that_reading_everything_makes(model: Path, tmp_path: Path) -> None:
    for _ in range(3):
        assert digest_cached(model, tmp_path / "c.json") == digest_artifact(model)


def test_settled_files_are_read_once(
    model: Path, tmp_path: Path, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    digest_cached(model, tmp_path / "c.json")
    assert reads == ["a.bin", "b.bin", "sub/c.bin"]
    reads.clear()
    assert digest_cached(model, tmp_path / "c.json").files == 3
    assert reads == []
    (model / "b.bin").write_text("other", encoding="utf-8")
    found = digest_cached(model, tmp_path / "c.json")
    assert reads == ["b.bin"]
    assert found == digest_artifact(model)


def test_a_change_of_the_same_size_and_time_is_noticed(
    model: Path, tmp_path: Path, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of the last write can be set back; that of the entry's last change cannot."""
    later(monkeypatch)
    path = model / "a.bin"
    digest_cached(model, tmp_path / "c.json")
    before = path.stat()
    reads.clear()
    time.sleep(0.02)
    path.write_text("A.BIN", encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digest_cached(model, tmp_path / "c.json").digest == digest_artifact(model).digest
    assert "a.bin" in reads


def test_a_file_that_was_just_written_is_read_again(model: Path, tmp_path: Path, reads: Reads) -> None:
    """Within one tick of the file system a second write leaves the stamp as it was."""
    digest_cached(model, tmp_path / "c.json")
    reads.clear()
    digest_cached(model, tmp_path / "c.json")
    assert reads == ["a.bin", "b.bin", "sub/c.bin"]
    assert SETTLED_NS == 2 * 10**9


def test_added_and_removed_files_count(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch)
    first = digest_cached(model, tmp_path / "c.json").digest
    (model / "d.bin").touch()
    assert digest_cached(model, tmp_path / "c.json").digest == digest_artifact(model).digest != first
    (model / "d.bin").unlink()
    assert digest_cached(model, tmp_path / "c.json").digest == first


BROKEN = [
    "",
    "{",
    "[]",
    '{"format": 2}',
    '{"format": 1, "artifact": "elsewhere", "files": {}}',
    '{"format": 1, "artifact": "HERE", "files": []}',
    '{"format": 1, "artifact": "HERE", "files": {"a.bin": [1, 2, 3]}}',
    '{"format": 1, "artifact": "HERE", "files": {"a.bin": [1, 2, 3, 4, "xyz"]}}',
    '{"format": 1, "artifact": "HERE", "files": {"gone": [1, 2, 3, 4, "' + "0" * 64 + '"]}}',
]


@pytest.mark.parametrize("text", BROKEN)
def test_a_damaged_cache_is_replaced(
    model: Path, tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    cache = tmp_path / "c.json"
    cache.write_text(text.replace("HERE", str(model.resolve())), encoding="utf-8")
    assert digest_cached(model, cache) == digest_artifact(model)
    assert set(json.loads(cache.read_text(encoding="utf-8"))["files"]) == {"a.bin", "b.bin", "sub/c.bin"}


def test_large_artifacts_have_the_same_digest_read_on_several_cores(
    model: Path, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = digest_artifact(model)
    monkeypatch.setattr(digests, "_PARALLEL_FROM", 1)
    assert digest_artifact(model) == one
    assert sorted(reads) == sorted(["a.bin", "b.bin", "sub/c.bin"] * 2)
