"""What these tests share: records, and a GitHub that holds every request and answer against its OpenAPI."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from pytest_mlops.decision.counts import count_outcomes, evidence_of
from pytest_mlops.decision.judge import judge
from pytest_mlops.github.client import Client, open_client
from pytest_mlops.records.codec import dump, policy_digest
from pytest_mlops.records.integration import CodeQuality, IntegrationResult, Provenance
from pytest_mlops.records.measurement import Binomial, Measurement, Origin
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.records.policy import Policy, Requirement
from pytest_mlops.records.results import Outcome, SessionFacts, TestResult, TestResults
from pytest_mlops.records.rule import Rule
from pytest_mlops.verdict import Context

# Read before a fixture takes the variables of CI out of the environment.
SHARED = Path(os.environ.get("MLOPS_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
SLICE = SHARED / "github-openapi-slice.json"
ENDED = datetime(2026, 6, 15, 12, tzinfo=UTC)
API = "https://api.github.com"
REPOSITORY = "acme/models"
HEAD, BASE, OLD = "a" * 40, "b" * 40, "c" * 40
MODEL = ModelVersion(model_id="credit", version_id="1.0", digest="0" * 64)
PASSING = Policy(configured=True, requirements=(Requirement(capability="rank"),))


def a_test(
    name: str = "test_model.py::test_it", outcome: Outcome = Outcome.PASSED, **fields: Any
) -> TestResult:
    passed = outcome in {Outcome.PASSED, Outcome.XPASSED}
    fields = {"covers": ("rank:all",), "conclusive": passed or outcome is Outcome.FAILED, **fields}
    return TestResult(test_name=name, passed=passed, outcome=outcome, **fields)


def make_record(
    *,
    tests: tuple[TestResult, ...] = (a_test(),),
    policy: Policy = PASSING,
    shares: tuple[tuple[str, int], ...] = (),
    context: Context = Context.PULL_REQUEST,
    session: SessionFacts = SessionFacts(),  # noqa: B008 -- frozen
    model: ModelVersion | None = MODEL,
    made: dict[str, Any] | None = None,
    timestamp: datetime = ENDED,
    **fields: Any,
) -> IntegrationResult:
    """Build a record that verifies; ``shares`` are (metric, successes in 100)."""
    measurements = tuple(
        Measurement(
            name=metric,
            value=successes / 100,
            n=100,
            basis=Binomial(successes=successes, trials=100),
            origin=Origin.SCORE,
            test=tests[0].test_name,
        )
        for metric, successes in shares
    )
    held = evidence_of(measurements, {test.test_name: test.dataset for test in tests})
    tests = tuple(test.model_copy(update={"evidence": held.get(test.test_name, {})}) for test in tests)
    counts: dict[str, Any] = count_outcomes(tests)
    results = TestResults(results=tests, session=session, **counts)
    evidence: dict[str, Any] = {
        "measurements": measurements,
        "code_quality": fields.pop("code_quality", CodeQuality()),
        "model_version": model,
        "policy": policy,
        "context": context,
        "comparison": fields.pop("comparison", None),
    }
    judgement = judge(results=results, today=timestamp.date(), **evidence)
    made = {"commit_head": HEAD, "config": "mlops.yaml", "trust": "ci", **(made or {})}
    return IntegrationResult(
        **{name: getattr(judgement, name) for name in type(judgement).model_fields},
        **evidence,
        **{
            "run_id": "r1",
            "test_results": results,
            "policy_digest": policy_digest(policy),
            "provenance": Provenance(
                tool_version="1", pytest_version="9", python="3.11", platform="here", **made
            ),
            "duration": 1.0,
            "timestamp": timestamp,
            **fields,
        },
    )


def failing_record(message: str = "assert 1 == 2", **fields: Any) -> IntegrationResult:
    return make_record(tests=(a_test(outcome=Outcome.FAILED, message=message),), **fields)


def undecided_record(**fields: Any) -> IntegrationResult:
    return make_record(tests=(a_test(outcome=Outcome.UNDECIDED),), **fields)


def many_rules(n: int, bound: float = 0.9) -> IntegrationResult:
    """Build a record with ``n`` failing rules."""
    rules = tuple(Rule(metric="accuracy", min=bound, id=f"rule-{index}") for index in range(n))
    return make_record(policy=PASSING.model_copy(update={"rules": rules}), shares=(("accuracy", 80),))


def write_record(record: IntegrationResult, folder: Path) -> Path:
    path = folder / ".mlops" / "integration-result.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dump(record), encoding="utf-8")
    return path


def archive_of(record: IntegrationResult | None, **members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        if record is not None:
            opened.writestr("integration-result.json", dump(record))
        for name, data in members.items():
            opened.writestr(name, data)
    return stream.getvalue()


class Contract:
    """GitHub's OpenAPI, as far as it was cut out."""

    def __init__(self, document: dict[str, Any]) -> None:
        from openapi_core import OpenAPI

        self.document = document
        self._api = OpenAPI.from_dict(document)

    def check(self, request: httpx.Request, response: httpx.Response) -> None:
        """Hold a request and its answer against the contract; raises what openapi-core raises."""
        from openapi_core.testing import MockRequest, MockResponse

        asked = MockRequest(
            API,
            request.method.lower(),
            request.url.path,
            args=dict(request.url.params),
            headers=dict(request.headers),
            data=request.content or None,
            content_type=request.headers.get("content-type", ""),
        )
        self._api.validate_request(asked)
        if response.status_code in {200, 201}:
            answered = MockResponse(
                response.content, status_code=response.status_code, content_type="application/json"
            )
            self._api.validate_response(asked, answered)

    def sample(self, name: str, /, **fields: Any) -> dict[str, Any]:
        """Return a value of a schema, as small as it may be, with some fields set."""
        return {**self._sample({"$ref": f"#/components/schemas/{name}"}), **fields}

    def _sample(self, schema: dict[str, Any]) -> Any:  # noqa: PLR0911 -- a case a line
        if "$ref" in schema:
            return self._sample(self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
        if "allOf" in schema:
            parts = [self._sample(part) for part in schema["allOf"]]
            return {key: value for part in parts for key, value in part.items()}
        if schema.get("nullable"):
            return None
        for word in ("anyOf", "oneOf"):
            if word in schema:
                return self._sample(schema[word][0])
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            properties = schema.get("properties", {})
            return {key: self._sample(properties.get(key, {})) for key in schema.get("required", [])}
        if kind == "array":
            return []
        by_format = {"date-time": "2026-06-15T12:00:00Z", "uri": API, "email": "a@b.example"}
        return {"integer": 1, "number": 1, "boolean": False}.get(
            str(kind), by_format.get(schema.get("format", ""), "x")
        )


Fault = Callable[[httpx.Request], httpx.Response]


@dataclass(kw_only=True)
class FakeGitHub:
    """Keeps comments, check runs, artifacts and pull requests, and answers as GitHub's contract says.

    Attributes:
        faults: (part of ``METHOD path``, answer) taken before all else, each once.
        log: Every request, as ``METHOD path``.
    """

    contract: Contract
    login: str = "github-actions[bot]"
    token: str = "ghs_token"
    comments: list[dict[str, Any]] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    annotations: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    archives: dict[int, bytes] = field(default_factory=dict)
    events: dict[int, tuple[str, str]] = field(default_factory=dict)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    merge_base: str | None = None
    faults: list[tuple[str, Fault]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def client(self, token: str = "ghs_token") -> Client:
        return open_client(
            api_url=API,
            token=token,
            transport=httpx.MockTransport(self.answer),
            sleep=self.slept.append,
            clock=lambda: 1000.0,
        )

    def fail(self, part: str, status: int, times: int = 1, **headers: str) -> None:
        def answer(_: httpx.Request) -> httpx.Response:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            return httpx.Response(status, json={"message": f"refused {status}"}, headers=names)

        self.faults += [(part, answer)] * times

    def comment(self, login: str, body: str) -> dict[str, Any]:
        user = self.contract.sample("simple-user", login=login)
        made = self.contract.sample(
            "issue-comment",
            id=len(self.comments) + 1,
            user=user,
            body=body,
            html_url=f"https://github.com/{REPOSITORY}/pull/7#issuecomment-{len(self.comments) + 1}",
        )
        self.comments.append(made)
        return made

    def artifact(self, record: IntegrationResult | bytes, *, run: int, commit: str, **fields: Any) -> None:
        """Add an artifact of main."""
        number = len(self.artifacts) + 1
        data = record if isinstance(record, bytes) else archive_of(record)
        self.archives[number] = data
        self.events.setdefault(run, ("push", commit))
        origin = {
            "id": run,
            "repository_id": 1,
            "head_repository_id": fields.pop("head_repository_id", 1),
            "head_branch": fields.pop("branch", "main"),
            "head_sha": commit,
        }
        made = self.contract.sample(
            "artifact",
            id=number,
            name="mlops",
            size_in_bytes=len(data),
            expired=False,
            created_at=f"2026-06-{run:02d}T00:00:00Z",
            workflow_run=origin,
        )
        self.artifacts.append({**made, **fields})

    def answer(self, request: httpx.Request) -> httpx.Response:
        name = f"{request.method} {request.url.path}"
        self.log.append(name)
        self.requests.append(request)
        if request.url.host != "api.github.com":
            assert "authorization" not in request.headers
            return httpx.Response(200, content=self.archives[int(request.url.path.strip("/"))])
        for position, (part, fault) in enumerate(self.faults):
            if part in name:
                del self.faults[position]
                return fault(request)
        if "/contents/" in name:  # a part of the API that our slice of the contract lacks
            return httpx.Response(404, json={"message": "Not Found"})
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return httpx.Response(401, json={"message": "Bad credentials"})
        assert request.headers["x-github-api-version"] == "2022-11-28"
        response = self._route(name, request)
        self.contract.check(request, response)
        return response

    def _route(self, name: str, request: httpx.Request) -> httpx.Response:  # noqa: PLR0911 -- as above
        body = json.loads(request.content) if request.content else {}
        root = f"/repos/{REPOSITORY}"
        rest = name.replace(root, "", 1)
        if name == "GET /user":
            if self.login.endswith("[bot]"):
                return httpx.Response(403, json={"message": "Resource not accessible by integration"})
            user = self.contract.sample("public-user", login=self.login, user_view_type="public")
            return httpx.Response(200, json=user)
        if rest == "GET /issues/7/comments":
            return self._page(request, self.comments)
        if rest == "POST /issues/7/comments":
            return httpx.Response(201, json=self.comment(self.login, body["body"]))
        if match := re.fullmatch(r"PATCH /issues/comments/(\d+)", rest):
            found = self.comments[int(match[1]) - 1]
            found["body"] = body["body"]
            return httpx.Response(200, json=found)
        if rest == "GET /pulls":
            owner, branch = str(request.url.params["head"]).split(":")
            found_pulls = [one for one in self.pulls if one["head"]["label"] == f"{owner}:{branch}"]
            return self._page(request, found_pulls)
        if rest.startswith("GET /compare/"):
            if self.merge_base is None:
                return httpx.Response(404, json={"message": "Not Found"})
            commit = self.contract.sample("commit", sha=self.merge_base, author={}, committer={})
            made = self.contract.sample("commit-comparison", base_commit=commit, merge_base_commit=commit)
            return httpx.Response(200, json=made)
        return self._actions(rest, body, request)

    def _actions(self, rest: str, body: dict[str, Any], request: httpx.Request) -> httpx.Response:
        if rest == "GET /actions/artifacts":
            named = [one for one in self.artifacts if one["name"] == request.url.params["name"]]
            return self._page(request, named, "artifacts")
        if match := re.fullmatch(r"GET /actions/artifacts/(\d+)/zip", rest):
            return httpx.Response(302, headers={"location": f"https://blobs.example/{match[1]}"})
        if match := re.fullmatch(r"GET /actions/runs/(\d+)", rest):
            event, commit = self.events[int(match[1])]
            made = self.contract.sample("workflow-run", id=int(match[1]), event=event, head_sha=commit)
            return httpx.Response(200, json=made)
        if rest == "POST /check-runs":
            assert body.get("status") != "completed" or "conclusion" in body
            number = len(self.checks) + 1
            made = self._check(number, body)
            self.checks.append(made)
            return httpx.Response(201, json=made)
        if match := re.fullmatch(r"PATCH /check-runs/(\d+)", rest):
            number = int(match[1])
            made = {**self.checks[number - 1], **self._check(number, {**self.checks[number - 1], **body})}
            self.checks[number - 1] = made
            return httpx.Response(200, json=made)
        if match := re.fullmatch(r"GET /commits/(\w+)/check-runs", rest):
            named = [one for one in self.checks if one["name"] == request.url.params["check_name"]]
            return self._page(request, named, "check_runs")
        raise AssertionError(f"nothing answers {rest}")

    def _check(self, number: int, body: dict[str, Any]) -> dict[str, Any]:
        output = body.get("output", {})
        added = output.get("annotations", [])
        assert len(added) <= 50
        if isinstance(added, list):
            self.annotations.setdefault(number, []).extend(added)
        made = self.contract.sample("check-run", id=number, html_url=f"https://github.com/checks/{number}")
        made["output"] = {
            "title": output.get("title"),
            "summary": output.get("summary"),
            "text": None,
            "annotations_count": len(self.annotations.get(number, [])),
            "annotations_url": API,
        }
        kept = ("name", "head_sha", "external_id", "status", "conclusion")
        return {**made, **{key: body[key] for key in kept if key in body}}

    def _page(self, request: httpx.Request, items: list[Any], key: str | None = None) -> httpx.Response:
        size, number = int(request.url.params.get("per_page", 30)), int(request.url.params.get("page", 1))
        shown = items[(number - 1) * size : number * size]
        headers = {}
        if number * size < len(items):
            following = request.url.copy_set_param("page", number + 1)
            headers["link"] = f'<{following}>; rel="next"'
        body = shown if key is None else {"total_count": len(items), key: shown}
        return httpx.Response(200, json=body, headers=headers)


@pytest.fixture(scope="session")
def contract() -> Contract:
    """Return GitHub's contract, which the repository does not hold."""
    pytest.importorskip("openapi_core", reason="openapi-core is not installed (pip install openapi-core)")
    if not SLICE.is_file():
        pytest.skip(f"there is no {SLICE.name}; name its folder in MLOPS_SHARED_DATA")
    return Contract(json.loads(SLICE.read_text(encoding="utf-8")))


@pytest.fixture
def fake(contract: Contract) -> FakeGitHub:
    """Return an empty GitHub."""
    return FakeGitHub(contract=contract)


@pytest.fixture
def event() -> dict[str, Any]:
    """Return the event of a pull request from a branch of the same repository."""
    return {
        "pull_request": {
            "number": 7,
            "head": {"sha": HEAD, "ref": "feature", "repo": {"full_name": REPOSITORY}},
            "base": {"sha": BASE, "ref": "main", "repo": {"full_name": REPOSITORY}},
        },
        "repository": {"full_name": REPOSITORY},
    }


class Make:
    """What tests are made of; modules of tests cannot import one another."""

    API, REPOSITORY, HEAD, BASE, OLD, ENDED, PASSING = API, REPOSITORY, HEAD, BASE, OLD, ENDED, PASSING
    test = staticmethod(a_test)
    record = staticmethod(make_record)
    failing = staticmethod(failing_record)
    undecided = staticmethod(undecided_record)
    many_rules = staticmethod(many_rules)
    write = staticmethod(write_record)
    archive = staticmethod(archive_of)


@pytest.fixture(scope="session")
def make() -> Make:
    """Return builders of records and files."""
    return Make()
