"""Versions deployed to processes of this machine, seen by a client that never stops asking."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from benchmarks._deployments import Client, Playground, evidence_of
from pytest_mlops.errors import TaskError
from pytest_mlops.records.deployment import DeploymentStatus
from pytest_mlops.serving.processes import find_marked
from pytest_mlops.state.controls import Control, request_control
from pytest_mlops.state.steps import Step

if TYPE_CHECKING:
    from pathlib import Path


def answer(url: str) -> object:
    return httpx.post(f"{url}/predict", json={}, trust_env=False, timeout=20).json()


def serves(url: str, version: str) -> bool:
    try:
        return answer(url) == {"version": version}
    except (httpx.HTTPError, ValueError):
        return False


def test_a_new_version_takes_over_without_a_failed_request(playground: Playground) -> None:
    url = playground.up()
    assert playground.deploy("1").success
    assert answer(url) == {"version": "1"}
    with Client(url=url) as client:
        assert playground.deploy("2").success
        time.sleep(0.5)
    assert client.failures == []
    assert set(client.answers) == {'{"version": "1"}', '{"version": "2"}'}
    assert answer(url) == {"version": "2"}


@pytest.mark.slow
def test_a_deployment_brings_the_environment_up_by_itself(playground: Playground) -> None:
    assert playground.deploy("1").success
    assert answer(playground.url) == {"version": "1"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("traits", "step"),
    [({"start": "crash"}, Step.PROBE), ({"health": "sick"}, Step.PROBE)],
    ids=["a version that does not start", "a version that is not healthy"],
)
def test_a_bad_version_is_rolled_back_unseen(tmp_path: Path, traits: dict[str, str], step: Step) -> None:
    rollout = "{bake: 0.5, deadline: 8.0, tries: 2}"
    with Playground(tmp_path / "project", rollout=rollout) as playground:
        url = playground.up()
        assert playground.deploy("1").success
        with Client(url=url) as client:
            result = playground.deploy("2", **traits)
        assert not result.success
        assert result.deployment.message.startswith(f"{step}: ")
        assert client.failures == []
        assert set(client.answers) == {'{"version": "1"}'}
        playground.settle()
        assert playground.pointer().weights == {"production.1": 100.0}


@pytest.mark.slow
def test_a_version_that_answers_otherwise_than_the_tested_model_gets_no_traffic(tmp_path: Path) -> None:
    with Playground(tmp_path / "project") as playground:
        text = playground.config.read_text(encoding="utf-8")
        golden = "    golden: {file: golden.json, path: /predict}\n    gateway:"
        playground.config.write_text(text.replace("    gateway:", golden), encoding="utf-8")
        cases = [{"request": {"n": 1}, "response": {"version": "1"}}]
        (playground.folder / "golden.json").write_text(json.dumps(cases), encoding="utf-8")
        playground.up()
        assert playground.deploy("1").success
        result = playground.deploy("2")
        assert not result.success
        assert "the answer.version is '2', expected '1'" in result.deployment.message
        assert answer(playground.url) == {"version": "1"}


@pytest.mark.slow
def test_a_canary_with_errors_is_rolled_back_by_the_judge(tmp_path: Path) -> None:
    rollout = "{strategy: canary, steps: [{weight: 20.0, bake: 60.0}], bake: 0.5, deadline: 30.0}"
    with Playground(tmp_path / "project", rollout=rollout) as playground:
        url = playground.up()
        assert playground.deploy("1").success
        with Client(url=url, pause=0.001) as client:
            result = playground.deploy("2", errors=50)
        assert not result.success
        assert result.deployment.message.startswith("shift: the judge decided to roll back: errors")
        assert client.failures  # those that the new version answered with 500
        assert answer(url) == {"version": "1"}


@pytest.mark.slow
def test_a_canary_that_does_well_is_promoted_by_the_judge(tmp_path: Path) -> None:
    rollout = (
        "{strategy: canary, steps: [{weight: 50.0, bake: 1.0}], bake: 0.5, deadline: 30.0, "
        "judge: {metrics: [errors], min_requests: 50, tolerable_rate: 0.05}}"
    )
    with Playground(tmp_path / "project", rollout=rollout) as playground:
        url = playground.up()
        assert playground.deploy("1").success
        with Client(url=url, pause=0.001) as client:
            result = playground.deploy("2")
        assert result.success, result.deployment.message
        assert client.failures == []
        assert answer(url) == {"version": "2"}


def test_going_back_serves_the_old_files_again(
    playground: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a version imports is compiled, and must not end up among its files."""
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"):
        monkeypatch.delenv(name, raising=False)
    url = playground.up()
    assert playground.deploy("1").success
    server = playground.folder / "serve.py"
    text = server.read_text(encoding="utf-8")
    server.write_text(text.replace('"version": model', '"v": model'), encoding="utf-8")
    assert playground.deploy("2").success
    assert answer(url) == {"v": "2"}
    with Client(url=url) as client:
        assert playground.manager().rollback().success
    assert client.failures == []
    assert answer(url) == {"version": "1"}


