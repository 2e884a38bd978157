"""Fetching a baseline: the merge base's, else the latest good one, and never a stranger's."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.ci.event import Activity, Kind
from pytest_mlops.compare.artifact import FOLDER_VARIABLE, ArtifactSource, Fetched, read_receipt
from pytest_mlops.compare.baseline import Baseline, Candidate, NoBaseline
from pytest_mlops.errors import EvidenceError, IoError
from pytest_mlops.github import artifacts
from pytest_mlops.github.baseline_drift import baseline_drift, staleness
from pytest_mlops.github.fetch import BaselineRequest, fetch_baselines
from pytest_mlops.records.rule import Rule

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult
    from tests.github.conftest import FakeGitHub, Make

MAIN = "artifact:main"


@pytest.fixture
def activity(make: Make) -> Activity:
    return Activity(
        kind=Kind.PULL_REQUEST, repository=make.REPOSITORY, head_sha=make.HEAD, base_sha=make.BASE
    )


def of(make: Make, commit: str, **fields: Any) -> IntegrationResult:
    return make.record(made={"commit_head": commit}, **fields)


def fetch(fake: FakeGitHub, activity: Activity, folder: Path, **more: Any) -> Fetched:
    request = BaselineRequest(sources=(MAIN, "run", MAIN), artifact="mlops", **more)
    receipt = fetch_baselines(fake.client(), activity, request, folder / "baselines")
    assert receipt == read_receipt(folder / "baselines")
    return receipt.sources[MAIN]


def received(folder: Path) -> Baseline | NoBaseline:
    """Return what the tests that follow are given of it."""
    environ = {FOLDER_VARIABLE: str(folder / "baselines")}
    return ArtifactSource(MAIN).find(Candidate(arrays=folder, folder=folder, environ=environ))


def test_the_latest_good_run_is_taken(
    fake: FakeGitHub, make: Make, activity: Activity, tmp_path: Path
) -> None:
    fake.artifact(of(make, make.OLD, run_id="old"), run=1, commit=make.OLD)
    fake.artifact(of(make, make.BASE, run_id="new"), run=2, commit=make.BASE)
    found = fetch(fake, activity, tmp_path)
    assert found.status == "found"
    assert found.message == f"run 2 of main at {make.BASE[:12]}, the latest good one"
    baseline = received(tmp_path)
    assert isinstance(baseline, Baseline)
    assert baseline.record is not None
    assert baseline.record.run_id == "new"


def test_the_merge_base_comes_before_what_is_newer(
    fake: FakeGitHub, make: Make, activity: Activity, tmp_path: Path
) -> None:
    fake.artifact(of(make, make.OLD), run=1, commit=make.OLD)
    fake.artifact(of(make, make.BASE), run=2, commit=make.BASE)
    fake.merge_base = make.OLD
    found = fetch(fake, activity, tmp_path)
    assert found.message == f"run 1 of main at {make.OLD[:12]}, at the merge base"


STRANGERS: dict[str, dict[str, Any]] = {
    "a fork's branch of the same name": {"head_repository_id": 2},
    "another branch": {"branch": "feature"},
    "another name": {"name": "other"},
    "an expired one": {"expired": True},
    "one without a run": {"workflow_run": None},
    "one too large": {"size_in_bytes": artifacts.MAX_ARCHIVE + 1},
    "other bytes than were uploaded": {"digest": "sha256:" + "0" * 64},
}


@pytest.mark.parametrize("fields", STRANGERS.values(), ids=STRANGERS.keys())
def test_what_a_pull_request_could_have_written_is_not_taken(
    fake: FakeGitHub, make: Make, activity: Activity, tmp_path: Path, fields: dict[str, Any]
) -> None:
    fake.artifact(of(make, make.BASE), run=1, commit=make.BASE, **fields)
    found = fetch(fake, activity, tmp_path)
    assert found.status == "none"
    assert found.message.startswith("main has no successful run with an artifact 'mlops'")


@pytest.mark.parametrize("event", ["workflow_run", "pull_request", "pull_request_target", "issue_comment"])
def test_a_run_that_may_hand_on_a_stranger_s_record_is_not_taken(
    fake: FakeGitHub, make: Make, activity: Activity, tmp_path: Path, event: str
) -> None:
    fake.events[1] = (event, make.BASE)
    fake.artifact(of(make, make.BASE), run=1, commit=make.BASE)
    assert fetch(fake, activity, tmp_path).status == "none"


def test_the_commit_under_test_is_not_its_own_baseline(
    fake: FakeGitHub, make: Make, activity: Activity, tmp_path: Path
) -> None:
    fake.artifact(of(make, make.HEAD), run=1, commit=make.HEAD)
    assert fetch(fake, activity, tmp_path).status == "none"


def test_records_that_cannot_be_used_are_passed_over_and_named(
    fake: FakeGitHub, make: Make, activity: Activity, tmp_path: Path
) -> None:
    forged = of(make, make.OLD).model_copy(update={"pass_rate": 0.5})
    fake.artifact(of(make, make.OLD, run_id="good"), run=1, commit=make.OLD)
    fake.artifact(forged, run=2, commit=make.OLD)
    fake.artifact(b"no zip", run=3, commit=make.OLD)
    untrusted = make.record(made={"commit_head": make.OLD, "trust": "untrusted-pr"})
    fake.artifact(untrusted, run=4, commit=make.OLD)
    fake.artifact(of(make, make.BASE), run=5, commit=make.OLD)
    fake.artifact(make.failing(made={"commit_head": make.OLD}), run=6, commit=make.OLD)
    assert "run 1 of main" in fetch(fake, activity, tmp_path).message
    fake.artifacts[0]["expired"] = True
    message = fetch(fake, activity, tmp_path).message
    assert "; that of run 5 cannot be used: it is of commit " in message


def test_an_artifact_that_is_gone_is_passed_over(
    fake: FakeGitHub, make: Make, activity: Activity, tmp_path: Path
) -> None:
    fake.artifact(of(make, make.OLD), run=1, commit=make.OLD)
    fake.artifact(of(make, make.BASE), run=2, commit=make.BASE)
    fake.fail("GET /repos/acme/models/actions/artifacts/2/zip", 410)
    assert "run 1 of main" in fetch(fake, activity, tmp_path).message


def test_without_a_good_run_an_undecided_one_is_taken(
    fake: FakeGitHub, make: Make, activity: Activity, tmp_path: Path
) -> None:
    fake.artifact(make.undecided(made={"commit_head": make.OLD}), run=1, commit=make.OLD)
    fake.artifact(make.undecided(made={"commit_head": make.BASE}), run=2, commit=make.BASE)
    assert "run 2 of main" in fetch(fake, activity, tmp_path).message
    fake.artifact(of(make, make.OLD), run=1, commit=make.OLD)
    assert "run 1 of main" in fetch(fake, activity, tmp_path).message


@pytest.mark.parametrize(
    ("part", "status"),
    [
        ("/actions/artifacts", 502),
        ("/actions/artifacts/1/zip", 403),
        ("/actions/runs/1", 502),
        ("/compare/", 403),
    ],
)
def test_a_failure_is_no_first_run(
    fake: FakeGitHub, make: Make, activity: Activity, tmp_path: Path, part: str, status: int
) -> None:
    fake.artifact(of(make, make.BASE), run=1, commit=make.BASE)
    fake.fail(part, status, times=9)
    found = fetch(fake, activity, tmp_path)
    assert (found.status, str(status) in found.message) == ("failed", True)
    with pytest.raises(EvidenceError, match="artifact:main could not be fetched: GitHub refused"):
        received(tmp_path)


def test_what_lay_in_the_folder_is_gone(
    fake: FakeGitHub, make: Make, activity: Activity, tmp_path: Path
) -> None:
    planted = tmp_path / "baselines" / "0-main" / "0" / "integration-result.json"
    planted.parent.mkdir(parents=True)
    planted.write_text("planted", encoding="utf-8")
    assert fetch(fake, activity, tmp_path).status == "none"
    assert not planted.exists()


def test_a_folder_that_cannot_be_cleared_is_an_error(
    fake: FakeGitHub, activity: Activity, tmp_path: Path
) -> None:
    (tmp_path / "baselines").write_text("")
    with pytest.raises(IoError, match="cannot clear"):
        fetch(fake, activity, tmp_path)


def test_earlier_good_runs_are_kept_as_history(
    fake: FakeGitHub, make: Make, activity: Activity, tmp_path: Path
) -> None:
    for run in range(1, 6):
        fake.artifact(of(make, make.OLD, run_id=f"r{run}"), run=run, commit=make.OLD)
    found = fetch(fake, activity, tmp_path, history=2)
    assert found.record == "0-main/0/integration-result.json"
    assert found.history == ("0-main/1/integration-result.json", "0-main/2/integration-result.json")


def measured(make: Make, *percents: int, **bound: Any) -> list[IntegrationResult]:
    rule = Rule.model_validate({"metric": "accuracy", "min_delta": -0.02, **bound})
    policy = make.PASSING.model_copy(update={"rules": (rule,)})
    return [make.record(policy=policy, shares=((rule.metric, percent),)) for percent in percents]


def test_small_steps_add_up(make: Make) -> None:
    now, *history = measured(make, 90, 91, 92, 93, 95, 95, 95)
    (message,) = baseline_drift(now, history)
    assert message == (
        "Δaccuracy: 0.9 now, 0.95 sustained over 3 earlier runs; "
        "one step may lose 0.02, all steps together lost 0.05"
    )


@pytest.mark.parametrize(
    "percents",
    [(90, 91, 99, 91, 91), (94, 95, 95, 95), (96, 95, 95, 95), (80, 95, 95), (80,)],
    ids=["one lucky run", "within the margin", "better", "too few", "none"],
)
def test_a_drift_within_the_margin_is_not_named(make: Make, percents: tuple[int, ...]) -> None:
    now, *history = measured(make, *percents)
    assert baseline_drift(now, history) == ()


def test_of_an_error_the_lowest_is_best(make: Make) -> None:
    rule = {"metric": "mae", "min_delta": None, "max_delta": 0.02}
    now, *history = measured(make, 20, 17, 12, 11, 12, **rule)
    (message,) = baseline_drift(now, history)
    assert message.startswith("Δmae: 0.2 now, 0.12 sustained")


def test_a_rule_on_the_value_knows_no_drift(make: Make) -> None:
    now, *history = measured(make, 50, 95, 95, 95, min_delta=None, min=0.1)
    assert baseline_drift(now, history) == ()


def test_a_metric_that_is_not_there_has_not_drifted(make: Make) -> None:
    (now, *history) = measured(make, 50, 95, 95, 95)
    assert baseline_drift(now.model_copy(update={"measurements": ()}), history) == ()


def test_a_baseline_nobody_measured_lately_is_named(make: Make) -> None:
    record = make.record()
    assert staleness(record, make.ENDED + timedelta(days=30)) is None
    message = staleness(record, make.ENDED + timedelta(days=31))
    assert message is not None
    assert "31 days ago" in message
