"""Verification of a model against an OpenSSF model-signing bundle: these files, no other, unchanged."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.artifact import MAX_ENTRIES
from pytest_mlops.evidence.bundle import MAX_BUNDLE_BYTES, load_curve_key, read_bundle
from pytest_mlops.files import OsErrorsAs, read_bytes
from pytest_mlops.text import list_some

if TYPE_CHECKING:
    from collections.abc import Iterator, KeysView
    from typing import BinaryIO

    from pytest_mlops.evidence.bundle import Bundle, SignedResource

__all__ = ["SignedModel", "verify_model_signature"]

_CHUNK = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedModel:
    """A model whose signature was verified.

    Attributes:
        files: Number of files that were checked.
        ignored: Files there that it does not speak of, relative to the model.
    """

    files: int
    ignored: tuple[str, ...]


def verify_model_signature(model: Path, *, bundle: Path, key: Path) -> SignedModel:
    """Hold a model against a bundle that ``model_signing sign key`` made.

    Args:
        model: The model, a folder or a file.
        bundle: The bundle.
        key: PEM file of the trusted public key, on P-256, P-384 or P-521.

    Raises:
        ConfigError: the key cannot be used.
        EvidenceError: another key signed, the bundle cannot be used, or a file is missing, added, renamed,
            changed, or a link that was not allowed.
    """
    signed = read_bundle(read_bytes(bundle, limit=MAX_BUNDLE_BYTES), load_curve_key(key))
    found = dict(_files(model, follow=signed.follow_links))
    ignored = {name for name in found if _is_ignored(name, signed.ignored)}
    actual = {name: path for name, path in found.items() if name not in ignored}
    expected = _by_file(signed)
    if signed.shard_size is not None:  # an empty file has no shard, so the bundle cannot name it
        actual = {name: path for name, path in actual.items() if name in expected or path.stat().st_size}
    _compare_names(actual.keys(), expected.keys())
    for name, path in actual.items():
        _check_file(name, path, expected[name], signed.algorithm)
    return SignedModel(files=len(actual), ignored=tuple(sorted(ignored)))


def _by_file(signed: Bundle) -> dict[str, list[SignedResource]]:
    """Return file -> its resources, in the order of their bytes."""
    files: dict[str, list[SignedResource]] = {}
    for resource in sorted(signed.resources, key=lambda each: each.start):
        files.setdefault(resource.name, []).append(resource)
    return files


def _compare_names(actual: KeysView[str], expected: KeysView[str]) -> None:
    if missing := expected - actual:
        raise EvidenceError(
            f"the model does not contain {list_some(sorted(map(repr, missing)))}, which its signature names"
        )
    if added := actual - expected:
        raise EvidenceError(
            f"the model has {list_some(sorted(map(repr, added)))}, which its signature does not name"
        )


def _is_ignored(name: str, ignored: tuple[str, ...]) -> bool:
    """Tell whether a path is one that the signature leaves out, or lies in one."""
    parts = name.split("/")
    prefixes = {"/".join(parts[: length + 1]) for length in range(len(parts))}
    return not prefixes.isdisjoint(ignored)


def _files(model: Path, *, follow: bool) -> Iterator[tuple[str, Path]]:
    """Yield (name, path) of every file; links where the bundle allows them, and never out of the model."""
    root = _real(model)
    if root.is_file():
        yield ".", root
        return
    seen = 0
    pending = [("", root)]
    while pending:
        prefix, folder = pending.pop()
        for entry in _entries(folder):
            seen += 1
            if seen > MAX_ENTRIES:
                raise EvidenceError(f"the model {model} has more than {MAX_ENTRIES:,} files and folders")
            name, path = f"{prefix}{entry.name}", Path(entry.path)
            if entry.is_symlink():
                path = _target(root, name, path, follow=follow)
            if not path.is_dir():
                yield name, path
            elif entry.is_symlink():
                raise EvidenceError(f"{name!r} of the model is a link to a folder; expected files only")
            else:
                pending.append((f"{name}/", path))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with OsErrorsAs(EvidenceError, f"cannot read {folder}"), os.scandir(folder) as entries:
        return list(entries)


def _target(root: Path, name: str, path: Path, *, follow: bool) -> Path:
    if not follow:
        raise EvidenceError(f"{name!r} of the model is a link, which its signature does not allow")
    real = _real(path)
    if not real.is_relative_to(root):
        raise EvidenceError(f"the link {name!r} points to {real}, outside the model")
    return real


def _real(path: Path) -> Path:
    try:
        return path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise EvidenceError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def _check_file(name: str, path: Path, resources: list[SignedResource], algorithm: str) -> None:
    """Read a file once, and check every resource of it against the bytes."""
    with OsErrorsAs(EvidenceError, f"cannot read {path}"):
        if not stat.S_ISREG(path.stat().st_mode):
            raise EvidenceError(f"{name!r} of the model is a device, pipe or socket")
        with path.open("rb", buffering=0) as stream:
            position = 0
            for resource in resources:
                if resource.start != position:
                    raise EvidenceError(
                        f"the signature leaves out bytes {position} to {resource.start} of {name!r}"
                    )
                digest, position = _hash(stream, algorithm, position, resource.end)
                if digest != resource.digest or resource.end not in {None, position}:
                    raise EvidenceError(f"{name!r} of the model was changed after it was signed")
            if stream.read(1):
                raise EvidenceError(f"{name!r} of the model is longer than what was signed")


def _hash(stream: BinaryIO, algorithm: str, start: int, end: int | None) -> tuple[str, int]:
    """Return the digest of the bytes from ``start`` up to ``end``, and how far there were any."""
    digest, position = hashlib.new(algorithm), start
    while end is None or position < end:
        chunk = stream.read(_CHUNK if end is None else min(_CHUNK, end - position))
        if not chunk:
            break
        digest.update(chunk)
        position += len(chunk)
    return digest.hexdigest(), position
