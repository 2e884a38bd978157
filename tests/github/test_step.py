"""The two steps of the action, from environment to exit code: trouble in posting never changes a decision."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from typer.testing import CliRunner

from pytest_mlops.cli.app import app
from pytest_mlops.cli.exits import ExitCode
from pytest_mlops.cli.github import exit_code_for_ruling
from pytest_mlops.errors import ConfigError
from pytest_mlops.github import post as post_module
from pytest_mlops.github import step as step_module
from pytest_mlops.github.comment import marker
from pytest_mlops.github.render import UNTRUSTED, title
from pytest_mlops.github.ruling import Ruling, rule_on, tighten, untrusted
from pytest_mlops.github.step import PostOptions, StepEnvironment, baseline_step, post_step
from pytest_mlops.records.codec import dump
from pytest_mlops.records.policy import Waiver
from pytest_mlops.records.results import Outcome, SessionFacts
from pytest_mlops.records.rule import Rule
from pytest_mlops.verdict import Context, Decision, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult
    from tests.github.conftest import FakeGitHub, Make

MARKER = marker("mlops\0\0")
COMMENTS = "/repos/acme/models/issues/7/comments"


class Job:
    """A job of a workflow: its folder, its environment, and what it printed."""

    def __init__(self, folder: Path, make: Make, event: dict[str, Any], fake: FakeGitHub | None) -> None:
        self.folder, self.make, self.fake, self.event = folder, make, fake, event
        self.logged: list[str] = []
        self.environ = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": make.REPOSITORY,
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(folder / "event.json"),
            "GITHUB_WORKSPACE": str(folder),
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_RUN_ID": "99",
            "MLOPS_CHECK_RUN": "true",
            "MLOPS_POLICY_CHANGES": "allow",  # most of these jobs have no clone
            "MLOPS_TOKEN": "ghs_token",
        }

    def post(self, record: IntegrationResult | None, **options: Any) -> Ruling:
        result = self.folder / ".mlops" / "integration-result.json"
        if record is not None:
            self.make.write(record, self.folder)
        return post_step(PostOptions(result=result, **options), self.environment())

    def environment(self) -> StepEnvironment:
        (self.folder / "event.json").write_text(json.dumps(self.event), encoding="utf-8")
        transport = None if self.fake is None else httpx.MockTransport(self.fake.answer)
        return StepEnvironment(
            environ=self.environ,
            log=self.logged.append,
            now=self.make.ENDED,
            transport=transport,
            sleep=lambda _: None,
        )

    @property
    def outputs(self) -> dict[str, str]:
        lines = (self.folder / "output").read_text(encoding="utf-8").splitlines()
        return {line.partition("<<")[0]: lines[index + 1] for index, line in enumerate(lines) if "<<" in line}

    @property
    def summary(self) -> str:
        return (self.folder / "summary.md").read_text(encoding="utf-8")

    @property
    def log(self) -> str:
        return "\n".join(self.logged)


@pytest.fixture
def job(tmp_path: Path, make: Make, event: dict[str, Any], fake: FakeGitHub) -> Job:
    return Job(tmp_path, make, event, fake)


def test_a_pass_is_shown_everywhere(job: Job, fake: FakeGitHub, make: Make) -> None:
    ruling = job.post(make.record())
    assert exit_code_for_ruling(ruling) is ExitCode.ALLOW
    assert job.outputs == {
        "verdict": "pass",
        "decision": "allow",
        "success": "true",
        "pass-rate": "1",
        "coverage": "1",
        "quality-score": "1",
        "result-path": str(job.folder / ".mlops" / "integration-result.json"),
        "report-path": str(job.folder / ".mlops" / "report.md"),
    }
    headline = "PASS: credit 1.0 is allowed for this pull request"
    assert job.logged[0] == headline
    assert job.summary.startswith(f"## {headline}\n")
    assert (job.folder / ".mlops" / "report.md").read_text(encoding="utf-8").startswith(f"## {headline}")
    (comment,) = fake.comments
    assert comment["body"].startswith(f"{MARKER}\n## {headline}")
    assert comment["body"].endswith("[The run](https://github.com/acme/models/actions/runs/99)\n")
    (check,) = fake.checks
    assert (check["name"], check["head_sha"], check["conclusion"]) == ("mlops gate", make.HEAD, "success")
    assert check["output"]["title"] == headline


def test_attestation_is_prepared_where_asked_for_and_named_to_the_next_step(job: Job, make: Make) -> None:
    job.environ["MLOPS_ATTEST"] = "true"
    job.post(make.record())
    folder = job.folder / ".mlops" / "attestation"
    assert job.outputs["attestation"] == str(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["predicate.json", "subjects.txt"]


def test_what_may_not_be_attested_is_not_and_the_log_says_so(job: Job, make: Make) -> None:
    job.environ["MLOPS_ATTEST"] = "true"
    job.post(make.failing())
    assert "attestation" not in job.outputs
    assert not (job.folder / ".mlops" / "attestation").exists()
    assert "not attested" in job.log


def test_attestation_that_cannot_be_prepared_is_left_to_fail_in_its_own_step(job: Job, make: Make) -> None:
    job.environ["MLOPS_ATTEST"] = "true"
    (job.folder / ".mlops").mkdir()
    (job.folder / ".mlops" / "attestation").write_text("in the way", encoding="utf-8")
    ruling = job.post(make.record())
    assert exit_code_for_ruling(ruling) is ExitCode.ALLOW
    assert job.outputs["attestation"]
    assert "no attestation: cannot write" in job.log


def test_a_fail_is_shown_everywhere(job: Job, fake: FakeGitHub, make: Make) -> None:
    assert exit_code_for_ruling(job.post(make.failing())) is ExitCode.BLOCK
    assert (job.outputs["verdict"], job.outputs["decision"], job.outputs["success"]) == (
        "fail",
        "block",
        "false",
    )
    assert fake.checks[0]["conclusion"] == "failure"
    assert fake.annotations[1][0]["path"] == "test_model.py"
    (command,) = [line for line in job.logged if line.startswith("::")]
    assert command.startswith("::error file=test_model.py,line=1,title=failed%3A test_model.py")


def test_an_undecided_one_is_allowed_and_neutral(job: Job, fake: FakeGitHub, make: Make) -> None:
    assert exit_code_for_ruling(job.post(make.undecided())) is ExitCode.ALLOW
    assert fake.checks[0]["conclusion"] == "neutral"
    assert (job.outputs["verdict"], job.outputs["success"]) == ("undecided", "false")
    assert "although the evidence is insufficient" in job.logged[0]


def test_the_second_run_changes_the_first_comment(job: Job, fake: FakeGitHub, make: Make) -> None:
    job.post(make.failing())
    job.post(make.record(run_id="r2"))
    job.post(None, run_id="r3")
    assert len(fake.comments) == 1
    assert "## INCOMPLETE" in fake.comments[0]["body"]
    assert len(fake.checks) == 3


@pytest.mark.parametrize(
    ("record", "code"),
    [("failing", ExitCode.BLOCK), ("record", ExitCode.ALLOW), ("undecided", ExitCode.ALLOW)],
)
@pytest.mark.parametrize("status", [403, 404, 422, 429, 502, "timeout", "truncated"])
def test_trouble_in_posting_changes_no_decision(
    job: Job, fake: FakeGitHub, make: Make, record: str, code: ExitCode, status: int | str
) -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        if status == "timeout":
            raise httpx.ReadTimeout("timed out")
        if status == "truncated":
            return httpx.Response(201, content=b'{"id": 1, "bod')
        return httpx.Response(int(status), json={"message": "no"})

    fake.faults += [(f"POST {COMMENTS}", broken)] * 9 + [("POST /repos/acme/models/check-runs", broken)] * 9
    ruling = job.post(getattr(make, record)())
    assert exit_code_for_ruling(ruling) is code
    assert job.outputs["decision"] == ("block" if code else "allow")
    assert job.summary.startswith("## ")
    lines = [line for line in job.logged if line.startswith(("no comment: ", "no check run: "))]
    assert len(lines) == 2
    expected = {403: "pull requests from forks", "timeout": "ReadTimeout", "truncated": "is not JSON"}
    assert all(expected.get(status, str(status)) in line for line in lines)


def test_without_a_record_nothing_was_measured(job: Job, fake: FakeGitHub) -> None:
    ruling = job.post(None)
    assert exit_code_for_ruling(ruling) is ExitCode.INCOMPLETE
    assert (job.outputs["verdict"], job.outputs["decision"], job.outputs["success"]) == (
        "incomplete",
        "block",
        "false",
    )
    assert job.outputs["pass-rate"] == ""
    assert "there is no record at" in job.summary
    assert "## INCOMPLETE: there is no evidence" in fake.comments[0]["body"]
    assert fake.checks[0]["conclusion"] == "failure"


@pytest.mark.parametrize(
    "change", [{"success": True, "verdict": "pass"}, {"run_id": ""}, {"policy_digest": "0" * 64}]
)
def test_a_forged_record_is_refused(job: Job, make: Make, change: dict[str, Any]) -> None:
    path = make.write(make.failing(), job.folder)
    data = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**data, **change}), encoding="utf-8")
    ruling = job.post(None)
    assert exit_code_for_ruling(ruling) is ExitCode.REFUSED
    assert (job.outputs["decision"], job.outputs["success"]) == ("block", "false")
    assert "INCOMPLETE: evidence refused" in job.log


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema_version": "1.0"}', "[" * 200_000, "\x00"])
def test_what_is_no_record_is_refused(job: Job, text: str) -> None:
    path = job.folder / ".mlops" / "integration-result.json"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    assert job.post(None).refused


def test_a_record_of_another_run_is_refused(job: Job, make: Make) -> None:
    assert job.post(make.record(), run_id="r1").decision is Decision.ALLOW
    ruling = job.post(make.record(), run_id="other")
    assert exit_code_for_ruling(ruling) is ExitCode.REFUSED


def test_a_record_that_trips_the_judge_is_refused(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trip(*_: object, **__: object) -> None:
        raise OverflowError("too large")

    monkeypatch.setattr("pytest_mlops.github.ruling.verify_record", trip)
    ruling = rule_on(make.write(make.record(), tmp_path))
    assert (ruling.refused, ruling.decision) == (True, Decision.BLOCK)
    assert ruling.problem == "the record cannot be judged: OverflowError: too large"


def test_a_part_of_the_tests_decides_nothing_in_ci(make: Make, tmp_path: Path) -> None:
    tests = (make.test(), make.test("t.py::other", Outcome.DESELECTED, covers=()))
    record = make.record(tests=tests, session=SessionFacts(narrowed_by=("-k",)), context=Context.LOCAL)
    assert (record.verdict, record.decision) == (Verdict.INCOMPLETE, Decision.ALLOW)
    ruling = rule_on(make.write(record, tmp_path))
    assert ruling.decision is Decision.BLOCK
    assert exit_code_for_ruling(ruling) is ExitCode.INCOMPLETE


def test_fail_on_can_only_tighten(make: Make, tmp_path: Path) -> None:
    undecided = rule_on(make.write(make.undecided(), tmp_path))
    assert tighten(undecided).decision is Decision.ALLOW
    blocked = tighten(undecided, fail_on=("undecided",))
    assert (blocked.decision, blocked.reasons) == (Decision.BLOCK, ("fail-on names undecided",))
    assert exit_code_for_ruling(blocked) is ExitCode.UNDECIDED
    assert "is blocked" in title(blocked)
    failed = rule_on(make.write(make.failing(), tmp_path))
    assert tighten(failed, fail_on=("undecided", "waived", "policy-changes")).decision is Decision.BLOCK
    passed = rule_on(make.write(make.record(), tmp_path))
    assert tighten(passed, fail_on=("undecided", "waived", "policy-changes")) == passed


def test_a_waived_one_blocks_where_fail_on_says_so(job: Job, make: Make) -> None:
    waiver = {"rule": "accuracy", "scope": "*", "reason": "r", "approver": "a", "expires": "2999-01-01"}
    rules, waivers = (Rule(metric="accuracy", min=0.9),), (Waiver.model_validate(waiver),)
    policy = make.PASSING.model_copy(update={"rules": rules, "waivers": waivers})
    record = make.record(policy=policy, shares=(("accuracy", 80),))
    assert record.verdict is Verdict.WAIVED
    job.environ["MLOPS_FAIL_ON"] = "waived"
    ruling = job.post(record)
    assert exit_code_for_ruling(ruling) is ExitCode.BLOCK
    assert (job.outputs["verdict"], job.outputs["success"]) == ("waived", "false")


def test_options_add_to_the_environment_and_flags_replace_it(job: Job, fake: FakeGitHub, make: Make) -> None:
    ruling = job.post(
        make.undecided(), fail_on="undecided", comment=False, check_run=False, annotations=False
    )
    assert ruling.decision is Decision.BLOCK
    assert fake.log == ["GET /repos/acme/models/contents/mlops.yaml"]  # nothing is posted
    assert not any(line.startswith("::") for line in job.logged)


def test_a_summary_that_is_switched_off_is_not_written(job: Job, make: Make) -> None:
    job.post(make.record(), summary=False)
    assert not (job.folder / "summary.md").exists()


def test_a_summary_is_added_to_what_the_step_has_written(job: Job, make: Make) -> None:
    (job.folder / "summary.md").write_text("before\n", encoding="utf-8")
    job.post(make.record())
    assert job.summary.startswith("before\n\n## PASS")


@pytest.mark.parametrize("place", ["GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"])
def test_files_that_cannot_be_written_are_named(job: Job, make: Make, place: str) -> None:
    job.environ[place] = str(job.folder)
    ruling = job.post(make.failing(), report=job.folder)
    assert ruling.decision is Decision.BLOCK
    assert "no report: cannot write" in job.log
    assert f"cannot write {'the outputs to ' if place == 'GITHUB_OUTPUT' else ''}{job.folder}" in job.log


def test_a_fault_of_ours_in_showing_a_verdict_does_not_change_it(
    job: Job, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trip(*_: object, **__: object) -> str:
        raise RuntimeError("oops")

    monkeypatch.setattr(post_module, "render", trip)
    ruling = job.post(make.failing())
    assert exit_code_for_ruling(ruling) is ExitCode.BLOCK
    assert job.outputs["decision"] == "block"
    assert "no comment: RuntimeError: oops" in job.log


def test_settings_that_are_wrong_are_incomplete_in_the_outputs_too(job: Job, make: Make) -> None:
    job.environ["MLOPS_COMMENT"] = "maybe"
    with pytest.raises(ConfigError, match="MLOPS_COMMENT"):
        job.post(make.record())
    assert (job.outputs["verdict"], job.outputs["decision"]) == ("incomplete", "block")


def test_an_option_that_is_wrong_is_a_mistake(job: Job, make: Make) -> None:
    del job.environ["GITHUB_OUTPUT"]
    with pytest.raises(ConfigError, match="--fail-on"):
        job.post(make.record(), fail_on="nothing")


def test_a_hostile_event_is_named_and_nothing_is_posted(job: Job, fake: FakeGitHub, make: Make) -> None:
    job.event["pull_request"]["number"] = "7; rm -rf /"
    assert job.post(make.record()).decision is Decision.ALLOW
    assert fake.log == []
    assert "GitHub is not asked: the pull_request event: pull_request.number is str" in job.log


def test_without_a_token_nothing_is_posted(job: Job, fake: FakeGitHub, make: Make) -> None:
    del job.environ["MLOPS_TOKEN"]
    job.post(make.record())
    assert fake.log == []
    assert job.logged[-1] == "no comment and no check run: there is no token (MLOPS_TOKEN)"


def test_outside_github_the_verdict_is_printed(job: Job, make: Make) -> None:
    job.environ.clear()
    assert job.post(make.failing()).decision is Decision.BLOCK
    assert job.logged[0].startswith("FAIL: ")


def test_what_proposes_nothing_has_no_comment(job: Job, fake: FakeGitHub, make: Make) -> None:
    job.environ |= {"GITHUB_EVENT_NAME": "push", "GITHUB_SHA": make.HEAD, "MLOPS_ARTIFACT_NAME": "scores"}
    job.post(make.record())
    assert "no comment: no pull request" in job.log
    assert fake.checks[0]["name"] == "mlops gate (scores)"


def test_a_commit_that_is_not_named_has_no_check_run(job: Job, fake: FakeGitHub, make: Make) -> None:
    job.environ["GITHUB_EVENT_NAME"] = "push"
    job.post(make.record())
    assert "no check run: the event names no commit" in job.log
    assert fake.checks == []


def test_evidence_of_a_fork_is_marked_whatever_it_says(job: Job, fake: FakeGitHub, make: Make) -> None:
    job.event["pull_request"]["head"]["repo"] = {"full_name": "eve/models"}
    ruling = job.post(make.record())
    assert ruling.record is not None
    assert ruling.record.provenance.trust == "untrusted-pr"
    assert UNTRUSTED in fake.comments[0]["body"]
    assert UNTRUSTED in job.summary
    nothing = Ruling(verdict=Verdict.INCOMPLETE, decision=Decision.BLOCK)
    assert untrusted(nothing) == nothing


def following(make: Make, source: str | None = "eve/models") -> dict[str, Any]:
    run = {
        "head_sha": make.HEAD,
        "head_branch": "feature",
        "head_repository": None if source is None else {"full_name": source},
    }
    return {"workflow_run": run, "repository": {"full_name": make.REPOSITORY}}


@pytest.fixture
def after(job: Job, make: Make) -> Job:
    """Return the job that follows the run of a fork's pull request."""
    job.environ["GITHUB_EVENT_NAME"] = "workflow_run"
    job.event = following(make)
    return job


