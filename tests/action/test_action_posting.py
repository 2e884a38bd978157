"""The action posts to GitHub as far as it may, and decides the same where it may not."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.action.conftest import Project

pytestmark = pytest.mark.slow


@dataclass
class GitHub:
    """Comments and check runs of one repository, over HTTP.

    Attributes:
        forbidden: Answer every request to write with 403, as for the token of a fork.
    """

    address: str = ""
    forbidden: bool = False
    comments: list[dict[str, Any]] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:  # noqa: PLR0911
        place = path.partition("?")[0].removeprefix("/repos/acme/models")
        if method != "GET" and self.forbidden:
            return 403, {"message": "Resource not accessible by integration"}
        if place == "/pulls":
            head = {"sha": "a" * 40, "label": "mallory:better"}
            return 200, [{"number": 7, "head": head}] if "head=mallory%3Abetter" in path else []
        if place.startswith("/issues/7/comments"):
            if method == "GET":
                return 200, self.comments if "page=2" not in path else []
            user = {"login": "github-actions[bot]"}
            self.comments.append({"id": len(self.comments) + 1, "body": body["body"], "user": user})
            return 201, self.comments[-1]
        if place.startswith("/issues/comments/"):
            comment = self.comments[int(place.rpartition("/")[2]) - 1]
            comment.update(body)
            return 200, comment
        if place.endswith("/check-runs") and method == "GET":
            return 200, {"total_count": 0, "check_runs": []}
        if place.startswith("/check-runs"):
            self.checks.append(body)
            return 201, {"id": len(self.checks), **body}
        return 404, {"message": "Not Found"}


@pytest.fixture
def github() -> Iterator[GitHub]:
    """Serve a GitHub of its own on this machine."""
    made = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            made.tokens.add(self.headers.get("authorization", ""))
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            status, answer = made.answer(self.command, self.path, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do  # noqa: N815 -- http.server's names

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.address = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def posting(project: Project, github: GitHub) -> Project:
    """Return a project whose runs have a token and talk to the GitHub of the test."""
    project.env["GITHUB_API_URL"] = github.address
    project.secrets["GITHUB_TOKEN"] = "s3cr3t-t0ken"
    return project


def test_pull_request_gets_one_comment_and_a_check_run(posting: Project, github: GitHub) -> None:
    posting.use("pull_request", check_run="true")
    proposal = posting.proposal()
    first = posting.run("pull_request", proposal, loopback=False)
    posting.write("test_model.py", (posting.folder / "test_model.py").read_text().replace("0.95", "0.5"))
    second = posting.run("pull_request", proposal, loopback=False)

    assert (first.code, second.code) == (0, 1), first.log + second.log
    (comment,) = github.comments
    assert "## FAIL: credit 1" in comment["body"]
    assert [check["conclusion"] for check in github.checks] == ["success", "failure"]
    assert {check["head_sha"] for check in github.checks} == {"a" * 40}
    assert github.tokens == {"Bearer s3cr3t-t0ken"}
    assert "s3cr3t-t0ken" not in first.log + second.log


def test_forbidden_to_post_the_decision_stands_and_the_summary_tells_it(
    posting: Project, github: GitHub
) -> None:
    github.forbidden = True
    ran = posting.run("pull_request", posting.proposal(repository="mallory/models"), loopback=False)

    assert (ran.code, ran.outputs["verdict"]) == (0, "pass"), ran.log
    assert github.comments == []
    assert "403" in ran.log
    assert "## PASS" in ran.summary


def test_merge_group_gets_a_check_run_on_its_own_commit_and_no_comment(
    posting: Project, github: GitHub
) -> None:
    posting.use("merge_group", check_run="true")
    ran = posting.run("merge_group", posting.group(), loopback=False)

    assert ran.code == 0, ran.log
    assert github.comments == []
    assert [check["head_sha"] for check in github.checks] == ["c" * 40]


def test_comment_can_be_switched_off(posting: Project, github: GitHub) -> None:
    posting.use("pull_request", comment="false")
    ran = posting.run(loopback=False)

    assert ran.code == 0, ran.log
    assert (github.comments, github.checks, github.tokens) == ([], [], set())


def test_tests_never_see_the_token(posting: Project) -> None:
    posting.write(
        "test_token.py", "import os\ndef test_it():\n    assert 's3cr3t-t0ken' not in str(dict(os.environ))\n"
    )

    assert posting.run(loopback=False).code == 0


def follow_fork(posting: Project) -> Mapping[str, Any]:
    """Run the first workflow of the pair on a fork's proposal; return the event that starts the second."""
    posting.follow("measure")
    measured = posting.run("pull_request", posting.proposal(repository="mallory/models"))
    assert measured.record()["provenance"]["trust"] == "untrusted-pr", measured.log
    posting.follow("post")
    run = {
        "event": "pull_request",
        "id": 1,
        "run_attempt": 1,
        "head_sha": "a" * 40,
        "head_branch": "better",
        "head_repository": {"full_name": "mallory/models"},
    }
    return {"action": "completed", "workflow_run": run, "repository": {"full_name": "acme/models"}}


def test_second_workflow_comments_on_the_pull_request_of_a_fork(posting: Project, github: GitHub) -> None:
    event = follow_fork(posting)
    ran = posting.run("workflow_run", event, loopback=False)

    assert ran.code == 0, ran.log
    (comment,) = github.comments
    assert "## PASS: credit 1" in comment["body"]
    assert "made by the code of a pull request from another repository" in comment["body"]
    assert [(check["head_sha"], check["conclusion"]) for check in github.checks] == [("a" * 40, "success")]


def test_second_workflow_refuses_what_was_forged(posting: Project, github: GitHub) -> None:
    posting.write("test_model.py", (posting.folder / "test_model.py").read_text().replace("0.95", "0.5"))
    event = follow_fork(posting)
    path = posting.scratch / "artifacts" / "mlops" / "integration-result.json"
    forged = json.loads(path.read_text(encoding="utf-8"))
    assert forged["decision"] == "block"
    path.write_text(json.dumps({**forged, "verdict": "pass", "decision": "allow", "success": True}))
    ran = posting.run("workflow_run", event, loopback=False)

    assert ran.code == 1
    assert "## INCOMPLETE: evidence refused" in github.comments[0]["body"]
    assert github.checks[0]["conclusion"] == "failure"
