"""The digest of a model artifact binds names and bytes, and refuses what it cannot vouch for."""

from __future__ import annotations

import hashlib
import os
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlops.errors import IoError, ModelArtifactNotFound
from pytest_mlops.evidence import artifact as module
from pytest_mlops.evidence.artifact import resolve_artifact
from pytest_mlops.evidence.digest import changed_since, copy_artifact, digest_artifact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

posix = pytest.mark.skipif(os.name == "nt", reason="links and special files of POSIX")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "parts").mkdir(parents=True)
    (folder / "model.json").write_bytes(b"{}")
    (folder / "parts" / "weights.bin").write_bytes(b"\x00\x01\x02")
    return folder


def entry(name: str, data: bytes) -> bytes:
    encoded = name.encode()
    size = len(data).to_bytes(8, "big")
    return len(encoded).to_bytes(8, "big") + encoded + size + hashlib.sha256(data).digest()


def test_digest_follows_the_documented_encoding(model: Path) -> None:
    written = entry("model.json", b"{}") + entry("parts/weights.bin", b"\x00\x01\x02")
    found = digest_artifact(model)
    assert found.digest == hashlib.sha256(b"pytest-mlops artifact 1\n" + written).hexdigest()
    assert (found.files, found.size) == (2, 5)
    assert found.stamps["model.json"].size == 2
    assert found.digests["model.json"] == hashlib.sha256(b"{}").hexdigest()


def test_digest_does_not_depend_on_the_place_or_the_order_of_writing(tmp_path: Path) -> None:
    for place, names in (("a", "xyz"), ("b", "zyx")):
        (tmp_path / place).mkdir()
        for name in names:
            (tmp_path / place / name).write_text(name)
    assert digest_artifact(tmp_path / "a").digest == digest_artifact(tmp_path / "b").digest


def test_single_file_counts_as_a_folder_that_holds_it_alone(tmp_path: Path) -> None:
    (tmp_path / "only").mkdir()
    file = tmp_path / "only" / "model.bin"
    file.write_bytes(b"weights")
    before = digest_artifact(file)
    assert before.digest == digest_artifact(tmp_path / "only").digest
    assert digest_artifact(file.rename(tmp_path / "only" / "other.bin")).digest != before.digest


def test_files_larger_than_one_piece_are_read_whole(tmp_path: Path) -> None:
    data = os.urandom(1024 * 1024) + b"tail"
    (tmp_path / "big.bin").write_bytes(data)
    assert digest_artifact(tmp_path / "big.bin").digests["big.bin"] == hashlib.sha256(data).hexdigest()


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["a", "b", "ab", "a b"]), st.binary(max_size=4), min_size=1),
        min_size=2,
        max_size=2,
    )
)
def test_digests_are_equal_exactly_when_names_and_bytes_are(trees: list[dict[str, bytes]]) -> None:
    digests = []
    for tree in trees:
        with tempfile.TemporaryDirectory() as folder:
            for name, data in tree.items():
                Path(folder, name).write_bytes(data)
            digests.append(digest_artifact(Path(folder)).digest)
    assert (digests[0] == digests[1]) == (trees[0] == trees[1])


@pytest.mark.parametrize("name", [".hidden", ".DS_Store", "__pycache__/model.pyc"])
def test_every_file_counts(model: Path, name: str) -> None:
    before = digest_artifact(model).digest
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_bytes(b"")
    assert digest_artifact(model).digest != before


def test_moving_bytes_between_files_changes_the_digest(model: Path) -> None:
    before = digest_artifact(model).digest
    (model / "model.json").write_bytes(b"\x00\x01\x02")
    (model / "parts" / "weights.bin").write_bytes(b"{}")
    assert digest_artifact(model).digest != before


def test_folder_without_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model" / "empty").mkdir(parents=True)
    with pytest.raises(ModelArtifactNotFound, match="contains no files; train or fetch"):
        digest_artifact(tmp_path / "model")


def test_missing_artifact_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelArtifactNotFound, match="does not exist"):
        digest_artifact(tmp_path / "model")


@posix
def test_link_inside_is_read_as_its_target(model: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    copied.mkdir()
    (copied / "a.bin").write_bytes(b"same")
    (copied / "b.bin").write_bytes(b"same")
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "a.bin").write_bytes(b"same")
    (linked / "b.bin").symlink_to("a.bin")
    assert digest_artifact(linked).digest == digest_artifact(copied).digest


@posix
def test_link_to_a_folder_inside_brings_its_files(model: Path) -> None:
    (model / "latest").symlink_to("parts", target_is_directory=True)
    found = digest_artifact(model)
    assert set(found.digests) == {"model.json", "parts/weights.bin", "latest/weights.bin"}


