"""Arrays in files named by their digests."""

from __future__ import annotations

import hashlib
import io
import threading
import time
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_mlops.errors import EvidenceError, IoError, RecordingError
from pytest_mlops.evidence.arrays import load_arrays, save_arrays

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

ARRAYS: dict[str, NDArray[Any]] = {
    "y_true": np.array([1, 0, 1]),
    "y_pred": np.array(["good", "bad", "ü"]),
    "y_score": np.array([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]]),
    "slice:a/b": np.array([True, False, True]),
}


def keep(data: bytes, folder: Path) -> Path:
    """Write a file under the digest of its bytes, whatever they are."""
    path = folder / f"{hashlib.sha256(data).hexdigest()}.npz"
    path.write_bytes(data)
    return path


def packed(member: bytes, *, compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        archive.writestr("y_true.npy", member)
    return stream.getvalue()


def same(left: Mapping[str, NDArray[Any]], right: Mapping[str, NDArray[Any]]) -> bool:
    return left.keys() == right.keys() and all(
        left[name].dtype == right[name].dtype and np.array_equal(left[name], right[name]) for name in left
    )


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    digest, size = save_arrays(ARRAYS, tmp_path)
    path = tmp_path / f"{digest}.npz"
    assert path.stat().st_size == size
    assert same(load_arrays(path), ARRAYS)


def test_numpy_reads_the_file_without_pickles(tmp_path: Path) -> None:
    digest, _ = save_arrays(ARRAYS, tmp_path)
    with np.load(tmp_path / f"{digest}.npz", allow_pickle=False) as archive:
        assert same(dict(archive), ARRAYS)


def test_slices_named_like_files_stay_apart(tmp_path: Path) -> None:
    arrays = {"slice:a": np.array([True]), "slice:a.npy": np.array([False])}
    digest, _ = save_arrays(arrays, tmp_path)
    assert same(load_arrays(tmp_path / f"{digest}.npz"), arrays)


def test_equal_arrays_make_one_file_whatever_their_order_and_the_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = save_arrays(ARRAYS, tmp_path)
    later = time.localtime(2_000_000_000)
    monkeypatch.setattr(time, "localtime", lambda *_: later)
    assert save_arrays(dict(reversed(ARRAYS.items())), tmp_path) == first
    assert len(list(tmp_path.iterdir())) == 1


def test_an_array_with_gaps_in_memory_is_written_by_value(tmp_path: Path) -> None:
    wide = np.arange(20).reshape(4, 5)
    assert save_arrays({"x": wide[:, 2]}, tmp_path) == save_arrays({"x": wide[:, 2].copy()}, tmp_path)


def test_other_values_make_another_file(tmp_path: Path) -> None:
    assert save_arrays({"x": np.arange(3)}, tmp_path)[0] != save_arrays({"x": np.arange(4)}, tmp_path)[0]


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    digest, _ = save_arrays(ARRAYS, tmp_path)
    before = (tmp_path / f"{digest}.npz").stat()
    save_arrays(ARRAYS, tmp_path)
    after = (tmp_path / f"{digest}.npz").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_file_cut_short_is_written_again(tmp_path: Path) -> None:
    digest, size = save_arrays(ARRAYS, tmp_path)
    path = tmp_path / f"{digest}.npz"
    path.write_bytes(path.read_bytes()[:-1])
    save_arrays(ARRAYS, tmp_path)
    assert path.stat().st_size == size


def test_writers_of_the_same_arrays_do_not_disturb_each_other(tmp_path: Path) -> None:
    found: list[tuple[str, int]] = []
    writers = [threading.Thread(target=lambda: found.append(save_arrays(ARRAYS, tmp_path))) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [f"{found[0][0]}.npz"]


def test_objects_are_refused_since_only_pickles_hold_them(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="array 'ids' has dtype object; expected numbers"):
        save_arrays({"ids": np.array([{}, None], dtype=object)}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_io_error(tmp_path: Path) -> None:
    (tmp_path / "arrays").write_text("in the way")
    with pytest.raises(IoError, match="cannot write"):
        save_arrays(ARRAYS, tmp_path / "arrays")


def test_a_changed_file_is_no_evidence(tmp_path: Path) -> None:
    digest, _ = save_arrays(ARRAYS, tmp_path)
    path = tmp_path / f"{digest}.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(EvidenceError, match="expected that of its name; it was changed"):
        load_arrays(path)


def test_a_missing_file_is_no_evidence(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=r"cannot read .*expected the arrays that the record names"):
        load_arrays(tmp_path / "gone.npz")


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(EvidenceError, match="is not a plain NPZ file"):
        load_arrays(keep(packed(stream.getvalue()), tmp_path))


@pytest.mark.parametrize("data", [b"", b"no archive", packed(b"no array"), packed(b"")])
def test_other_files_are_no_evidence(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="is not a plain NPZ file"):
        load_arrays(keep(data, tmp_path))


def test_a_compressed_member_is_refused_before_it_swells(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.zeros(10_000), allow_pickle=False)
    with pytest.raises(EvidenceError, match=r"y_true\.npy is compressed"):
        load_arrays(keep(packed(stream.getvalue(), compression=zipfile.ZIP_DEFLATED), tmp_path))


def test_an_array_that_claims_more_than_its_bytes_is_no_evidence(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.zeros(100), allow_pickle=False)
    claim = stream.getvalue().replace(b"(100,)", b"(999,)")
    with pytest.raises(EvidenceError, match="is not a plain NPZ file"):
        load_arrays(keep(packed(claim), tmp_path))