def pull(fake: FakeGitHub, number: int, sha: str, label: str = "eve:feature") -> None:
    sample = fake.contract.sample("pull-request-simple", number=number)
    sample["head"] = {**sample["head"], "sha": sha, "label": label}
    fake.pulls.append(sample)


def test_the_pull_request_of_a_fork_is_asked_of_github(after: Job, fake: FakeGitHub, make: Make) -> None:
    pull(fake, 7, make.HEAD)
    pull(fake, 8, make.OLD)
    after.post(make.record())
    assert UNTRUSTED in fake.comments[0]["body"]
    assert fake.checks[0]["head_sha"] == make.HEAD
    (asked,) = [request for request in fake.requests if request.url.path.endswith("/pulls")]
    assert asked.url.params["head"] == "eve:feature"


@pytest.mark.parametrize("numbers", [(), (7, 9)])
def test_a_pull_request_that_is_not_meant_for_sure_gets_no_comment(
    after: Job, fake: FakeGitHub, make: Make, numbers: tuple[int, ...]
) -> None:
    pull(fake, 8, make.OLD)
    for number in numbers:
        pull(fake, number, make.HEAD)
    after.post(make.record())
    assert fake.comments == []
    assert "no comment: no open pull request ends in the commit that was measured" in after.log


def test_a_fork_that_is_gone_has_no_pull_request(after: Job, fake: FakeGitHub, make: Make) -> None:
    after.event = following(make, source=None)
    after.post(make.record())
    assert fake.comments == []