@posix
def test_artifact_that_is_itself_a_link_is_followed(model: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(model, target_is_directory=True)
    path = resolve_artifact(tmp_path, "current")
    assert digest_artifact(path).digest == digest_artifact(model).digest


@posix
@pytest.mark.parametrize("target", ["../secret", "parts/../../secret"])
def test_link_that_leaves_the_folder_is_refused(model: Path, target: str) -> None:
    (model.parent / "secret").write_text("x")
    (model / "link").symlink_to(target)
    with pytest.raises(ModelArtifactNotFound, match=r"'link' .* outside the artifact; put a copy"):
        digest_artifact(model)


@posix
def test_link_to_a_sibling_that_shares_the_prefix_is_refused(model: Path) -> None:
    (model.parent / "model-2").mkdir()
    (model.parent / "model-2" / "x").write_text("x")
    (model / "link").symlink_to("../model-2/x")
    with pytest.raises(ModelArtifactNotFound, match="outside the artifact"):
        digest_artifact(model)


@posix
def test_link_to_nothing_is_refused(model: Path) -> None:
    (model / "link").symlink_to("gone")
    with pytest.raises(ModelArtifactNotFound, match="does not exist"):
        digest_artifact(model)


@posix
@pytest.mark.parametrize("place", ["parts/up", "parts/self"])
def test_folder_that_leads_back_to_itself_is_refused(model: Path, place: str) -> None:
    target = ".." if place.endswith("up") else "."
    (model / place).symlink_to(target, target_is_directory=True)
    with pytest.raises(ModelArtifactNotFound, match="points to a folder that contains it"):
        digest_artifact(model)


@posix
def test_links_that_point_at_each_other_are_refused(model: Path) -> None:
    (model / "a").symlink_to("b")
    (model / "b").symlink_to("a")
    with pytest.raises(ModelArtifactNotFound, match="model artifact"):
        digest_artifact(model)


@posix
def test_links_that_multiply_each_other_end_at_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 500)
    for level in range(12):
        folder = tmp_path / f"level{level}"
        folder.mkdir()
        for side in "ab":
            if level < 11:
                (folder / side).symlink_to(f"../level{level + 1}", target_is_directory=True)
    with pytest.raises(ModelArtifactNotFound, match="more than 500 files and folders"):
        digest_artifact(tmp_path)


@posix
@pytest.mark.parametrize("kind", ["fifo", "socket", "link to a fifo"])
def test_special_file_is_refused_without_being_opened(kind: str) -> None:
    # A socket's path must be short, which pytest's own folders are not.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as server:
        if kind == "socket":
            server.bind(f"{folder}/odd")
        else:
            os.mkfifo(f"{folder}/odd")
        if kind == "link to a fifo":
            Path(folder, "also").symlink_to("odd")
        with pytest.raises(ModelArtifactNotFound, match="is a device, pipe or socket"):
            digest_artifact(Path(folder))


@posix
def test_device_given_as_the_artifact_is_refused() -> None:
    with pytest.raises(ModelArtifactNotFound, match="is a device, pipe or socket"):
        digest_artifact(Path(os.devnull))


@posix
def test_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/bad\xff"
    try:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
    except OSError:
        pytest.skip("this file system refuses such a name itself")
    with pytest.raises(ModelArtifactNotFound, match="not valid UTF-8; rename the file"):
        digest_artifact(tmp_path)


@pytest.mark.parametrize("call", ["open", "scandir"])
def test_what_may_not_be_read_is_named_with_the_reason(
    model: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def refuse(path: object, *args: object) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(
        ModelArtifactNotFound, match=r"cannot be read: Permission denied; check its permissions"
    ):
        digest_artifact(model)


def test_unreadable_parent_is_named_with_the_reason(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *, strict: bool = False) -> Path:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "resolve", refuse)
    with pytest.raises(ModelArtifactNotFound, match="Permission denied"):
        digest_artifact(model)


def test_file_written_to_while_it_is_read_is_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = os.fstat
    calls: list[int] = []

    def fstat(handle: int) -> os.stat_result:
        calls.append(handle)
        if len(calls) == 2:
            with (model / "model.json").open("ab") as stream:
                stream.write(b"more")
        return honest(handle)

    monkeypatch.setattr(os, "fstat", fstat)
    with pytest.raises(ModelArtifactNotFound, match=r"'model\.json' .* written to while it was read"):
        digest_artifact(model)


@pytest.mark.parametrize("artifact", ["model", "model/", "./model", "model/model.json", "."])
def test_artifact_at_or_below_the_folder_is_found(model: Path, artifact: str) -> None:
    assert resolve_artifact(model.parent, artifact) == model.parent / artifact


@pytest.mark.parametrize("artifact", ["..", "../model", "model/../model", "/etc/hostname", "", " "])
def test_path_that_is_not_relative_and_below_is_refused(model: Path, artifact: str) -> None:
    with pytest.raises(ModelArtifactNotFound, match=r"expected a relative path without '\.\.'"):
        resolve_artifact(model.parent, artifact)


