"""The artifact store: files kept once each under their digest.

``blobs/ab/abcd…`` holds one file under its SHA-256, ``manifests/ab/abcd….json`` the names, sizes and digests
of an artifact's files under the artifact's digest. The manifest is written last, when all its blobs are there
and durable: an artifact is stored when its manifest is. What is read is held against its digest every time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError, ModelArtifactNotFound, NotRegistered, StoreError
from pytest_mlops.evidence.digest import digest_artifact
from pytest_mlops.files import OsErrorsAs, sync_folder
from pytest_mlops.registry.local_blob_store import LocalBlobStore
from pytest_mlops.registry.manifest import MAX_MANIFEST_BYTES, Manifest, make_manifest, parse_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_mlops.registry.blob_store import BlobStore
    from pytest_mlops.registry.manifest import StoredFile

__all__ = ["DEFAULT_ARTIFACTS", "ArtifactStore", "open_artifacts"]

DEFAULT_ARTIFACTS = ".mlops/artifacts"
_CHUNK = 1024 * 1024


def open_artifacts(url: str | None = None, *, folder: Path = Path()) -> ArtifactStore:
    """Return the artifact store at ``url``, by default at ``$MLOPS_ARTIFACTS`` or ``.mlops/artifacts``.

    Args:
        url: A path, or a URL that fsspec knows, as ``s3://bucket/models``.
        folder: What relative paths are relative to.

    Raises:
        StoreError: the URL's scheme is not known, or its package is not installed.
    """
    url = url or os.environ.get("MLOPS_ARTIFACTS") or DEFAULT_ARTIFACTS
    if "://" not in url or url.startswith("file://"):
        return ArtifactStore(LocalBlobStore(folder / url.removeprefix("file://")))
    from pytest_mlops.registry.fsspec_blob_store import open_fsspec  # noqa: PLC0415 -- only where a URL needs it

    return ArtifactStore(open_fsspec(url))


class ArtifactStore:
    """Artifacts by digest, in a blob store.

    Permissions and folders without files are not kept, since the digest does not cover them.
    """

    def __init__(self, blobs: BlobStore) -> None:
        self.blobs = blobs

    def put(self, path: Path) -> Manifest:
        """Keep the artifact at ``path``, a file or a folder; one that is here already costs its reading.

        Raises:
            ModelArtifactNotFound: nothing there, or something that has no digest or no portable name.
            StoreError: it could not be written; no artifact came of it.
        """
        found = digest_artifact(path)
        manifest = make_manifest(
            {name: (stamp.size, found.digests[name]) for name, stamp in found.stamps.items()}
        )
        folder = path if path.is_dir() else path.parent
        return self._keep(manifest, {name: folder / name for name in found.stamps})

    def put_files(self, sources: Mapping[str, Path]) -> Manifest:
        """Keep an artifact that is put together from files of several folders.

        Args:
            sources: Name in the artifact -> file.

        Raises:
            ModelArtifactNotFound: as for :meth:`put`.
            StoreError: as for :meth:`put`.
        """
        return self._keep(make_manifest({name: _measure(path) for name, path in sources.items()}), sources)

    def get(self, digest: str, target: Path) -> Path:
        """Write an artifact to the folder ``target``, all of it or nothing, and return the folder.

        A target that holds just this artifact already is left alone.

        Raises:
            NotRegistered: the artifact is not stored here.
            EvidenceError: bytes that are not those of their digest.
            StoreError: it cannot be read or written, or the target holds something else.
        """
        if target.exists():
            return _same(digest, target)
        manifest = self.manifest(digest)
        temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
        try:
            temporary.mkdir(parents=True)
            for file in manifest.files:
                self._fetch(file, temporary / file.name)
            for inner, _, _ in os.walk(temporary):
                sync_folder(Path(inner))
            _put_in_place(digest, temporary, target)
        except OSError as error:
            raise StoreError(f"cannot write {target}: {error.strerror or error}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return target

    def verify(self, digest: str) -> Manifest:
        """Read every byte of a stored artifact again.

        Raises:
            NotRegistered: the artifact is not stored here.
            EvidenceError: bytes that are not those of their digest, or that are gone.
            StoreError: they cannot be read.
        """
        manifest = self.manifest(digest)
        for file in manifest.files:
            for _ in self._checked(file):
                pass
        return manifest

    def manifest(self, digest: str) -> Manifest:
        """Return what an artifact consists of.

        Raises:
            NotRegistered: the artifact is not stored here.
            EvidenceError: the manifest cannot be trusted.
        """
        key = manifest_key(digest)
        size = self.blobs.size(key)
        if size is None:
            raise NotRegistered(f"the artifact {digest} is not stored in {self.blobs.url}")
        if size > MAX_MANIFEST_BYTES:
            raise EvidenceError(
                f"the manifest of artifact {digest} has {size:,} bytes; expected a smaller manifest"
            )
        with self.blobs.read(key) as stream:
            return parse_manifest(stream.read(), digest=digest)

    def contains(self, digest: str) -> bool:
        """Return whether an artifact is stored."""
        return self.blobs.size(manifest_key(digest)) is not None

    def _keep(self, manifest: Manifest, sources: Mapping[str, Path]) -> Manifest:
        """Write the blobs, then the manifest; then check that no sweep removed one of them meanwhile."""
        key = manifest_key(manifest.digest)
        for _ in range(2):
            for file in manifest.files:
                self._keep_blob(file, sources[file.name])
            if not (self.blobs.size(key) is not None and self.blobs.renew(key)):
                self.blobs.write(key, [manifest.model_dump_json().encode()])
            if all(self.blobs.size(blob_key(file.digest)) == file.size for file in manifest.files):
                return manifest
        raise StoreError(f"blobs of {manifest.digest} disappear from {self.blobs.url} while they are written")

    def _keep_blob(self, file: StoredFile, source: Path) -> None:
        key = blob_key(file.digest)
        if self.blobs.size(key) == file.size and self.blobs.renew(key):
            return
        self.blobs.write(key, _read(source, file))

    def _fetch(self, file: StoredFile, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as stream:
            for chunk in self._checked(file):
                stream.write(chunk)
            stream.flush()
            os.fsync(stream.fileno())

    def _checked(self, file: StoredFile) -> Iterator[bytes]:
        """Yield the bytes of a stored file; raise at the end if they were not its own."""
        key = blob_key(file.digest)
        size = self.blobs.size(key)
        if size != file.size:
            got = "is gone" if size is None else f"has {size:,} bytes instead of {file.size:,}"
            raise EvidenceError(f"the stored file {file.name!r} {got} ({self.blobs.url}/{key}); {_REMEDY}")
        digest = hashlib.sha256()
        with self.blobs.read(key) as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                yield chunk
        if digest.hexdigest() != file.digest:
            raise EvidenceError(
                f"the stored file {file.name!r} has the digest {digest.hexdigest()}, expected {file.digest} "
                f"({self.blobs.url}/{key}); {_REMEDY}"
            )


_REMEDY = "remove the file, then store the artifact again"


def blob_key(digest: str) -> str:
    """Return the key of a file's bytes."""
    return f"blobs/{digest[:2]}/{digest}"


