"""The event that started a run is read strictly, and says what is proposed in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.ci import event as module
from pytest_mlops.ci.event import Activity, Kind, activity_of, read_event
from pytest_mlops.errors import SerializationError

if TYPE_CHECKING:
    from pathlib import Path

HERE = "acme/models"
HEAD, BASE = "a" * 40, "b" * 40


@pytest.fixture
def event() -> dict[str, Any]:
    """The event of a pull request from a branch of the same repository."""
    return {
        "pull_request": {
            "number": 7,
            "head": {"sha": HEAD, "ref": "feature", "repo": {"full_name": HERE}},
            "base": {"sha": BASE, "ref": "main", "repo": {"full_name": HERE}},
        },
        "repository": {"full_name": HERE},
    }


def written(folder: Path, text: str) -> dict[str, str]:
    """Return the environment of a run whose event file holds ``text``."""
    path = folder / "event.json"
    path.write_text(text, encoding="utf-8")
    return {"GITHUB_EVENT_PATH": str(path)}


def test_an_event_is_read_from_the_file_that_github_names(tmp_path: Path) -> None:
    assert read_event(written(tmp_path, '{"action": "opened"}')) == {"action": "opened"}


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "[" * 100_000])
def test_an_event_that_is_no_json_object_is_none(tmp_path: Path, text: str) -> None:
    assert read_event(written(tmp_path, text)) is None


def test_an_event_that_is_absent_or_above_the_size_cap_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = written(tmp_path, json.dumps({"a": "b"}))
    monkeypatch.setattr(module, "MAX_EVENT_BYTES", 5)
    assert read_event(environ) is None
    assert read_event({"GITHUB_EVENT_PATH": str(tmp_path / "gone.json")}) is None
    assert read_event({"GITHUB_EVENT_PATH": ""}) is None
    assert read_event({}) is None


def test_a_pull_request_is_about_its_own_commit_and_not_the_merge(event: dict[str, Any]) -> None:
    found = activity_of("pull_request", event, repository=HERE, sha="9" * 40)
    assert found == Activity(
        kind=Kind.PULL_REQUEST,
        repository=HERE,
        head_sha=HEAD,
        base_sha=BASE,
        base_ref="main",
        head_ref="feature",
        head_repository=HERE,
        number=7,
        fork=False,
    )


@pytest.mark.parametrize("source", [{"full_name": "eve/models"}, None])
def test_a_pull_request_from_elsewhere_is_of_a_fork(event: dict[str, Any], source: object) -> None:
    event["pull_request"]["head"]["repo"] = source
    for name in ("pull_request", "pull_request_target"):
        assert activity_of(name, event, repository=HERE).fork


def test_a_merge_group_prefers_the_commit_of_the_event() -> None:
    group = {"head_sha": HEAD, "base_sha": BASE, "base_ref": "refs/heads/main"}
    found = activity_of("merge_group", {"merge_group": group}, repository=HERE, sha="9" * 40)
    assert (found.kind, found.head_sha, found.base_sha) == (Kind.MERGE_GROUP, HEAD, BASE)
    assert (found.base_ref, found.number, found.fork) == ("main", None, False)


@pytest.mark.parametrize(("source", "fork"), [("acme/models", False), ("eve/models", True), (None, True)])
def test_a_following_run_tells_whose_run_it_follows(source: str | None, fork: bool) -> None:
    run = {
        "head_sha": HEAD,
        "head_branch": "feature",
        "head_repository": None if source is None else {"full_name": source},
    }
    payload = {"workflow_run": run, "repository": {"full_name": HERE}}
    found = activity_of("workflow_run", payload, repository=HERE)
    assert (found.kind, found.head_sha, found.fork) == (Kind.FOLLOWING, HEAD, fork)
    assert (found.head_repository, found.number) == (source, None)


@pytest.mark.parametrize("name", ["push", "schedule", "workflow_dispatch", "something_new", ""])
def test_what_proposes_nothing_is_about_its_commit(name: str) -> None:
    found = activity_of(name, None, repository=HERE, sha=HEAD)
    assert (found.kind, found.head_sha, found.number) == (Kind.COMMIT, HEAD, None)
    assert activity_of(name, {}, repository=HERE, sha="main").head_sha is None


def test_a_release_is_one() -> None:
    assert activity_of("release", {}, repository=HERE, sha=HEAD).kind is Kind.RELEASE


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (("number",), True, "number is bool True; expected a whole number above 0"),
        (("number",), "7", "number is str '7'"),
        (("number",), -1, "expected a whole number above 0"),
        (("number",), 2**60, "expected a whole number above 0"),
        (("head", "sha"), "main", "head.sha is str 'main'; expected the full name of a commit"),
        (("head", "sha"), None, "head.sha is nothing"),
        (("head", "sha"), ["a" * 40], "head.sha is list"),
        (("head", "sha"), "A" * 40, "expected the full name of a commit"),
        (("head", "ref"), "x" * 1_000_000, "expected a text of at most 255 characters"),
        (("head", "ref"), "a\n::set-output name=x::y", "on one line"),
        (("head", "ref"), "a\u202eb", "on one line"),
        (("head", "ref"), "", "expected a text"),
        (("head", "repo", "full_name"), {"a": 1}, "head.repo.full_name is dict"),
        (("head",), "not an object", "expected an object on the path to it"),
        (("base", "repo", "full_name"), None, "base.repo.full_name is nothing"),
    ],
)
def test_a_hostile_event_is_one_sentence(
    event: dict[str, Any], place: tuple[str, ...], value: object, sentence: str
) -> None:
    at = event["pull_request"]
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    with pytest.raises(SerializationError) as caught:
        activity_of("pull_request", event, repository=HERE)
    said = str(caught.value)
    assert sentence in said
    assert said.startswith("the pull_request event: pull_request.")
    assert len(said) < 250
    assert said.isprintable()


@pytest.mark.parametrize("name", ["pull_request", "merge_group", "workflow_run"])
@pytest.mark.parametrize("payload", [None, {}, {"pull_request": []}, {"merge_group": 1, "workflow_run": "x"}])
def test_an_event_without_what_it_is_about_is_refused(name: str, payload: Any) -> None:
    with pytest.raises(SerializationError, match=f"the {name} event"):
        activity_of(name, payload, repository=HERE)
