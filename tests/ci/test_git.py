"""What git says of a checkout, and files as they stand in a commit."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.ci.git import git_file, git_state, merge_base, read_file, work_tree
from pytest_mlops.errors import EvidenceError

if TYPE_CHECKING:
    from pathlib import Path

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *arguments: str) -> str:
    command = [
        "git",
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.org",
        "-c",
        "commit.gpgsign=false",
        *arguments,
    ]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of one commit, whatever repository these tests run in."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "model.py").write_text("x = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


@needs_git
def test_commit_of_a_clean_checkout_is_named(checkout: Path) -> None:
    assert git_state(checkout) == (git(checkout, "rev-parse", "HEAD"), False)


@needs_git
def test_changed_tracked_file_makes_the_checkout_dirty(checkout: Path) -> None:
    (checkout / "model.py").write_text("x = 2\n")
    assert git_state(checkout)[1] is True


@needs_git
def test_untracked_file_leaves_the_checkout_clean(checkout: Path) -> None:
    (checkout / "notes.txt").write_text("x")
    assert git_state(checkout)[1] is False


@needs_git
def test_repository_without_a_commit_has_no_state(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert git_state(tmp_path) == (None, None)


@needs_git
def test_folder_outside_a_repository_has_no_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) == (None, None)


@pytest.mark.parametrize("error", [FileNotFoundError("git"), subprocess.TimeoutExpired("git", 10)])
def test_git_that_is_missing_or_hangs_gives_no_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def run(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(subprocess, "run", run)
    assert git_state(tmp_path) == (None, None)


@pytest.mark.parametrize("base", ["--help", "-x", "a b", "", "a" * 300])
def test_what_names_no_commit_is_not_passed_to_git(checkout: Path, base: str) -> None:
    with pytest.raises(EvidenceError, match="not the name of a commit"):
        merge_base(checkout, base)


def test_outside_a_repository_git_has_nothing_to_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(EvidenceError, match="git rev-parse: fatal: not a git repository"):
        work_tree(tmp_path)


def test_without_git_there_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EvidenceError, match="git cannot be run"):
        work_tree(tmp_path)


def test_a_committed_link_is_refused(checkout: Path) -> None:
    (checkout / "link.json").symlink_to("/etc/passwd")
    git(checkout, "add", "link.json")
    git(checkout, "commit", "-q", "-m", "link")
    commit = git(checkout, "rev-parse", "HEAD")
    with pytest.raises(EvidenceError, match="not a regular file in commit"):
        git_file(checkout, checkout / "link.json", commit)


def test_a_committed_file_too_large_is_not_read(checkout: Path) -> None:
    found = git_file(checkout, checkout / "model.py", "HEAD")
    assert found is not None
    with pytest.raises(EvidenceError, match="has 6 bytes, the limit is 5"):
        read_file(found, 5)