def manifest_key(digest: str) -> str:
    """Return the key of an artifact's manifest."""
    return f"manifests/{digest[:2]}/{digest}.json"


def _measure(path: Path) -> tuple[int, str]:
    with OsErrorsAs(ModelArtifactNotFound, f"cannot read {path}"), path.open("rb") as stream:
        return os.fstat(stream.fileno()).st_size, hashlib.file_digest(stream, "sha256").hexdigest()


def _read(path: Path, file: StoredFile) -> Iterator[bytes]:
    """Yield a file that is being kept; raise at the end if it is not the one that was measured."""
    digest = hashlib.sha256()
    with OsErrorsAs(ModelArtifactNotFound, f"cannot read {path}"), path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            yield chunk
    if digest.hexdigest() != file.digest:
        raise ModelArtifactNotFound(f"{path} was written to while it was stored; try again")


def _same(digest: str, target: Path) -> Path:
    """Return a target that holds the artifact; refuse one that holds something else."""
    with contextlib.suppress(ModelArtifactNotFound):
        if target.is_dir() and digest_artifact(target).digest == digest:
            return target
    raise StoreError(f"{target} exists and is not the artifact {digest}; remove it, or choose another folder")


def _put_in_place(digest: str, temporary: Path, target: Path) -> None:
    try:
        temporary.rename(target)
    except OSError:
        if not target.exists():
            raise
        _same(digest, target)  # another process was first
    sync_folder(target.parent)
