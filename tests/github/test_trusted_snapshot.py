"""What is noted before the tests run, and what it stands against after them."""

from __future__ import annotations

import hashlib
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.github.trusted_snapshot import TrustedSnapshot, recorded_snapshot, take_snapshot

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = "requirements: [{capability: rank}]\ngate: {policy_changes: block}\n"


def git(folder: Path, *arguments: str) -> str:
    names = ("-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def environ(tmp_path: Path, event: dict[str, Any]) -> dict[str, str]:
    """Return the environment of a pull request whose base has a strict policy."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "mlops.yaml").write_text(CONFIG, encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "c")
    event["pull_request"]["base"]["sha"] = git(folder, "rev-parse", "HEAD")
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event), encoding="utf-8")
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(path),
        "GITHUB_WORKSPACE": str(folder),
    }


def test_event_commit_and_what_the_base_says_are_noted(environ: dict[str, str], tmp_path: Path) -> None:
    pins = take_snapshot(environ)
    data = (tmp_path / "event.json").read_bytes()
    head = git(tmp_path / "checkout", "rev-parse", "HEAD")
    assert pins == TrustedSnapshot(event=hashlib.sha256(data).hexdigest(), head=head, policy_changes="block")
    assert pins.lines() == f"event={pins.event}\nhead={head}\npolicy-changes=block\n"
    given = {"EVENT": pins.event, "HEAD": pins.head, "POLICY_CHANGES": pins.policy_changes}
    assert recorded_snapshot({f"MLOPS_TRUSTED_{name}": value for name, value in given.items()}) == pins


def test_event_that_was_rewritten_is_noticed(environ: dict[str, str], tmp_path: Path) -> None:
    pins = take_snapshot(environ)
    assert pins.problem(environ) is None
    (tmp_path / "event.json").write_text("{}", encoding="utf-8")
    assert pins.problem(environ) == "the event of this run was rewritten while the tests ran"
    (tmp_path / "event.json").unlink()
    assert pins.problem(environ) is not None


def test_what_was_never_noted_is_not_missed(environ: dict[str, str]) -> None:
    assert recorded_snapshot({}) == TrustedSnapshot()
    assert TrustedSnapshot().problem(environ) is None
    assert not TrustedSnapshot().blocks


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"MLOPS_CONFIG": "other.yaml"}, "allow"),  # a first configuration loosens nothing
        ({"MLOPS_WORKING_DIRECTORY": "nowhere"}, "block"),  # the gate searches upward
        ({"GITHUB_EVENT_NAME": "schedule"}, "block"),
        ({"GITHUB_EVENT_PATH": ""}, ""),
        ({"MLOPS_COMMENT": "perhaps"}, ""),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else value,
)
def test_what_cannot_be_told_is_left_empty(
    environ: dict[str, str], change: dict[str, str], expected: str
) -> None:
    assert take_snapshot({**environ, **change}).policy_changes == expected


@pytest.mark.parametrize(
    ("place", "folder", "expected"),
    [
        ("mlops.yml", "", "block"),
        ("mlops.yml", "models", "block"),
        ("models/a/mlops.yaml", "", "block"),
        ("models/a/mlops.yml", "models/a/deep", "block"),
        ("models/a/mlops.yaml", "models/b", "allow"),
    ],
)
def test_policy_of_the_base_is_found_wherever_the_gate_would_find_it(
    environ: dict[str, str], event: dict[str, Any], tmp_path: Path, place: str, folder: str, expected: str
) -> None:
    checkout = tmp_path / "checkout"
    (checkout / place).parent.mkdir(parents=True, exist_ok=True)
    git(checkout, "mv", "mlops.yaml", place)
    git(checkout, "commit", "--quiet", "-m", "moved")
    event["pull_request"]["base"]["sha"] = git(checkout, "rev-parse", "HEAD")
    (tmp_path / "event.json").write_text(json.dumps(event), encoding="utf-8")
    assert take_snapshot({**environ, "MLOPS_WORKING_DIRECTORY": folder}).policy_changes == expected


def test_strictest_policy_that_could_be_found_counts(
    environ: dict[str, str], event: dict[str, Any], tmp_path: Path
) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "a").mkdir()
    (checkout / "a" / "mlops.yaml").write_text("rules: [", encoding="utf-8")
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "-m", "c")
    event["pull_request"]["base"]["sha"] = git(checkout, "rev-parse", "HEAD")
    (tmp_path / "event.json").write_text(json.dumps(event), encoding="utf-8")
    assert take_snapshot(environ).policy_changes == "block"
    assert take_snapshot({**environ, "MLOPS_CONFIG": "a/mlops.yaml"}).policy_changes == ""


def test_base_that_is_no_policy_says_nothing(
    environ: dict[str, str], event: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "checkout"
    (folder / "mlops.yaml").write_text("rules: [", encoding="utf-8")
    git(folder, "commit", "--quiet", "--all", "-m", "c")
    event["pull_request"]["base"]["sha"] = git(folder, "rev-parse", "HEAD")
    (tmp_path / "event.json").write_text(json.dumps(event), encoding="utf-8")
    assert take_snapshot(environ).policy_changes == ""


def test_outside_a_repository_there_is_no_commit(environ: dict[str, str], tmp_path: Path) -> None:
    pins = take_snapshot({**environ, "GITHUB_WORKSPACE": str(tmp_path)})
    assert (pins.head, pins.policy_changes) == ("", "")
