"""The documentation says what the code does."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from pytest_mlops.cli.app import app
from pytest_mlops.config.load import load_config
from pytest_mlops.config.schemas import shipped_schema
from pytest_mlops.verdict import Context, Decision, Verdict, decide

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for found, text in BLOCK.findall(README) if found == language]


def run(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def gate_example(name: str, folder: Path) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run an example under the gate as the README does, beside a copy of the examples."""
    shutil.copytree(
        ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__", ".*")
    )
    done = run("pytest", f"examples/{name}", "--mlops-gate", "-p", "no:cacheprovider", folder=folder)
    return done, folder / ".mlops" / "integration-result.json"


@pytest.fixture(scope="module")
def first_command(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    return gate_example("breast_cancer", tmp_path_factory.mktemp("readme"))


def test_first_command_gates_the_example_as_the_readme_shows(
    first_command: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, result = first_command

    assert done.returncode == 0, done.stdout
    assert blocks("text")[0].strip() in done.stdout
    record = json.loads(result.read_text(encoding="utf-8"))
    assert record["verdict"] == "pass"
    assert record["success"] is record["deployable"] is True
    Draft202012Validator(json.loads(shipped_schema("result"))).validate(record)


def test_regressed_example_is_stopped_and_the_slice_named(tmp_path: Path) -> None:
    done, result = gate_example("breast_cancer_regressed", tmp_path)

    assert done.returncode == 1, done.stdout
    assert "FAIL recall[small tumour] = 0.5517, must be at least 0.8" in done.stdout
    record = json.loads(result.read_text(encoding="utf-8"))
    assert record["verdict"] == "fail"
    assert [reason["verdict"] for reason in record["reasons"]] == ["fail"]


def test_first_command_of_the_readme_names_the_example_that_the_tests_run() -> None:
    first, second = blocks("console")[:2]
    assert first.strip().endswith("pytest examples/breast_cancer --mlops-gate")
    assert second.strip() == ".venv/bin/pip install -q -e '.[dev]' && .venv/bin/pytest -n 2 -m 'not slow'"
    assert "\"$bin/pytest\" -n 2 -m 'not slow'" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_record_of_the_example_verifies_from_where_the_readme_says(
    first_command: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    command = blocks("console")[2].split()
    assert command[0] == "pytest-mlops"

    done = run("pytest_mlops", *command[1:], folder=first_command[1].parents[1])

    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok    model digest" in done.stdout


def test_own_model_of_the_readme_is_gated_as_written(tmp_path: Path) -> None:
    """The fifteen lines, with fixtures like those the reader brings along."""
    test, config = blocks("python")[0], blocks("yaml")[0]
    (tmp_path / "test_model.py").write_text(test, encoding="utf-8")
    (tmp_path / "mlops.yaml").write_text(config, encoding="utf-8")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.txt").write_text("1", encoding="utf-8")
    (tmp_path / "conftest.py").write_text(
        """
from types import SimpleNamespace
import numpy as np, pandas as pd, pytest

@pytest.fixture
def holdout():
    age = np.arange(400) % 60 + 18
    return SimpleNamespace(X=pd.DataFrame({"age": age}), y=(age % 2), ids=[f"row-{i}" for i in range(400)])

@pytest.fixture
def model():
    return SimpleNamespace(predict=lambda X: X["age"] % 2)
""",
        encoding="utf-8",
    )

    done = run("pytest", "--mlops-gate", folder=tmp_path)

    assert done.returncode == 0, done.stdout
    assert "PASS: credit-risk 2026.11.0 is allowed here" in done.stdout
    lines = [line for line in (test + config).splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) <= 15


def test_decision_table_of_the_readme_is_the_policy() -> None:
    rows = {
        match[1]: [cell.strip() for cell in match[2].split("|")[:5]]
        for match in re.finditer(r"^\| `(local|pull_request|release)` \|(.*)\|$", README, re.MULTILINE)
    }
    assert set(rows) == set(Context)
    for context in Context:
        for verdict, said in zip(Verdict, rows[context], strict=True):
            if said.startswith("as "):
                continue
            assert decide(verdict, context, accept_waived=True) == Decision(said.split()[0].strip(",;"))


def test_every_command_is_documented_and_every_documented_one_exists() -> None:
    import typer

    group = typer.main.get_command(app)
    commands = set(getattr(group, "commands", {}))
    said = set().union(*re.findall(r"`pytest-mlops (\w+)|^pytest-mlops (\w+)", README, re.MULTILINE))
    assert said - {""} == commands


def test_options_that_the_documentation_names_exist(tmp_path: Path) -> None:
    helped = run("pytest", "--help", folder=tmp_path).stdout
    pages = [README, *(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))]
    named = {option for page in pages for option in re.findall(r"--mlops-[\w-]+", page)}
    assert named
    assert {option for option in named if option not in helped} == set()


def test_configuration_reference_is_what_the_models_say() -> None:
    done = run("docs.reference", "--print")
    assert done.stdout == (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")


# The schema knows the checks of this package; tests/examples holds the example that brings one of its own.
@pytest.mark.parametrize(
    "path",
    [path for path in sorted(ROOT.glob("examples/*/mlops.yaml")) if path.parent.name != "custom_plugin"],
    ids=lambda path: path.parent.name,
)
def test_configuration_of_every_example_is_valid(path: Path) -> None:
    assert load_config(path).config.requirements
    schema = json.loads(shipped_schema("config"))
    Draft202012Validator(schema).validate(yaml.safe_load(path.read_text(encoding="utf-8")))


PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("examples/*/README.md")),
]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_links_inside_the_documentation_lead_somewhere() -> None:
    broken = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^):]+)\)", page.read_text(encoding="utf-8")):
            path, _, anchor = target.partition("#")
            there = page.parent / path if path else page
            if not there.exists() or (anchor and anchor not in anchors(there)):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def literals() -> str:
    """Return every text of the package's code, a formatted value as a gap."""
    texts = []
    for path in sorted((ROOT / "pytest_mlops").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
                texts.append("".join(map(str, parts)))
    return "\n".join(texts)


def test_messages_that_the_page_of_operations_explains_are_those_of_the_code() -> None:
    """Names, numbers and what the page leaves out stand for values; what is between them is in the code."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = page.split("## What may go wrong")[1].split("\n## ")[0]
    messages = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert len(messages) > 15
    code = literals()
    values = r"production(?:\.\d+)?|ada on host|\d+(?:\.\d+)?|…|No space left on device"
    unknown = [
        message
        for message in messages
        if not all(part.strip(" :;()") in code for part in re.split(values, message))
    ]
    assert unknown == []
