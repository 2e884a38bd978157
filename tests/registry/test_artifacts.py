"""The artifact store: whole or not there, once each, and verified whenever it is read."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from pytest_mlops.errors import EvidenceError, ModelArtifactNotFound, NotRegistered, StoreError
from pytest_mlops.evidence.digest import digest_artifact
from pytest_mlops.registry.artifacts import ArtifactStore, blob_key, manifest_key, open_artifacts

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = {
    "weights.bin": b"w" * 3_000_000,
    "config/tokens.json": b"{}",
    "config/copy.json": b"{}",
    ".hidden": b"",
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    for name, data in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


@pytest.fixture(params=["local", "memory"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ArtifactStore]:
    """Return an empty store, in a folder and behind fsspec in turn."""
    if request.param == "local":
        yield open_artifacts(str(tmp_path / "kept"))
        return
    fsspec = pytest.importorskip("fsspec")
    yield open_artifacts(f"memory://{tmp_path.name}")
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def local(tmp_path: Path) -> ArtifactStore:
    return open_artifacts("kept", folder=tmp_path)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def keys(artifacts: ArtifactStore) -> list[str]:
    return [item.key for folder in ("blobs", "manifests") for item in artifacts.blobs.items(folder)]


def spoil(artifacts: ArtifactStore, key: str, data: bytes) -> None:
    artifacts.blobs.write(key, [data])


def test_what_is_put_comes_back(artifacts: ArtifactStore, model: Path, tmp_path: Path) -> None:
    manifest = artifacts.put(model)
    assert manifest.digest == digest_artifact(model).digest
    assert manifest.size == sum(map(len, FILES.values()))
    assert artifacts.contains(manifest.digest)
    assert artifacts.manifest(manifest.digest) == manifest
    target = artifacts.get(manifest.digest, tmp_path / "deep" / "target")
    assert contents(target) == FILES
    assert digest_artifact(target).digest == manifest.digest


def test_a_single_file_comes_back_in_a_folder(artifacts: ArtifactStore, model: Path, tmp_path: Path) -> None:
    manifest = artifacts.put(model / "weights.bin")
    assert contents(artifacts.get(manifest.digest, tmp_path / "out")) == {"weights.bin": FILES["weights.bin"]}


def test_equal_bytes_are_kept_once(artifacts: ArtifactStore, model: Path) -> None:
    artifacts.put(model)
    assert len([key for key in keys(artifacts) if key.startswith("blobs/")]) == 3
    before = keys(artifacts)
    artifacts.put(model)
    assert keys(artifacts) == before
    (model / "config" / "copy.json").write_bytes(b"[]")
    artifacts.put(model)
    assert len(keys(artifacts)) == len(before) + 2  # a blob and a manifest


def test_files_of_several_folders_make_an_artifact(
    artifacts: ArtifactStore, model: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"o")
    manifest = artifacts.put_files({"a/b": other, "c": model / "weights.bin"})
    assert contents(artifacts.get(manifest.digest, tmp_path / "out")) == {
        "a/b": b"o",
        "c": FILES["weights.bin"],
    }


def test_what_cannot_be_read_is_named(local: ArtifactStore, tmp_path: Path) -> None:
    with pytest.raises(ModelArtifactNotFound, match="does not exist"):
        local.put(tmp_path / "nothing")
    with pytest.raises(ModelArtifactNotFound, match="cannot read"):
        local.put_files({"a": tmp_path / "nothing"})
    assert keys(local) == []


def test_an_artifact_that_is_not_stored_is_not_registered(artifacts: ArtifactStore, tmp_path: Path) -> None:
    assert not artifacts.contains("0" * 64)
    with pytest.raises(NotRegistered, match="is not stored in"):
        artifacts.get("0" * 64, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_changed_bytes_are_noticed_and_nothing_is_written(
    artifacts: ArtifactStore, model: Path, tmp_path: Path
) -> None:
    manifest = artifacts.put(model)
    (weights,) = (file for file in manifest.files if file.name == "weights.bin")
    spoil(artifacts, blob_key(weights.digest), b"x" + FILES["weights.bin"][1:])
    with pytest.raises(EvidenceError, match=r"'weights.bin' has the digest .*, expected"):
        artifacts.get(manifest.digest, tmp_path / "out")
    with pytest.raises(EvidenceError, match=r"'weights.bin' has the digest"):
        artifacts.verify(manifest.digest)
    assert not list(tmp_path.glob("*out*"))


def test_bytes_that_are_gone_or_cut_are_noticed_and_putting_again_mends_them(
    artifacts: ArtifactStore, model: Path
) -> None:
    manifest = artifacts.put(model)
    key = blob_key(next(file.digest for file in manifest.files if file.name == "weights.bin"))
    spoil(artifacts, key, b"short")
    with pytest.raises(EvidenceError, match="has 5 bytes instead of 3,000,000"):
        artifacts.verify(manifest.digest)
    artifacts.blobs.remove(key, before=float("inf"))
    with pytest.raises(EvidenceError, match="is gone"):
        artifacts.verify(manifest.digest)
    artifacts.put(model)
    assert artifacts.verify(manifest.digest) == manifest


EVIL = [
    "../x",
    "a/../../x",
    "/etc/x",
    "a//b",
    "./a",
    "a\\b",
    "C:x",
    "C:/x",
    "\\\\server\\x",
    "a/",
    "a\0b",
    "..",
]


@pytest.mark.parametrize("name", EVIL)
def test_a_manifest_that_names_files_outside_is_refused(
    local: ArtifactStore, tmp_path: Path, name: str
) -> None:
    from pytest_mlops.evidence.digest import combine_digests

    blob = "0" * 64
    digest = combine_digests({name: (1, blob)})
    text = json.dumps({"format": 1, "files": [{"name": name, "size": 1, "digest": blob}]})
    spoil(local, manifest_key(digest), text.encode())
    with pytest.raises(EvidenceError, match=r"cannot be trusted: .*file name"):
        local.get(digest, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "files",
    [
        [],
        [{"name": "a", "size": 1, "digest": "0" * 64}] * 2,
        [{"name": "a", "size": 1, "digest": "0" * 64}, {"name": "a/b", "size": 1, "digest": "0" * 64}],
        [{"name": "a", "size": -1, "digest": "0" * 64}],
        [{"name": "a", "size": 1, "digest": "../../x"}],
        [{"name": "a", "size": 1, "digest": "0" * 64, "mode": 7}],
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(local: ArtifactStore, files: list[dict[str, Any]]) -> None:
    digest = "1" * 64
    spoil(local, manifest_key(digest), json.dumps({"format": 1, "files": files}).encode())
    with pytest.raises(EvidenceError, match="cannot be trusted"):
        local.manifest(digest)


def test_a_manifest_of_another_artifact_is_refused(local: ArtifactStore, model: Path) -> None:
    first = local.put(model)
    (model / "weights.bin").write_bytes(b"other")
    second = local.put(model)
    spoil(local, manifest_key(first.digest), second.model_dump_json().encode())
    with pytest.raises(EvidenceError, match=f"is that of {second.digest}"):
        local.manifest(first.digest)
    spoil(local, manifest_key(first.digest), b"\xff{")
    with pytest.raises(EvidenceError, match="cannot be trusted"):
        local.manifest(first.digest)


def test_a_manifest_of_absurd_length_is_not_read(
    local: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_mlops.registry.artifacts.MAX_MANIFEST_BYTES", 10)
    spoil(local, manifest_key("1" * 64), b"x" * 11)
    with pytest.raises(EvidenceError, match="11 bytes"):
        local.manifest("1" * 64)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize("name", ["a\\b", "C:x", "line\nbreak"])
def test_a_name_that_other_systems_read_otherwise_is_not_kept(
    local: ArtifactStore, model: Path, name: str
) -> None:
    (model / name).write_bytes(b"x")
    with pytest.raises(ModelArtifactNotFound, match=r"file name .* rename it"):
        local.put(model)
    assert keys(local) == []


def test_a_target_that_holds_the_artifact_is_left_alone(
    local: ArtifactStore, model: Path, tmp_path: Path
) -> None:
    manifest = local.put(model)
    target = local.get(manifest.digest, tmp_path / "out")
    before = target.stat().st_ino
    assert local.get(manifest.digest, target).stat().st_ino == before


def test_a_target_that_holds_something_else_is_not_touched(
    local: ArtifactStore, model: Path, tmp_path: Path
) -> None:
    manifest = local.put(model)
    target = tmp_path / "out"
    target.mkdir()
    (target / "mine").write_bytes(b"m")
    with pytest.raises(StoreError, match="exists and is not the artifact"):
        local.get(manifest.digest, target)
    assert contents(target) == {"mine": b"m"}
    with pytest.raises(StoreError, match="exists and is not the artifact"):
        local.get(manifest.digest, target / "mine")


def test_whoever_is_second_to_fetch_takes_what_the_first_put_there(
    local: ArtifactStore, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, target = local.put(model), tmp_path / "out"
    rename = Path.rename

    def late(path: Path, to: Path) -> Path:
        if to == target and not target.exists():
            monkeypatch.setattr(Path, "rename", rename)
            open_artifacts("kept", folder=tmp_path).get(manifest.digest, target)
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", late)
    assert contents(local.get(manifest.digest, target)) == FILES
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == ["out"]


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_full_or_broken_disk_leaves_nothing_half_there(
    local: ArtifactStore, model: Path, monkeypatch: pytest.MonkeyPatch, step: str, code: int
) -> None:
    with monkeypatch.context() as broken:
        break_disk(broken, step, code)
        with pytest.raises(StoreError, match=f"cannot write .*: {os.strerror(code)}"):
            local.put(model)
    assert not [key for key in keys(local) if key.startswith("manifests/")]
    assert list(local.blobs.items("temporary")) == []
    local.verify(local.put(model).digest)


@pytest.mark.parametrize("step", ["write", "fsync"])
def test_a_full_disk_leaves_no_half_target(
    local: ArtifactStore, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    manifest = local.put(model)
    with monkeypatch.context() as broken:
        break_disk(broken, step, errno.ENOSPC)
        with pytest.raises(StoreError, match="No space left"):
            local.get(manifest.digest, tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


def break_disk(broken: pytest.MonkeyPatch, step: str, code: int) -> None:
    """Let the first ``step`` of writing a file fail."""

    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    if step == "fsync":
        broken.setattr(os, "fsync", fail)
    elif step == "replace":
        broken.setattr(Path, "replace", fail)
    else:
        opened = Path.open

        def open_(path: Path, mode: str = "r", *more: Any, **options: Any) -> Any:
            stream = opened(path, mode, *more, **options)
            return Full(stream, fail) if "x" in mode else stream

        broken.setattr(Path, "open", open_)


class Full:
    """A file on a disk that is full."""

    def __init__(self, stream: Any, fail: Any) -> None:
        self.stream = stream
        self.write = fail

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()


def test_a_file_that_changes_while_it_is_stored_is_refused(
    local: ArtifactStore, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digested = digest_artifact(model)

    def digest_then_change(path: Path) -> Any:
        (model / "weights.bin").write_bytes(b"v" * 3_000_000)
        return digested

    monkeypatch.setattr("pytest_mlops.registry.artifacts.digest_artifact", digest_then_change)
    with pytest.raises(ModelArtifactNotFound, match="was written to while it was stored"):
        local.put(model)
    assert not local.contains(digested.digest)
    assert not local.blobs.size(blob_key(digested.digests["weights.bin"]))


def test_a_sweep_that_takes_a_blob_meanwhile_is_made_good(
    local: ArtifactStore, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []
    write = local.blobs.write

    def write_then_lose(key: str, chunks: Any) -> None:
        write(key, chunks)
        if key.startswith("manifests/") and not taken:
            taken.append(next(local.blobs.items("blobs")).key)
            local.blobs.remove(taken[0], before=float("inf"))

    monkeypatch.setattr(local.blobs, "write", write_then_lose)
    local.verify(local.put(model).digest)
    assert taken


def test_blobs_that_always_vanish_are_an_error(
    local: ArtifactStore, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = local.blobs.write
    monkeypatch.setattr(
        local.blobs, "write", lambda key, chunks: None if "blobs" in key else write(key, chunks)
    )
    with pytest.raises(StoreError, match="vanish"):
        local.put(model)


def test_the_environment_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_artifacts(folder=tmp_path).blobs.url == str(tmp_path / ".mlops" / "artifacts")
    monkeypatch.setenv("MLOPS_ARTIFACTS", f"file://{tmp_path / 'elsewhere'}")
    assert open_artifacts(folder=tmp_path).blobs.url == str(tmp_path / "elsewhere")


def test_a_kind_nobody_knows_is_one_sentence() -> None:
    with pytest.raises(StoreError, match="cannot open the artifacts at odd://"):
        open_artifacts("odd://bucket/x")


def test_a_missing_backend_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(StoreError, match=r"s3:// cannot be reached .* run: pip install s3fs"):
        open_artifacts("s3://bucket/models")
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(StoreError, match=r"needs fsspec; run: pip install 'pytest-mlops\[ops\]'"):
        open_artifacts("s3://bucket/models")


def test_a_password_in_the_url_is_not_shown() -> None:
    from pytest_mlops.registry.fsspec_blob_store import FsspecBlobStore

    blobs = FsspecBlobStore(url="sftp://me:secret@host/models", system=None, root="/models")
    assert blobs.url == "sftp://host/models"


class Broken:
    """A remote file system whose every operation fails."""

    def __getattr__(self, name: str) -> Any:
        def fail(*_: object, **__: object) -> None:
            raise RuntimeError("the server\nrefused")

        return fail


def test_whatever_a_backend_raises_is_one_sentence(model: Path) -> None:
    from pytest_mlops.registry.fsspec_blob_store import FsspecBlobStore

    blobs = FsspecBlobStore(url="odd://host/models", system=Broken(), root="/models")
    artifacts = ArtifactStore(blobs)
    with pytest.raises(StoreError, match=r"cannot read .* at odd://host/models: the server refused"):
        artifacts.put(model)
    for ask in (lambda: blobs.write("a", [b"x"]), lambda: list(blobs.items("blobs"))):
        with pytest.raises(StoreError, match="the server refused"):
            ask()
