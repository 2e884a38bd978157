"""What git knows of a checkout: its commits, and files as they are in one of them."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pytest_mlops.ci.event import commit_of
from pytest_mlops.errors import EvidenceError

__all__ = [
    "GitFile",
    "existing_folder",
    "file_names",
    "git_file",
    "git_state",
    "head_commit",
    "listed_files",
    "merge_base",
    "object_name",
    "path_in_tree",
    "read_file",
    "work_tree",
]

SECONDS = 60
REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./^~-]{0,250}")
_ALONE = {
    "GIT_ALLOW_PROTOCOL": "none",  # no fetching of what a partial clone lacks, by whatever program
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
}
HOW_TO_FETCH = "let the checkout fetch it (fetch-depth: 0 of actions/checkout, or git fetch)"


@dataclass(frozen=True, kw_only=True, slots=True)
class GitFile:
    """A regular file in a commit.

    Attributes:
        root: Top folder of the work tree.
        oid: Name of its content, equal where the bytes are.
        size: Bytes.
    """

    root: Path
    oid: str
    size: int


def work_tree(folder: Path) -> Path:
    """Return the top folder of the work tree that ``folder`` lies in.

    Raises:
        EvidenceError: it lies in none, or git is not there.
    """
    return Path(_git(folder, "rev-parse", "--show-toplevel").decode().rstrip("\n")).resolve()


def head_commit(folder: Path) -> str:
    """Return the full name of the commit that is checked out.

    Raises:
        EvidenceError: ``folder`` lies in no work tree, or nothing was committed yet.
    """
    return _git(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").decode().strip()


def git_state(folder: Path) -> tuple[str | None, bool | None]:
    """Return the commit checked out in ``folder``, and whether a tracked file differs from it.

    Both are ``None`` where git is missing, the folder is in no repository, nothing was committed yet, or git
    does not answer within ten seconds.
    """
    # One command for both: starting git is most of its cost.
    options = ("--porcelain=v2", "--branch", "-z", "--untracked-files=no")
    try:
        lines = _git(folder, "status", *options, seconds=10).decode(errors="replace").split("\0")
    except EvidenceError:
        return None, None
    name = "# branch.oid "
    commit = commit_of(next((line.removeprefix(name) for line in lines if line.startswith(name)), None))
    if commit is None:
        return None, None
    return commit, any(line and not line.startswith("# ") for line in lines)


def merge_base(folder: Path, base: str, head: str = "HEAD") -> str:
    """Return the commit that ``head`` and ``base`` have in common.

    Raises:
        EvidenceError: there is none in this clone.
    """
    for name in (base, head):
        if not REVISION.fullmatch(name):
            raise EvidenceError(f"{name!r:.80} is not the name of a commit or branch")
    try:
        commit = _git(folder, "rev-parse", "--verify", "--quiet", f"{base}^{{commit}}")
        found = _git(folder, "merge-base", commit.decode().strip(), head).decode().split()
    except EvidenceError as error:
        raise EvidenceError(f"the history in this clone does not contain {base}: {HOW_TO_FETCH}") from error
    return found[0]


def existing_folder(path: Path) -> Path:
    """Return the folder ``path``, or the nearest one above it that exists."""
    return next(each for each in (path, *path.parents) if each.is_dir())


def path_in_tree(root: Path, path: Path) -> PurePosixPath:
    """Return a path relative to the top of the work tree, whether or not anything lies there.

    Raises:
        EvidenceError: outside of the work tree.
    """
    folder = existing_folder(path.parent)
    whole = Path(os.path.normpath(folder.resolve() / path.relative_to(folder)))
    if not whole.is_relative_to(root):
        raise EvidenceError(
            f"{path} is outside the repository, so no commit contains it; use a path inside it"
        )
    return PurePosixPath(whole.relative_to(root).as_posix())


def git_file(root: Path, path: Path, commit: str) -> GitFile | None:
    """Return a file of the work tree as it stands in ``commit``; ``None`` where it is not there.

    Args:
        root: Top folder of the work tree.
        path: Where it lies in the work tree, or would lie.
        commit: As ``merge_base`` returns it.

    Raises:
        EvidenceError: outside of the work tree, or no regular file.
    """
    inside = path_in_tree(root, path).as_posix()
    listed = _git(root, "ls-tree", "-z", "-l", commit, "--", inside).decode(errors="replace")
    if not listed:
        return None
    mode, kind, oid, size = listed.partition("\t")[0].split()
    if kind != "blob" or not mode.startswith("100"):
        raise EvidenceError(f"{inside} is not a regular file in commit {commit[:12]}")
    if not size.isdecimal():  # git prints BAD
        raise EvidenceError(f"this clone does not contain {inside} of commit {commit[:12]}: {HOW_TO_FETCH}")
    return GitFile(root=root, oid=oid, size=int(size))


def object_name(root: Path, path: Path, commit: str) -> str | None:
    """Return the name of a file or folder in a commit, equal where its content is; ``None`` if absent.

    Raises:
        EvidenceError: outside of the work tree, or git cannot tell.
    """
    listed = _git(root, "ls-tree", "-z", commit, "--", path_in_tree(root, path).as_posix())
    return listed.decode(errors="replace").partition("\t")[0] or None


def file_names(root: Path, commit: str) -> frozenset[str]:
    """Return the path of every file in a commit, relative to ``root``, the top of the work tree.

    Raises:
        EvidenceError: git does not know the commit.
    """
    listed = _git(root, "ls-tree", "-r", "-z", "--name-only", commit)
    return frozenset(listed.decode(errors="replace").split("\0")) - {""}


def listed_files(folder: Path) -> tuple[str, ...]:
    """Return the files below ``folder`` that git tracks, relative to it, in order.

    Raises:
        EvidenceError: ``folder`` lies in no work tree, git tracks none of its files, or git is missing.
    """
    listed = _git(folder, "ls-files", "-z", "--", ".").decode(errors="surrogateescape").split("\0")
    if not any(listed):
        raise EvidenceError(f"git tracks no file below {folder}")
    return tuple(name for name in listed if name)


def read_file(file: GitFile, most: int) -> bytes:
    """Return the bytes of a file, exactly as they were committed.

    Raises:
        EvidenceError: it has more than ``most`` bytes, or git cannot give it.
    """
    if file.size > most:
        raise EvidenceError(f"the committed file has {file.size:,} bytes, the limit is {most:,}")
    return _git(file.root, "cat-file", "blob", file.oid)


def _git(folder: Path, *arguments: str, seconds: float = SECONDS) -> bytes:
    # Tests may have written into the repository, which then must not name other parents, other contents or
    # programs to run.
    command = ["git", "--no-optional-locks", "--no-replace-objects", "--literal-pathspecs"]
    command += ["-c", "core.commitGraph=false", "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(  # noqa: S603 -- no shell
            command,
            cwd=folder,
            env={**_environment(), "LC_ALL": "C", **_ALONE},
            capture_output=True,
            timeout=seconds,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EvidenceError(f"git cannot be run: {error}") from error
    if done.returncode != 0:
        output = done.stderr.decode(errors="replace").strip().splitlines()
        raise EvidenceError(f"git {arguments[0]}: {output[0] if output else 'no output'}")
    return done.stdout


def _environment() -> dict[str, str]:
    """Return the environment without secrets: git may run programs that the repository configures."""
    return {name: value for name, value in os.environ.items() if "TOKEN" not in name}
