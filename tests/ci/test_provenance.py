"""Provenance says what is known of a run and leaves out what is not."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.ci import provenance as module
from pytest_mlops.ci.provenance import collect_provenance, git_state, installed_packages, read_event

if TYPE_CHECKING:
    from pathlib import Path

HEAD, MERGE = "a" * 40, "b" * 40
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


def event_file(folder: Path, event: object) -> dict[str, str]:
    """Return the environment of a pull request's run whose event file says ``event``."""
    path = folder / "event.json"
    path.write_text(event if isinstance(event, str) else json.dumps(event))
    return {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(path),
        "GITHUB_SHA": MERGE,
    }


def pull_request(head: str) -> dict[str, object]:
    repo = {"full_name": "team/model"}
    return {"pull_request": {"head": {"sha": head, "repo": repo}, "base": {"repo": repo}}}


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


def test_event_is_read_from_the_file_that_github_names(tmp_path: Path) -> None:
    assert read_event(event_file(tmp_path, {"action": "opened"})) == {"action": "opened"}


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "[" * 100_000])
def test_event_that_is_no_json_object_is_none(tmp_path: Path, text: str) -> None:
    assert read_event(event_file(tmp_path, text)) is None


def test_event_that_is_absent_or_above_the_size_cap_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = event_file(tmp_path, {"a": "b"})
    monkeypatch.setattr(module, "MAX_EVENT_BYTES", 5)
    assert read_event(environ) is None
    assert read_event({"GITHUB_EVENT_PATH": str(tmp_path / "gone.json")}) is None
    assert read_event({"GITHUB_EVENT_PATH": ""}) is None
    assert read_event({}) is None


def test_packages_are_named_in_normal_form_and_the_first_on_the_path_counts(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first / "Scikit_Learn-1.7.0.dist-info", second / "scikit.learn-1.4.0.dist-info"):
        folder.mkdir(parents=True)
    for name in ("zope.interface-6!7.0+local.dist-info", "numpy", "broken.dist-info", "-1.0.dist-info"):
        (second / name).mkdir()
    archive = tmp_path / "library.zip"
    archive.write_bytes(b"")
    found = installed_packages([str(first), str(archive), str(tmp_path / "gone"), str(second)])
    assert list(found.items()) == [("scikit-learn", "1.7.0"), ("zope-interface", "6!7.0+local")]


def test_empty_entry_of_the_path_is_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here-1.dist-info").mkdir()
    monkeypatch.chdir(tmp_path)
    assert installed_packages([""]) == {"here": "1"}


def test_packages_are_those_that_importlib_sees() -> None:
    from importlib.metadata import version

    found = installed_packages(sys.path)
    assert {name: found[name] for name in ("pytest", "pydantic", "numpy")} == {
        name: version(name) for name in ("pytest", "pydantic", "numpy")
    }


@needs_git
def test_provenance_holds_what_is_known_of_a_local_run(checkout: Path) -> None:
    found = collect_provenance(
        environ={}, folder=checkout, config="mlops.yaml", arguments=["-q"], workers=2, seeds={"numpy": 7}
    )
    assert (found.commit_head, found.commit_merge, found.dirty) == (
        git(checkout, "rev-parse", "HEAD"),
        None,
        False,
    )
    assert (found.config, found.arguments, found.workers, found.seeds) == (
        "mlops.yaml",
        ("-q",),
        2,
        {"numpy": 7},
    )
    assert (found.python, found.pytest_version) == (platform.python_version(), pytest.__version__)
    assert (found.trust, found.ci_run) == ("local", None)
    assert found.tool_version == found.packages["pytest-mlops"]
    assert found.platform


def test_tool_version_that_is_passed_in_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert collect_provenance(environ={}, folder=tmp_path, tool_version="9.9").tool_version == "9.9"
    monkeypatch.setattr(sys, "path", [])
    assert collect_provenance(environ={}, folder=tmp_path).tool_version == "not installed"


@pytest.mark.parametrize(
    ("here", "expected"),
    [(MERGE, (HEAD, MERGE)), (None, (HEAD, MERGE)), (HEAD, (HEAD, None)), ("c" * 40, ("c" * 40, None))],
    ids=["the merge", "unknown", "the head itself", "another commit"],
)
def test_commit_on_disk_has_the_last_word_over_the_announced_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: str | None, expected: tuple[str, str | None]
) -> None:
    monkeypatch.setattr(module, "git_state", lambda folder: (here, None))
    found = collect_provenance(environ=event_file(tmp_path, pull_request(HEAD)), folder=tmp_path)
    assert (found.commit_head, found.commit_merge) == expected


def test_unreadable_event_of_a_pull_request_is_not_trusted(tmp_path: Path) -> None:
    assert collect_provenance(environ=event_file(tmp_path, "{"), folder=tmp_path).trust == "untrusted-pr"
    readable = event_file(tmp_path, pull_request(HEAD))
    assert collect_provenance(environ=readable, folder=tmp_path).trust == "ci"


@needs_git
@pytest.mark.skipif(os.name == "nt", reason="starting a process alone takes longer there")
def test_provenance_costs_little(checkout: Path) -> None:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        collect_provenance(environ={}, folder=checkout)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.04
