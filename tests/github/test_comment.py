"""One comment for one gate, found again by its marker and its author."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pytest_mlops.errors import HttpError
from pytest_mlops.github.comment import ACTIONS, marker, own_login, post_comment

if TYPE_CHECKING:
    from tests.github.conftest import FakeGitHub

ISSUE = "/repos/acme/models/issues/7/comments"


def post(fake: FakeGitHub, text: str = "PASS", key: str = "k", **more: Any) -> str:
    arguments: dict[str, Any] = {"repository": "acme/models", "number": 7, "author": ACTIONS, **more}
    return post_comment(fake.client(), key=key, text=text, **arguments)


def test_the_second_run_changes_the_comment_of_the_first(fake: FakeGitHub) -> None:
    assert post(fake, "FAIL").startswith("commented: https://github.com/")
    assert post(fake, "PASS").startswith("updated the comment: https://github.com/")
    assert [one["body"] for one in fake.comments] == [f"{marker('k')}\nPASS"]


def test_the_comment_is_found_on_the_third_page(fake: FakeGitHub) -> None:
    for number in range(249):
        fake.comment("someone", f"comment {number}")
    fake.comment(ACTIONS, f"{marker('k')}\nold")
    post(fake)
    assert len(fake.comments) == 250
    assert fake.comments[-1]["body"] == f"{marker('k')}\nPASS"
    assert fake.log == [f"GET {ISSUE}"] * 3 + ["PATCH /repos/acme/models/issues/comments/250"]


def test_a_comment_that_says_so_already_is_not_written(fake: FakeGitHub) -> None:
    fake.comment(ACTIONS, f"{marker('k')}\r\nPASS\r\n")
    assert post(fake).startswith("the comment is up to date")
    assert fake.log == [f"GET {ISSUE}"]


@pytest.mark.parametrize(
    ("login", "body"),
    [
        ("eve", f"{marker('k')}\nmine"),
        (ACTIONS, f"> {marker('k')}\nquoted by another workflow"),
        (ACTIONS, f"{marker('other')}\nanother gate"),
        (ACTIONS.upper(), f"{marker('k')}\n"),
    ],
)
def test_what_is_not_ours_is_left_alone(fake: FakeGitHub, login: str, body: str) -> None:
    fake.comment(login, body)
    post(fake)
    assert [one["body"] for one in fake.comments] == [body, f"{marker('k')}\nPASS"]


def test_of_several_of_ours_the_newest_is_changed(fake: FakeGitHub) -> None:
    for number in range(3):
        fake.comment(ACTIONS, f"{marker('k')}\n{number}")
    post(fake)
    assert [one["body"].partition("\n")[2] for one in fake.comments] == ["0", "1", "PASS"]


def test_a_comment_whose_author_is_gone_is_not_ours(fake: FakeGitHub) -> None:
    fake.comment(ACTIONS, f"{marker('k')}\nold")["user"] = None
    post(fake)
    assert len(fake.comments) == 2


def test_what_is_no_comment_is_passed_over(fake: FakeGitHub) -> None:
    fake.faults.append((f"GET {ISSUE}", lambda _: httpx.Response(200, json=[1, {"id": "x"}, {}])))
    assert post(fake).startswith("commented")


def test_each_gate_has_its_own_comment(fake: FakeGitHub) -> None:
    post(fake, key="a\0x")
    post(fake, key="b\0x")
    post(fake, key="a\0x", text="FAIL")
    assert [one["body"].partition("\n")[2] for one in fake.comments] == ["FAIL", "PASS"]


def test_a_marker_shows_nothing_of_its_key_and_cannot_be_broken_out_of() -> None:
    shown = marker("--> <script>")
    assert shown.count("-->") == 1
    assert "script" not in shown


def test_a_comment_whose_answer_was_lost_is_not_written_twice(fake: FakeGitHub) -> None:
    def lost(request: httpx.Request) -> httpx.Response:
        fake.comment(ACTIONS, f"{marker('k')}\nPASS")
        raise httpx.ReadTimeout("timed out")

    fake.faults.append((f"POST {ISSUE}", lost))
    assert post(fake).startswith("the comment is up to date")
    assert len(fake.comments) == 1


def test_a_comment_that_was_not_written_is_written(fake: FakeGitHub) -> None:
    fake.fail(f"POST {ISSUE}", 502)
    assert post(fake).startswith("commented")
    assert len(fake.comments) == 1


def test_a_refusal_is_handed_on(fake: FakeGitHub) -> None:
    fake.fail(f"POST {ISSUE}", 403)
    with pytest.raises(HttpError, match="pull requests from forks"):
        post(fake)


def test_a_workflow_does_not_know_its_own_name(fake: FakeGitHub) -> None:
    assert own_login(fake.client()) == ACTIONS


def test_a_person_s_token_knows_it(fake: FakeGitHub) -> None:
    fake.login = "octocat"
    assert own_login(fake.client()) == "octocat"


def test_a_server_that_cannot_say_it_is_an_error(fake: FakeGitHub) -> None:
    fake.fail("GET /user", 500)
    with pytest.raises(HttpError, match="500"):
        own_login(fake.client())
