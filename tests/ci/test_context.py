"""Context, run, trust and commits are told from the environment and the event alone."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_mlops.ci.context import (
    base_commit,
    ci_run,
    commits,
    context_from_environ,
    new_run_id,
    trust_from_event,
)
from pytest_mlops.verdict import Context

HEAD, MERGE = "a" * 40, "b" * 40
GITHUB = {
    "CI": "true",
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "team/model",
    "GITHUB_RUN_ID": "42",
    "GITHUB_SHA": MERGE,
}
GITLAB = {"CI": "true", "GITLAB_CI": "true", "CI_COMMIT_SHA": MERGE}


def github(event: str, **more: str) -> dict[str, str]:
    return GITHUB | {"GITHUB_EVENT_NAME": event} | more


def pull_request(head: object, base: object = "team/model") -> dict[str, Any]:
    """Return the part of a pull request's event that is read; ``head`` and ``base`` name repositories."""
    return {
        "pull_request": {
            "head": {"sha": HEAD, "repo": None if head is None else {"full_name": head}},
            "base": {"repo": {"full_name": base}},
        }
    }


@pytest.mark.parametrize(
    ("environ", "context"),
    [
        ({}, "local"),
        ({"CI": ""}, "local"),
        ({"CI": "false"}, "local"),
        ({"CI": "0"}, "local"),
        ({"CI": "1"}, "pull_request"),
        ({"CI": "woodpecker"}, "pull_request"),
        ({"GITHUB_ACTIONS": "false", "GITHUB_EVENT_NAME": "release"}, "local"),
        (github("pull_request"), "pull_request"),
        (github("pull_request_target"), "pull_request"),
        (github("merge_group"), "pull_request"),
        (github("push", GITHUB_REF_TYPE="branch"), "pull_request"),
        (github("push", GITHUB_REF_TYPE="tag"), "release"),
        (github("release", GITHUB_REF_TYPE="tag"), "release"),
        (github("workflow_dispatch", GITHUB_REF_TYPE="tag"), "pull_request"),
        (github("schedule"), "pull_request"),
        (github("workflow_run"), "pull_request"),
        (GITHUB, "pull_request"),
        (GITLAB, "pull_request"),
        (GITLAB | {"CI_COMMIT_TAG": ""}, "pull_request"),
        (GITLAB | {"CI_COMMIT_TAG": "v1"}, "release"),
    ],
)
def test_context_follows_the_event(environ: dict[str, str], context: str) -> None:
    assert context_from_environ(environ) is Context(context)


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({}, None),
        (GITHUB, "https://github.example/team/model/actions/runs/42"),
        (
            GITHUB | {"GITHUB_RUN_ATTEMPT": "3"},
            "https://github.example/team/model/actions/runs/42/attempts/3",
        ),
        (GITHUB | {"GITHUB_RUN_ID": ""}, None),
        (GITLAB | {"CI_PIPELINE_URL": "https://gitlab.example/p/1"}, "https://gitlab.example/p/1"),
        (GITLAB, None),
        ({"BUILD_URL": "https://jenkins.example/1/"}, "https://jenkins.example/1/"),
        ({"BUILD_URL": ""}, None),
    ],
)
def test_run_is_named_by_its_address(environ: dict[str, str], address: str | None) -> None:
    assert ci_run(environ) == address


@pytest.mark.parametrize(
    "event", ["pull_request", "pull_request_target", "pull_request_review", "pull_request_review_comment"]
)
def test_pull_request_of_the_same_repository_is_trusted_and_of_a_fork_is_not(event: str) -> None:
    assert trust_from_event(github(event), pull_request("team/model")) == "ci"
    assert trust_from_event(github(event), pull_request("stranger/model")) == "untrusted-pr"


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        {"pull_request": None},
        {"pull_request": {}},
        {"pull_request": {"head": {"repo": {}}, "base": {"repo": {}}}},
        pull_request(None),
        pull_request(7, 7),
        pull_request("team/model", None),
    ],
    ids=["unreadable", "empty", "null", "no repos", "no names", "deleted fork", "numbers", "no base"],
)
def test_pull_request_that_cannot_be_told_is_not_trusted(event: dict[str, Any] | None) -> None:
    assert trust_from_event(github("pull_request"), event) == "untrusted-pr"


@pytest.mark.parametrize(("head", "trust"), [("team/model", "ci"), ("stranger/model", "untrusted-pr")])
def test_run_that_follows_another_is_trusted_as_that_one(head: str, trust: str) -> None:
    event = {
        "workflow_run": {"head_repository": {"full_name": head}},
        "repository": {"full_name": "team/model"},
    }
    assert trust_from_event(github("workflow_run"), event) == trust
    assert trust_from_event(github("workflow_run"), None) == "untrusted-pr"


