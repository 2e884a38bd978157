"""Transfers a model's files through the artifact service of an MLflow server."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from pytest_mlops.errors import HttpError, IoError
from pytest_mlops.files import OsErrorsAs
from pytest_mlops.registry.mlflow.resources import RemoteFile, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_mlops.registry.mlflow.http import MlflowHttp

__all__ = ["fetch", "is_served", "put"]

API = "api/2.0/mlflow-artifacts/artifacts"
SCHEME = "mlflow-artifacts"
MOST_FILES = 100_000
_CHUNK = 1024 * 1024


def is_served(uri: str) -> bool:
    """Return whether the server itself serves the bytes at ``uri``."""
    return urlsplit(uri).scheme == SCHEME


def fetch(http: MlflowHttp, uri: str, folder: Path) -> None:
    """Write all files below ``uri`` into the new folder ``folder``.

    Args:
        http: The server.
        uri: Where the files lie, as ``mlflow-artifacts:/1/models/m-…/artifacts``.
        folder: Where they go; it is made.

    Raises:
        HttpError: they cannot be had from the server, or it names them in a way that leads out of ``folder``.
        IoError: they cannot be written.
    """
    if not is_served(uri):
        raise HttpError(
            f"the files are at {uri[:200]}, and {http.server} does not serve them; "
            "fetch them yourself, or import without them"
        )
    root = urlsplit(uri).path.strip("/")
    with OsErrorsAs(IoError, f"cannot write {folder}"):
        folder.mkdir(parents=True)
        count = 0
        for name, size in _walk(http, root):
            count += 1
            if count > MOST_FILES:
                raise HttpError(f"{uri} has more than {MOST_FILES:,} files; expected the files of a model")
            _fetch_file(http, f"{root}/{name}", folder / name, size)
    if count == 0:
        raise HttpError(f"there are no files at {uri} on {http.server}; expected those of a model")


def put(http: MlflowHttp, uri: str, folder: Path, names: Iterable[str]) -> None:
    """Put files of a folder below ``uri``.

    Args:
        http: The server.
        uri: Where they go.
        folder: Where they are.
        names: Names of the files in it, with slashes.

    Raises:
        HttpError: the server does not take them.
        IoError: one cannot be read.
    """
    root = urlsplit(uri).path.strip("/")
    for name in names:
        path = folder / name
        with OsErrorsAs(IoError, f"cannot read {path}"):
            http.upload(f"{API}/{quote(f'{root}/{name}')}", _chunks(path), size=path.stat().st_size)


def _walk(http: MlflowHttp, root: str) -> Iterator[tuple[str, int]]:
    """Yield the name and size of every file below ``root``."""
    waiting = [""]
    seen: set[str] = set()
    while waiting:
        below = waiting.pop()
        found = http.call("GET", API, query={"path": f"{root}/{below}".rstrip("/")})
        for one in found.get("files") or []:
            file = parse(RemoteFile, {"files": one}, "files", server=http.server)
            name = f"{below}/{_checked(file.path, http.server)}".lstrip("/")
            if len(seen) > MOST_FILES or name in seen:
                raise HttpError(
                    f"{http.server} lists {name[:80]!r} twice, or too many files; expected the files of one "
                    "model"
                )
            seen.add(name)
            if file.is_dir:
                waiting.append(name)
            else:
                yield name, file.file_size


def _checked(name: str, server: str) -> str:
    """Return a name from a listing if it stays where it is put, on every system."""
    parts = PurePosixPath(name).parts
    windows = PureWindowsPath(name)
    if not parts or ".." in windows.parts or windows.drive or windows.root or "\0" in name or "\\" in name:
        raise HttpError(f"{server} lists a file {name[:80]!r}; expected a path inside the model")
    return "/".join(parts)


def _fetch_file(http: MlflowHttp, source: str, path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as stream:
        http.download(f"{API}/{quote(source)}", stream, most=size)
        got = stream.tell()
    if got != size:
        raise HttpError(f"{source} came from {http.server} with {got:,} bytes, expected {size:,}; try again")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
