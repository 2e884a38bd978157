"""The pre-commit hook, installed and run by pre-commit itself as the page says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml", "pytest_mlops", "examples")

pytestmark = pytest.mark.slow


def git(folder: Path, *arguments: str) -> None:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    subprocess.run(command, cwd=folder, capture_output=True, check=True)


def repository(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    return folder


@pytest.fixture
def hook(tmp_path: Path) -> Path:
    """Return a repository of this project, tagged as the page names it."""
    folder = repository(tmp_path / "pytest-mlops")
    for name in PACKAGE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".mlops"))
        else:
            shutil.copy(source, folder / name)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "release")
    git(folder, "tag", "v0.1.0")
    return folder


def test_hook_of_the_page_passes_a_good_file_and_stops_a_bad_one(hook: Path, tmp_path: Path) -> None:
    for package in ("pre_commit", "hatchling"):
        pytest.importorskip(package, reason=f"{package} is not installed (pip install {package})")
    page = (ROOT / "docs" / "github-action.md").read_text(encoding="utf-8")
    config = page.partition("<!-- pre-commit -->\n```yaml\n")[2].partition("```")[0]
    assert "https://github.com/OWNER/pytest-mlops" in config
    user = repository(tmp_path / "user")
    (user / ".pre-commit-config.yaml").write_text(
        config.replace("https://github.com/OWNER/pytest-mlops", hook.as_uri()), encoding="utf-8"
    )
    # What the project depends on comes from this environment: tests need no index.
    environ = {
        **os.environ,
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PRE_COMMIT_HOME": str(tmp_path / "home"),
        "PYTHONPATH": sysconfig.get_path("purelib"),
    }

    def run(text: str) -> tuple[int, str]:
        (user / "mlops.yaml").write_text(text, encoding="utf-8")
        git(user, "add", "-A")
        command = [sys.executable, "-m", "pre_commit", "run", "--all-files", "--color=never"]
        done = subprocess.run(
            command, cwd=user, env=environ, capture_output=True, text=True, check=False, timeout=300
        )
        return done.returncode, done.stdout + done.stderr

    code, output = run("model: {id: credit, version: '1'}\nrequirements: [{capability: rank}]\n")
    assert code == 0, output
    assert output.rstrip().endswith("Passed")
    code, output = run("model: {id: credit, version: '1'}\nrules: [{metric: accuracy, mim: 0.9}]\n")
    assert code == 1, output
    assert "hook id: mlops-validate" in output
    assert "mim" in output
    assert "mlops.yaml:2: rules[0].mim" in output