@pytest.mark.parametrize("event", ["push", "release", "schedule", "merge_group", "workflow_dispatch"])
def test_events_that_only_a_writer_can_cause_are_trusted(event: str) -> None:
    assert trust_from_event(github(event), None) == "ci"


@pytest.mark.parametrize(
    ("more", "trust"),
    [
        ({}, "ci"),
        ({"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "1", "CI_MERGE_REQUEST_PROJECT_ID": "1"}, "ci"),
        ({"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "2", "CI_MERGE_REQUEST_PROJECT_ID": "1"}, "untrusted-pr"),
        ({"CI_MERGE_REQUEST_PROJECT_ID": "1"}, "untrusted-pr"),
    ],
)
def test_merge_request_of_a_fork_is_not_trusted(more: dict[str, str], trust: str) -> None:
    assert trust_from_event(GITLAB | more, None) == trust


def test_elsewhere_trust_says_whether_a_ci_system_runs() -> None:
    assert trust_from_event({}, None) == "local"
    assert trust_from_event({"CI": "true"}, None) == "ci"


@pytest.mark.parametrize(
    ("environ", "event", "expected"),
    [
        (github("pull_request"), pull_request("team/model"), (HEAD, MERGE)),
        (github("pull_request_review"), pull_request("team/model"), (HEAD, MERGE)),
        (github("pull_request_target"), pull_request("team/model"), (HEAD, None)),
        (github("pull_request"), None, (None, MERGE)),
        (github("pull_request"), {"pull_request": {"head": {"sha": "$(rm)"}}}, (None, MERGE)),
        (github("merge_group"), {"merge_group": {"head_sha": HEAD}}, (HEAD, None)),
        (github("merge_group"), None, (MERGE, None)),
        (github("push"), None, (MERGE, None)),
        (github("push", GITHUB_SHA="c" * 64), None, ("c" * 64, None)),
        (github("push", GITHUB_SHA="main"), None, (None, None)),
        (GITLAB, None, (MERGE, None)),
        (GITLAB | {"CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": ""}, None, (MERGE, None)),
        (GITLAB | {"CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": HEAD}, None, (HEAD, MERGE)),
        ({"CI": "true"}, None, (None, None)),
        ({}, None, (None, None)),
    ],
)
def test_commits_are_what_was_proposed_and_the_merge_of_it(
    environ: dict[str, str], event: dict[str, Any] | None, expected: tuple[str | None, str | None]
) -> None:
    assert commits(environ, event) == expected


A, B = "a" * 40, "b" * 40
PULL = {"pull_request": {"base": {"sha": A}}}
ON_GITHUB = {"GITHUB_ACTIONS": "true"}


@pytest.mark.parametrize(
    ("environ", "event", "expected"),
    [
        ({}, None, None),
        ({"CI": "true"}, None, None),
        ({"MLOPS_BASE": "origin/main", **ON_GITHUB}, PULL, "origin/main"),
        ({**ON_GITHUB, "GITHUB_EVENT_NAME": "pull_request", "GITHUB_BASE_REF": "main"}, PULL, A),
        ({**ON_GITHUB, "GITHUB_EVENT_NAME": "pull_request_target"}, PULL, A),
        ({**ON_GITHUB, "GITHUB_EVENT_NAME": "pull_request", "GITHUB_BASE_REF": "main"}, None, "origin/main"),
        ({**ON_GITHUB, "GITHUB_EVENT_NAME": "pull_request"}, None, None),
        ({**ON_GITHUB, "GITHUB_EVENT_NAME": "merge_group"}, {"merge_group": {"base_sha": B}}, B),
        ({**ON_GITHUB, "GITHUB_EVENT_NAME": "merge_group"}, None, None),
        ({**ON_GITHUB, "GITHUB_EVENT_NAME": "push"}, {"before": B}, B),
        ({**ON_GITHUB, "GITHUB_EVENT_NAME": "push"}, {"before": "0" * 40}, "HEAD"),
        ({**ON_GITHUB, "GITHUB_EVENT_NAME": "schedule"}, {}, "HEAD"),
        ({"GITLAB_CI": "true", "CI_MERGE_REQUEST_IID": "1", "CI_MERGE_REQUEST_DIFF_BASE_SHA": A}, None, A),
        ({"GITLAB_CI": "true", "CI_MERGE_REQUEST_IID": "1"}, None, None),
        ({"GITLAB_CI": "true", "CI_COMMIT_BEFORE_SHA": B}, None, B),
        ({"GITLAB_CI": "true"}, None, "HEAD"),
    ],
)
def test_what_a_change_is_proposed_on_top_of(
    environ: dict[str, str], event: dict[str, object] | None, expected: str | None
) -> None:
    assert base_commit(environ, event) == expected


def test_every_run_has_an_id_of_its_own() -> None:
    ids = {new_run_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(one) == 32 and int(one, 16) >= 0 for one in ids)
