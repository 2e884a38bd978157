"""In CI, options that run no test block unless they were typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from tests.conftest import Gate

OPTIONS = ["--collect-only", "--setup-plan", "--fixtures", "--fixtures-per-test", "--markers", "--version", "--help", "--cache-show"]  # fmt: skip  # noqa: E501
TEST = "import pytest\n@pytest.mark.model_test\ndef test_it(): assert 0\n"


@pytest.fixture
def project(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate.write("mlops.yaml", "version: 1\n")
    gate.write("test_model.py", TEST)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return gate


@pytest.mark.parametrize("option", OPTIONS)
def test_brought_in_by_addopts_it_blocks(project: Gate, option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
    project.write("pytest.ini", f"[pytest]\naddopts = {option}\n")
    assert project.run("--mlops-context=pull_request").ret == 1
    record = project.record()
    assert record.verdict is Verdict.INCOMPLETE
    assert f"{option} comes from addopts" in record.reasons[0].text


@pytest.mark.parametrize("option", ["--collect-only", "--version"])
def test_brought_in_by_the_environment_it_blocks(
    project: Gate, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", option)
    assert project.run("--mlops-context=release").ret == 1
    assert project.record().verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize("option", OPTIONS)
def test_typed_it_is_left_alone(project: Gate, option: str) -> None:
    assert project.run("--mlops-context=pull_request", option).ret == 0
    assert not project.path.exists()


def test_outside_of_ci_it_is_left_alone(project: Gate) -> None:
    project.write("pytest.ini", "[pytest]\naddopts = --collect-only\n")
    assert project.run("--mlops-context=local").ret == 0
    assert not project.path.exists()