@pytest.mark.slow
def test_a_deployer_that_is_interrupted_leaves_the_rest_to_the_supervisor(tmp_path: Path) -> None:
    with Playground(tmp_path / "project", rollout="{strategy: blue_green, bake: 0.2}") as playground:
        url = playground.up()
        assert playground.deploy("1").success
        version = playground.version("2")
        name = playground.manager().submit(evidence_of(version))
        deadline = time.monotonic() + 30
        while answer(url) != {"version": "2"}:
            assert time.monotonic() < deadline
            with playground.store.write() as connection:
                request_control(
                    connection,
                    environment="production",
                    deployment_id=name,
                    control=Control.PROMOTE,
                    actor="ada",
                    reason="",
                    at=playground.manager().now(),
                )
            time.sleep(0.3)
        playground.settle()
        assert playground.rows()[0].status is DeploymentStatus.RUNNING


@pytest.mark.slow
def test_nothing_is_left_after_down_and_up_serves_again(playground: Playground) -> None:
    url = playground.up()
    assert playground.deploy("1").success
    command = [sys.executable, "-m", "pytest_mlops", "down", "--config", str(playground.config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "production is down; ended: " in done.stdout
    assert find_marked(str(playground.layout.root)) == []
    with pytest.raises(httpx.ConnectError):
        answer(url)
    with pytest.raises(TaskError, match="pytest-mlops up"):
        playground.manager().submit(evidence_of(playground.version("2")))

    assert playground.up() == url
    deadline = time.monotonic() + 30
    while httpx.get(f"{url}/healthz", trust_env=False).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert answer(url) in ({"version": "1"}, {"version": "2"})


@pytest.mark.slow
def test_a_version_that_keeps_dying_once_it_serves_is_rolled_back(tmp_path: Path) -> None:
    with Playground(tmp_path / "project", rollout="{bake: 0.1, tries: 2}") as playground:
        url = playground.up()
        assert playground.deploy("1").success
        assert playground.deploy("2", dies_after=2.0).success
        deadline = time.monotonic() + 60
        while not serves(url, "1"):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        playground.settle()
        first, second, *_ = playground.rows()
        assert (first.plan.rollback_from, first.status) == ("production.2", DeploymentStatus.RUNNING)
        assert (second.status, second.message) == (DeploymentStatus.FAILED, "rolled back by production.3")


def read_json(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None


@pytest.mark.slow
@pytest.mark.parametrize("what", ["supervisor", "gateway", "replica"])
def test_what_is_killed_comes_back_by_itself(playground: Playground, what: str) -> None:
    url = playground.up()
    assert playground.deploy("1").success
    path = {
        "supervisor": playground.layout.supervisor,
        "gateway": playground.layout.gateway,
        "replica": playground.layout.replicas / "production.1.0.json",
    }[what]
    before = read_json(path)
    assert before is not None
    psutil.Process(before["pid"]).kill()
    deadline = time.monotonic() + 40
    while (after := read_json(path)) is None or after["pid"] in {before["pid"], None}:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    while not serves(url, "1"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
