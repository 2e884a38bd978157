"""The check run: what it concludes, and its annotations fifty at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pytest_mlops.errors import HttpError
from pytest_mlops.github.annotations import Annotation
from pytest_mlops.github.check_run import conclusion, post_check_run
from pytest_mlops.github.ruling import Ruling
from pytest_mlops.github.source_location import SourceLocation
from pytest_mlops.verdict import Context, Decision, Verdict, decide

if TYPE_CHECKING:
    from tests.github.conftest import FakeGitHub, Make

FAILED = Ruling(verdict=Verdict.FAIL, decision=Decision.BLOCK)
POST = "POST /repos/acme/models/check-runs"


def remarks(n: int) -> list[Annotation]:
    return [
        Annotation(
            level="failure", location=SourceLocation(path="t.py", line=i + 1), title=f"t{i}", message="m"
        )
        for i in range(n)
    ]


def post(fake: FakeGitHub, make: Make, **more: Any) -> str:
    arguments: dict[str, Any] = {
        "repository": make.REPOSITORY,
        "name": "mlops gate",
        "head_sha": make.HEAD,
        "external_id": "r1",
        "ruling": FAILED,
        "title": "FAIL",
        "summary": "## FAIL",
        "details_url": "https://github.com/acme/models/actions/runs/1",
    }
    return post_check_run(fake.client(), **{**arguments, **more})


@pytest.mark.parametrize("verdict", Verdict)
def test_the_conclusion_follows_the_decision(verdict: Verdict) -> None:
    for context in Context:
        decision = decide(verdict, context, narrowed=False)
        found = conclusion(Ruling(verdict=verdict, decision=decision))
        if decision is Decision.BLOCK:
            assert found == "failure"
        else:
            assert found == ("neutral" if verdict is Verdict.UNDECIDED else "success")


def test_a_pass_that_is_blocked_here_fails() -> None:
    assert conclusion(Ruling(verdict=Verdict.PASS, decision=Decision.BLOCK)) == "failure"


@pytest.mark.parametrize(("n", "requests"), [(0, 1), (50, 1), (51, 2), (130, 3)])
def test_annotations_are_sent_fifty_at_a_time(fake: FakeGitHub, make: Make, n: int, requests: int) -> None:
    logged = post(fake, make, annotations=remarks(n))
    assert logged == "wrote the check run (failure): https://github.com/checks/1"
    assert [one["start_line"] for one in fake.annotations[1]] == list(range(1, n + 1))
    assert len(fake.log) == 1 + requests
    (check,) = fake.checks
    assert (check["head_sha"], check["status"], check["conclusion"]) == (make.HEAD, "completed", "failure")


def test_no_more_than_five_hundred_annotations_are_sent(fake: FakeGitHub, make: Make) -> None:
    post(fake, make, annotations=remarks(600))
    assert len(fake.annotations[1]) == 500


def test_what_has_no_place_is_no_annotation(fake: FakeGitHub, make: Make) -> None:
    post(fake, make, annotations=[Annotation(level="failure", location=None, title="t", message="m")])
    assert fake.annotations[1] == []


def test_the_same_record_again_changes_its_check_run(fake: FakeGitHub, make: Make) -> None:
    post(fake, make, annotations=remarks(60))
    post(fake, make, annotations=remarks(60), ruling=Ruling(verdict=Verdict.PASS, decision=Decision.ALLOW))
    post(fake, make, external_id="r2")
    assert [check["conclusion"] for check in fake.checks] == ["success", "failure"]
    assert len(fake.annotations[1]) == 60


def test_a_check_run_whose_answer_was_lost_is_found_again(fake: FakeGitHub, make: Make) -> None:
    def lost(request: httpx.Request) -> httpx.Response:
        fake.answer(request)
        return httpx.Response(502)

    fake.faults.append((POST, lost))
    post(fake, make, annotations=remarks(60))
    assert len(fake.checks) == 1
    assert len(fake.annotations[1]) == 60


@pytest.mark.parametrize("status", [403, 404, 422, 502])
def test_a_refusal_is_handed_on(fake: FakeGitHub, make: Make, status: int) -> None:
    fake.fail(POST, status)
    with pytest.raises(HttpError, match=str(status)):
        post(fake, make)


def test_an_answer_without_a_number_is_refused(fake: FakeGitHub, make: Make) -> None:
    fake.faults.append((POST, lambda _: httpx.Response(201, json=[])))
    with pytest.raises(HttpError, match="names no check run"):
        post(fake, make)
