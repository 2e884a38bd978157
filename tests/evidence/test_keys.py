"""Keys: made for their owner alone, read with suspicion, named as securesystemslib names them."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

from pytest_mlops.errors import ConfigError, IoError
from pytest_mlops.evidence.keys import generate_key, load_public_key, load_signing_key, parse_public_key

if TYPE_CHECKING:
    from pathlib import Path

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
PLAIN = serialization.NoEncryption()


def private_file(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_a_new_key_is_its_owners_alone_and_reads_back(tmp_path: Path) -> None:
    key, public = generate_key(tmp_path / "ci.key")
    assert stat.S_IMODE((tmp_path / "ci.key").stat().st_mode) == 0o600
    assert public == tmp_path / "ci.pub"
    assert load_signing_key(tmp_path / "ci.key").public.id == load_public_key(public).id == key.public.id
    assert load_public_key(public).verifies(b"data", key.sign(b"data"))
    assert not load_public_key(public).verifies(b"other", key.sign(b"data"))


def test_a_key_has_the_id_that_securesystemslib_gives_it(tmp_path: Path) -> None:
    key, _ = generate_key(tmp_path / "ci.key")
    assert SSlibKey.from_crypto(key.public.key).keyid == key.public.id


def test_no_representation_shows_the_private_half(tmp_path: Path) -> None:
    key, _ = generate_key(tmp_path / "ci.key")
    assert repr(key) == f"SigningKey(public=PublicKey(id='{key.public.id}'))"


@pytest.mark.parametrize("there", ["ci.key", "ci.pub"])
def test_no_file_is_overwritten_and_nothing_is_left_behind(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("precious", encoding="utf-8")
    with pytest.raises(ConfigError, match="never overwritten"):
        generate_key(tmp_path / "ci.key")
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text(encoding="utf-8") == "precious"


def test_a_link_in_the_place_of_a_new_key_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "ci.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="already exists"):
        generate_key(tmp_path / "ci.key")
    assert not (tmp_path / "elsewhere").exists()


def test_the_name_of_a_public_half_is_none_for_a_private_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a public key"):
        generate_key(tmp_path / "ci.pub")


def test_a_folder_that_cannot_be_written_to_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(IoError, match="cannot write"):
        generate_key(tmp_path / "file" / "ci.key")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620])
def test_a_key_that_others_can_get_at_is_refused(tmp_path: Path, mode: int) -> None:
    generate_key(tmp_path / "ci.key")
    (tmp_path / "ci.key").chmod(mode)
    with pytest.raises(ConfigError, match=f"read or written by others .mode {mode:04o}.; run: chmod 600"):
        load_signing_key(tmp_path / "ci.key")


def test_a_key_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate_key(tmp_path / "ci.key")
    owner = (tmp_path / "ci.key").stat().st_uid
    if owner == 0:  # root may read everything; give it to another user
        import os

        os.chown(tmp_path / "ci.key", 12345, -1)
    monkeypatch.setattr("os.geteuid", lambda: owner + 1)
    with pytest.raises(ConfigError, match="belongs to another user"):
        load_signing_key(tmp_path / "ci.key")


def test_a_link_to_a_key_is_refused(tmp_path: Path) -> None:
    generate_key(tmp_path / "ci.key")
    (tmp_path / "link.key").symlink_to(tmp_path / "ci.key")
    with pytest.raises(ConfigError, match="is a link"):
        load_signing_key(tmp_path / "link.key")


def test_a_folder_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a regular file"):
        load_signing_key(tmp_path)


def test_what_is_no_ed25519_private_key_is_refused(tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    curve = ec.generate_private_key(ec.SECP256R1()).private_bytes(PEM, PKCS8, PLAIN)
    locked = key.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"secret"))
    public = key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for number, (data, message) in enumerate(
        [
            (b"", "is empty"),
            (b" \n", "is empty"),
            (b"x" * 70_000, "more than 65,536 bytes"),
            (b"hello", "is not a key in PEM format"),
            (public, "is a public key"),
            (curve, "is a EC key|is a Elliptic"),
            (locked, "is encrypted; decrypt it"),
        ]
    ):
        path = private_file(tmp_path / f"{number}.key", data)
        with pytest.raises(ConfigError, match=message):
            load_signing_key(path)


def test_a_key_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_signing_key(tmp_path / "ci.key")


def test_what_is_no_ed25519_public_key_is_refused(tmp_path: Path) -> None:
    generate_key(tmp_path / "ci.key")
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    for data, message in [
        ((tmp_path / "ci.key").read_bytes(), "k: 1 mistake\n  is a private key"),
        (b"hello", "is not a public key in PEM format"),
        (curve.public_bytes(PEM, spki), "key; expected Ed25519"),
    ]:
        with pytest.raises(ConfigError, match=message):
            parse_public_key(data, "k")


def test_a_key_that_could_not_be_written_whole_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(IoError, match="No space left on device"):
        generate_key(tmp_path / "ci.key")
    assert list(tmp_path.iterdir()) == []