def test_changes_of_the_policy_come_first_and_block_where_the_base_says_so(
    job: Job, fake: FakeGitHub, make: Make
) -> None:
    base = job.folder / "base.yaml"
    rules = "requirements: [{capability: rank}]\nrules: [{metric: accuracy, min: 0.9}]\n"
    base.write_text(rules, encoding="utf-8")
    policy = make.PASSING.model_copy(update={"rules": (Rule(metric="accuracy", min=0.1),)})
    record = make.record(policy=policy, shares=(("accuracy", 80),))
    ruling = job.post(record, base_config=base)
    assert ruling.decision is Decision.ALLOW
    body = fake.comments[0]["body"]
    assert "- **loosened**: min of rule accuracy is 0.1, was 0.9" in body
    assert body.index("### Changes of the policy") < body.index("### Scores")
    assert job.post(record, base_config=base, fail_on="policy-changes").decision is Decision.BLOCK
    base.write_text(f"{rules}gate: {{policy_changes: block}}\n", encoding="utf-8")
    ruling = job.post(record, base_config=base)
    assert exit_code_for_ruling(ruling) is ExitCode.BLOCK
    assert (job.outputs["verdict"], job.outputs["success"]) == ("pass", "false")
    assert fake.checks[-1]["conclusion"] == "failure"
    assert "PASS: credit 1.0 is blocked for this pull request" in fake.comments[0]["body"]