@pytest.mark.parametrize("artifact", ["modle", "model/gone.bin", "model/model.json/x", "a\0b"])
def test_path_to_nothing_is_refused(model: Path, artifact: str) -> None:
    with pytest.raises(ModelArtifactNotFound, match=r"does not exist|is not a valid path"):
        resolve_artifact(model.parent, artifact)


@posix
def test_artifact_that_leads_out_by_a_link_is_refused(model: Path) -> None:
    project = model.parent / "project"
    project.mkdir()
    (project / "model").symlink_to(model, target_is_directory=True)
    with pytest.raises(ModelArtifactNotFound, match=r"points to .* outside"):
        resolve_artifact(project, "model")


def test_untouched_artifact_has_not_changed(model: Path) -> None:
    assert changed_since(model, digest_artifact(model)) is None


def test_untouched_files_are_not_read_again(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest_artifact(model)

    def unexpected(*args: object) -> int:
        raise AssertionError("read again")

    monkeypatch.setattr(os, "open", unexpected)
    assert changed_since(model, before) is None


def test_touched_file_with_equal_bytes_has_not_changed(model: Path) -> None:
    before = digest_artifact(model)
    os.utime(model / "model.json", ns=(1, 1))
    assert changed_since(model, before) is None


def test_changed_bytes_are_named(model: Path) -> None:
    before = digest_artifact(model)
    (model / "parts" / "weights.bin").write_bytes(b"longer than before")
    assert changed_since(model, before) == (
        "the model artifact's file 'parts/weights.bin' changed while its tests ran"
    )


@posix
def test_bytes_changed_behind_an_old_time_of_writing_are_named(model: Path) -> None:
    file = model / "model.json"
    os.utime(file, ns=(1, 1))
    before = digest_artifact(model)
    handle = os.open(file, os.O_WRONLY)
    os.write(handle, b"[]")
    os.close(handle)
    os.utime(file, ns=(1, 1))
    assert file.stat().st_mtime_ns == before.stamps["model.json"].mtime_ns
    if file.stat().st_ctime_ns == before.stamps["model.json"].ctime_ns:
        pytest.skip("this file system's clock is too coarse to see two changes")
    assert "'model.json' changed" in (changed_since(model, before) or "")


def test_added_file_is_named(model: Path) -> None:
    before = digest_artifact(model)
    (model / "new.bin").write_bytes(b"")
    assert changed_since(model, before) == "the model artifact gained the file 'new.bin' while its tests ran"


def test_removed_file_is_named(model: Path) -> None:
    before = digest_artifact(model)
    (model / "model.json").unlink()
    assert changed_since(model, before) == "the model artifact lost the file 'model.json' while its tests ran"


def test_artifact_that_vanished_is_a_sentence_and_no_error(model: Path) -> None:
    before = digest_artifact(model)
    model.rename(model.with_name("elsewhere"))
    assert "cannot be read any more: " in (changed_since(model, before) or "")


def test_a_copy_has_the_digest_of_what_was_read_and_the_bytes_too(model: Path, tmp_path: Path) -> None:
    copied = copy_artifact(model, tmp_path / "copy")
    assert copied == digest_artifact(model)
    assert digest_artifact(tmp_path / "copy").digest == copied.digest


def test_a_single_file_is_copied_to_the_very_name(model: Path, tmp_path: Path) -> None:
    source = next(path for path in model.rglob("*") if path.is_file())
    copied = copy_artifact(source, tmp_path / "deep" / "copy")
    assert copied.digest == digest_artifact(source).digest
    assert (tmp_path / "deep" / "copy").read_bytes() == source.read_bytes()


def test_links_are_copied_as_what_they_point_to(model: Path, tmp_path: Path) -> None:
    inner = next(path for path in model.iterdir() if path.is_file())
    (model / "link").symlink_to(inner)
    copy_artifact(model, tmp_path / "copy")
    assert not (tmp_path / "copy" / "link").is_symlink()
    assert (tmp_path / "copy" / "link").read_bytes() == inner.read_bytes()


def test_a_copy_that_does_not_fit_on_the_disk_names_the_copy(
    tmp_path: Path, file_size_limit: Callable[[int], None]
) -> None:
    source = tmp_path / "weights"
    source.write_bytes(bytes(3_000_000))
    file_size_limit(1_500_000)
    with pytest.raises(IoError, match=r"cannot write .*copy"):
        copy_artifact(source, tmp_path / "copy")


def test_nothing_is_copied_over_what_is_there(model: Path, tmp_path: Path) -> None:
    copy_artifact(model, tmp_path / "copy")
    with pytest.raises(IoError, match=r"cannot write .*exists"):
        copy_artifact(model, tmp_path / "copy")


@pytest.fixture
def file_size_limit() -> Iterator[Callable[[int], None]]:
    """Limit the size of the files that this process writes, until the test is over."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
