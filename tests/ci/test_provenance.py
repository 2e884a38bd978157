"""Provenance says what is known of a run and leaves out what is not."""

from __future__ import annotations

import json
import platform
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.ci import provenance as module
from pytest_mlops.ci.provenance import collect_provenance, installed_packages

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.records.integration import Provenance

HEAD, MERGE = "a" * 40, "b" * 40


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


def provenance(environ: dict[str, str], folder: Path, **more: Any) -> Provenance:
    return collect_provenance(environ=environ, folder=folder, pytest_version="9.1", **more)


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


def test_provenance_holds_what_is_known_of_a_local_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "git_state", lambda folder: (HEAD, False))
    found = collect_provenance(
        environ={},
        folder=tmp_path,
        pytest_version="9.1",
        config="mlops.yaml",
        arguments=["-q"],
        workers=2,
        seeds={"numpy": 7},
    )
    assert (found.commit_head, found.commit_merge, found.dirty) == (HEAD, None, False)
    assert (found.config, found.arguments, found.workers, found.seeds) == (
        "mlops.yaml",
        ("-q",),
        2,
        {"numpy": 7},
    )
    assert (found.python, found.pytest_version) == (platform.python_version(), "9.1")
    assert (found.trust, found.ci_run) == ("local", None)
    assert found.tool_version == found.packages["pytest-mlops"]
    assert found.platform


def test_tool_version_that_is_passed_in_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert provenance({}, tmp_path, tool_version="9.9").tool_version == "9.9"
    monkeypatch.setattr(sys, "path", [])
    assert provenance({}, tmp_path).tool_version == "not installed"


@pytest.mark.parametrize(
    ("here", "expected"),
    [(MERGE, (HEAD, MERGE)), (None, (HEAD, MERGE)), (HEAD, (HEAD, None)), ("c" * 40, ("c" * 40, None))],
    ids=["the merge", "unknown", "the head itself", "another commit"],
)
def test_commit_on_disk_has_the_last_word_over_the_announced_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: str | None, expected: tuple[str, str | None]
) -> None:
    monkeypatch.setattr(module, "git_state", lambda folder: (here, None))
    found = provenance(event_file(tmp_path, pull_request(HEAD)), tmp_path)
    assert (found.commit_head, found.commit_merge) == expected


def test_unreadable_event_of_a_pull_request_is_not_trusted(tmp_path: Path) -> None:
    assert provenance(event_file(tmp_path, "{"), tmp_path).trust == "untrusted-pr"
    readable = event_file(tmp_path, pull_request(HEAD))
    assert provenance(readable, tmp_path).trust == "ci"