def commit_base(job: Job, name: str, text: str) -> None:
    """Commit a configuration, and have the pull request proposed on top of that commit."""

    def git(*arguments: str) -> str:
        names = ("-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ["git", *names, *arguments], cwd=job.folder, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    (job.folder / name).parent.mkdir(parents=True, exist_ok=True)
    (job.folder / name).write_text(text, encoding="utf-8")
    git("init", "--quiet")
    git("add", name)
    git("commit", "--quiet", "-m", "c")
    job.event["pull_request"]["base"]["sha"] = git("rev-parse", "HEAD")


@pytest.mark.parametrize(
    ("name", "judged"),
    [
        ("mlops.yml", "mlops.yml"),
        ("mlops.yml", "loose.yaml"),
        ("models/a/mlops.yaml", "models/a/mlops.yaml"),
        ("models/a/mlops.yml", "mlops.yaml"),
    ],
)
def test_loosening_a_strict_base_blocks_wherever_its_policy_is(
    job: Job, make: Make, name: str, judged: str
) -> None:
    """No configuration is named; the pull request may bring one that the base does not have."""
    strict = "requirements: [{capability: rank}, {capability: speed}]\ngate: {policy_changes: block}\n"
    commit_base(job, name, strict)
    record = make.record(made={"config": judged})
    assert job.post(record).decision is Decision.BLOCK
    commit_base(job, name, strict.replace("block", "allow"))
    ruling = job.post(record)
    assert ruling.decision is Decision.ALLOW
    assert ruling.changes


def test_the_base_of_the_event_is_compared_with(job: Job, fake: FakeGitHub, make: Make) -> None:
    commit_base(job, "mlops.yaml", "requirements: [{capability: rank}, {capability: speed}]\n")
    ruling = job.post(make.record())
    assert [change.text for change in ruling.changes] == ["the requirement speed:all was removed"]
    job.event["pull_request"]["base"]["sha"] = make.BASE
    (change,) = job.post(make.record()).changes
    assert "history in this clone does not contain" in change.text
    (change,) = job.post(make.record(), base="nowhere").changes
    assert "does not contain nowhere" in change.text


def test_a_base_that_cannot_be_read_blocks_unless_the_workflow_allows_it(job: Job, make: Make) -> None:
    assert job.post(make.record()).decision is Decision.ALLOW
    del job.environ["MLOPS_POLICY_CHANGES"]
    ruling = job.post(make.record())
    assert ruling.decision is Decision.BLOCK
    assert "could not be compared with its base" in ruling.reasons[0]


def test_a_base_that_the_clone_lacks_is_read_through_the_api(job: Job, fake: FakeGitHub, make: Make) -> None:
    text = "requirements: [{capability: rank}, {capability: speed}]\ngate: {policy_changes: block}\n"
    answer = httpx.Response(200, json={"content": base64.b64encode(text.encode()).decode()})
    fake.faults.append(("/contents/mlops.yaml", lambda _: answer))
    job.environ["MLOPS_CONFIG"] = "mlops.yaml"
    ruling = job.post(make.record())
    assert "the requirement speed:all was removed" in [change.text for change in ruling.changes]
    assert ruling.decision is Decision.BLOCK


def test_every_record_of_the_run_is_judged(job: Job, make: Make) -> None:
    record = make.record(tests=(make.test(outcome=Outcome.FAILED),))
    other = job.folder / ".mlops" / "models" / "a" / "integration-result.json"
    other.parent.mkdir(parents=True)
    other.write_text(dump(record), encoding="utf-8")
    ruling = job.post(make.record(), run_id=record.run_id)
    assert ruling.decision is Decision.BLOCK
    assert "another record of this run" in ruling.reasons[0]


def test_a_pull_request_that_does_not_say_its_base_is_unknown(job: Job, make: Make) -> None:
    job.event = {}
    (change,) = job.post(make.record()).changes
    assert "does not name the base of the proposal" in change.text


def test_earlier_runs_show_how_the_baseline_drifts(job: Job, fake: FakeGitHub, make: Make) -> None:
    rule = Rule(metric="accuracy", min_delta=-0.02)
    policy = make.PASSING.model_copy(update={"rules": (rule,)})
    for run, percent in enumerate((95, 95, 95, 93, 91), start=1):
        earlier = make.record(
            shares=(("accuracy", percent),), made={"commit_head": make.OLD}, run_id=f"r{run}"
        )
        fake.artifact(earlier, run=run, commit=make.OLD)
    folder = job.folder / "baselines"
    receipt = baseline_step(folder, job.environment(), sources=["artifact:main"], history=5)
    assert receipt is not None
    assert job.logged[0].startswith("artifact:main: found: run 5 of main")
    job.environ["MLOPS_BASELINES"] = str(folder)
    job.post(make.record(policy=policy, shares=(("accuracy", 90),)))
    assert "Δaccuracy: 0.9 now, 0.95 sustained over 3 earlier runs" in job.log
    assert "sustained over 3 earlier runs" in job.summary
    (folder / "baselines.json").unlink()
    job.post(make.record())
    assert "earlier runs could not be read: cannot read" in job.log


def test_sources_are_those_of_the_configuration(
    job: Job, fake: FakeGitHub, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(job.folder)
    assert baseline_step(job.folder / "b", job.environment()) is not None
    assert job.logged == []
    config = job.folder / "mlops.yaml"
    config.write_text('baseline: {from: ["artifact:main", run]}\n', encoding="utf-8")
    baseline_step(job.folder / "b", job.environment())
    assert job.logged == ["artifact:main: none: main has no successful run with an artifact 'mlops'"]
    with pytest.raises(ConfigError, match="there is no such file"):
        baseline_step(job.folder / "b", job.environment(), config=job.folder / "none.yaml")


def test_outside_github_nothing_is_fetched(job: Job) -> None:
    job.environ.clear()
    assert baseline_step(job.folder / "b", job.environment(), sources=["artifact:main"]) is None
    assert job.logged == ["nothing was fetched: this is not a run on GitHub with a valid event"]


def test_an_event_that_cannot_be_understood_is_named_before_fetching(job: Job) -> None:
    job.event = {}
    assert baseline_step(job.folder / "b", job.environment(), sources=["artifact:main"]) is None
    assert job.logged[0].startswith("GitHub is not asked: the pull_request event")


def test_the_commands_exit_by_the_decision(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    assert runner.invoke(app, ["github", "post"]).exit_code == 4
    make.write(make.record(), tmp_path)
    assert runner.invoke(app, ["github", "post"]).exit_code == 0
    result = str(make.write(make.failing(), tmp_path))
    assert runner.invoke(app, ["github", "post", result, "--no-comment"]).exit_code == 1
    assert runner.invoke(app, ["github", "post", result, "--run-id", "x"]).exit_code == 5
    make.write(make.undecided(), tmp_path)
    assert runner.invoke(app, ["github", "post", "--fail-on", "undecided"]).exit_code == 3
    done = runner.invoke(app, ["github", "baseline", "--source", "artifact:main"])
    assert (done.exit_code, "nothing was fetched" in done.output) == (0, True)


def test_event_rewritten_by_the_tests_is_written_to_nobody(job: Job, fake: FakeGitHub, make: Make) -> None:
    """It would choose the pull request that is commented on, and the commit that gets a check."""
    job.environ["MLOPS_TRUSTED_EVENT"] = "0" * 64
    ruling = job.post(make.record())

    assert exit_code_for_ruling(ruling) is ExitCode.REFUSED
    assert (job.outputs["verdict"], job.outputs["decision"]) == ("incomplete", "block")
    assert fake.log == []
    assert "rewritten while the tests ran" in job.summary


def test_base_that_blocked_before_the_tests_blocks_where_they_made_it_unreadable(
    job: Job, make: Make
) -> None:
    assert job.post(make.record()).decision is Decision.ALLOW  # there is no repository to look into
    job.environ["MLOPS_TRUSTED_POLICY_CHANGES"] = "block"
    ruling = job.post(make.record())
    assert ruling.decision is Decision.BLOCK
    assert ruling.changes[0].text.startswith("the policy could not be compared with its base")


def test_repository_that_trips_us_is_one_that_nobody_can_compare(
    job: Job, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trip(*_: object) -> None:
        raise ValueError("BAD")

    monkeypatch.setattr(step_module, "changes_in_search", trip)
    (change,) = job.post(make.record()).changes
    assert change.text == "the policy could not be compared with its base: ValueError: BAD"


@pytest.mark.parametrize(
    ("decided", "event_name", "asked", "decision"),
    [
        (Context.LOCAL, "pull_request", None, Decision.BLOCK),
        (Context.PULL_REQUEST, "pull_request", None, Decision.ALLOW),
        (Context.PULL_REQUEST, "release", None, Decision.BLOCK),
        (Context.PULL_REQUEST, "release", "pull_request", Decision.ALLOW),
        (Context.PULL_REQUEST, "pull_request", "release", Decision.BLOCK),
        (Context.RELEASE, "pull_request", None, Decision.ALLOW),
    ],
)
def test_what_was_decided_for_a_context_that_asks_for_less_is_blocked(
    job: Job, make: Make, decided: Context, event_name: str, asked: str | None, decision: Decision
) -> None:
    job.environ |= {"GITHUB_EVENT_NAME": event_name, **({"MLOPS_CONTEXT": asked} if asked else {})}
    record = make.record(context=decided, shares=(("accuracy", 90),))
    assert record.decision is Decision.ALLOW
    ruling = job.post(record)
    assert ruling.decision is decision
    assert ("it was decided for the context" in job.log) is (decision is Decision.BLOCK)


def test_event_that_cannot_be_understood_vouches_for_nobody(job: Job, make: Make) -> None:
    job.event = {}
    ruling = job.post(make.record())
    assert ruling.record is not None
    assert ruling.record.provenance.trust == "untrusted-pr"
