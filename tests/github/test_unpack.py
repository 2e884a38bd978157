"""Unpacking an artifact that may be hostile."""

from __future__ import annotations

import io
import stat
import zipfile
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.errors import EvidenceError, IoError
from pytest_mlops.github import unpack as module
from pytest_mlops.github.unpack import unpack_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAME = "integration-result.json"


def pack(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path / "a.zip", "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in members:
            opened.writestr(name, data)
    return path / "a.zip"


def test_the_record_and_its_arrays_are_unpacked_and_nothing_else(tmp_path: Path) -> None:
    archive = pack(
        tmp_path,
        ("out/", b""),
        (f"out/{NAME}", b"{}"),
        ("out/arrays/1.npz", b"1"),
        ("out/arrays/deep/2.npz", b"2"),
        ("out/artifacts/3", b"3"),
        ("other.txt", b"4"),
    )
    found = unpack_record(archive, tmp_path / "t")
    assert found == tmp_path / "t" / NAME
    assert sorted(path.relative_to(tmp_path / "t").as_posix() for path in (tmp_path / "t").rglob("*")) == [
        "arrays",
        "arrays/1.npz",
        NAME,
    ]


def test_of_several_records_the_one_that_is_named_is_taken(tmp_path: Path) -> None:
    archive = pack(tmp_path, (f"a/{NAME}", b"a"), (f"b/{NAME}", b"b"), ("b/arrays/1.npz", b"1"))
    found = unpack_record(archive, tmp_path / "t", record=f"b/{NAME}")
    assert found.read_bytes() == b"b"
    with pytest.raises(EvidenceError, match=r"got a/integration-result\.json, b/integration"):
        unpack_record(archive, tmp_path / "u")
    with pytest.raises(EvidenceError, match=r"expected one c/integration-result\.json"):
        unpack_record(archive, tmp_path / "v", record=f"c/{NAME}")


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../x",
        "a/../../x",
        "..\\x",
        "C:\\x",
        "\\\\server\\x",
        "C:x",
        "\\x",
        f"../{NAME}",
    ],
)
def test_a_member_that_would_land_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    archive = pack(tmp_path, (NAME, b"{}"), (name, b"x"))
    with pytest.raises(EvidenceError, match="an unsafe path"):
        unpack_record(archive, tmp_path / "t")
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_a_member_that_is_no_plain_file_is_refused(tmp_path: Path, kind: int) -> None:
    link = zipfile.ZipInfo(NAME)
    link.create_system = 3
    link.external_attr = (kind | 0o777) << 16
    with pytest.raises(EvidenceError, match="not a plain file"):
        unpack_record(pack(tmp_path, (link, b"/etc/passwd")), tmp_path / "t")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="twice"):
        unpack_record(pack(tmp_path, (NAME, b"1"), (NAME, b"2")), tmp_path / "t")


def test_a_bomb_is_given_up(tmp_path: Path) -> None:
    archive = pack(tmp_path, (NAME, b"{}"), ("arrays/1.npz", b"\0" * 5_000_000))
    assert archive.stat().st_size < 10_000
    with pytest.raises(EvidenceError, match="exceeds the size limit"):
        unpack_record(archive, tmp_path / "t", most=1_000_000)


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_MEMBERS", 2)
    archive = pack(tmp_path, *((f"{number}", b"") for number in range(3)))
    with pytest.raises(EvidenceError, match="has 3 members, the limit is 2"):
        unpack_record(archive, tmp_path / "t")


def broken(data: bytes) -> bytes:
    """Change a byte of the packed data."""
    place = data.index(b"PK\x01\x02") - 4
    return data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :]


@pytest.mark.parametrize(
    "change", [lambda _: b"", lambda _: b"no zip", lambda data: data[: len(data) // 2], broken]
)
def test_what_is_no_zip_file_is_refused(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    archive = pack(tmp_path, (NAME, bytes(range(256)) * 100))
    archive.write_bytes(change(archive.read_bytes()))
    with pytest.raises(EvidenceError, match="not a readable zip file"):
        unpack_record(archive, tmp_path / "t")


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    archive = pack(tmp_path, (NAME, b"{}"))
    data = bytearray(archive.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(bytes(data))
    with pytest.raises(EvidenceError, match="not a readable zip file"):
        unpack_record(archive, tmp_path / "t")


def test_an_empty_archive_has_no_record(tmp_path: Path) -> None:
    stream = io.BytesIO()
    zipfile.ZipFile(stream, "w").close()
    (tmp_path / "a.zip").write_bytes(stream.getvalue())
    with pytest.raises(EvidenceError, match="got none"):
        unpack_record(tmp_path / "a.zip", tmp_path / "t")


def test_a_target_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("")
    with pytest.raises(IoError, match="cannot be unpacked"):
        unpack_record(pack(tmp_path, (NAME, b"{}")), tmp_path / "t")
