"""What the tests of tickets share: a project that was really gated and signed, and a scene to tamper with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.decision.counts import count_outcomes
from pytest_mlops.decision.judge import judge_again
from pytest_mlops.evidence.attest import write_attestations
from pytest_mlops.evidence.case import Case, Evidence, open_case
from pytest_mlops.evidence.keys import SigningKey, generate_key
from pytest_mlops.evidence.statement import envelope_path
from pytest_mlops.evidence.ticket import Examination, examine
from pytest_mlops.records.codec import dump, load_integration_result, policy_digest
from pytest_mlops.records.ticket import TicketPolicy, TrustedKey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult

PROJECT = {
    "mlops.yaml": """
        model: {id: risk, version: "7", artifact: model}
        requirements:
          - {capability: rank, slices: [all, old]}
          - {capability: size}
        gate: {min_coverage: 0.5}
        rules: [{metric: accuracy, min: 0.7}]
        environments:
          production: {trusted_keys: [{name: ci, file: ci.pub}]}
        """,
    "model/weights.bin": "w" * 1000,
    "model/tokens.txt": "a\nb\n",
    "model/parts/one.bin": "one",
    "model/parts/two.bin": "two",
    "test_model.py": """
        import pytest

        @pytest.mark.model_test(covers=["rank:all", "rank:old"])
        def test_rank(mlops):
            labels = [i % 2 for i in range(100)]
            guesses = [label if i % 10 else 1 - label for i, label in enumerate(labels)]
            mlops.predictions(labels, guesses, slices={"old": [i >= 40 for i in range(100)]})

        @pytest.mark.model_test(covers="size")
        def test_size(mlops):
            mlops.metric("megabytes", 0.001)

        @pytest.mark.model_test
        @pytest.mark.parametrize("case", range(4))
        def test_cases(case):
            assert case < 4
        """,
}


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder in which a gate has run and signed, not to be written to."""

    folder: Path
    keys: dict[str, SigningKey]

    @property
    def record(self) -> Path:
        return self.folder / ".mlops" / "integration-result.json"


def gate_apart(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the gate in a process of its own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CI", "GITHUB_", "GITLAB_", "MLOPS_", "PYTEST_"))
    }
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--mlops-gate", *arguments]
    return subprocess.run(
        command, cwd=folder, env=kept | environ, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("project")
    for name, text in PROJECT.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    keys = {name: generate_key(folder / f"{name}.key")[0] for name in ("ci", "release", "stranger")}
    done = gate_apart(folder, "--mlops-run-id=r", f"--mlops-sign-key={folder / 'ci.key'}")
    assert done.returncode == 0, done.stdout
    return Project(folder=folder, keys=keys)


class Scene:
    """A copy of the project that may be tampered with, and the environment that it is presented to."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(project.folder, folder, dirs_exist_ok=True, symlinks=True)
        self.path = folder / ".mlops" / "integration-result.json"
        self.model: Path | None = folder / "model"
        self.keys = project.keys
        self.policy = TicketPolicy(trusted_keys=(self.trusted("ci"),))
        self.model_id: str | None = None
        self.now = self.record().timestamp + timedelta(hours=1)

    def trusted(self, name: str, **limits: Any) -> TrustedKey:
        return TrustedKey(name=name, file=f"{name}.pub", **limits)

    def demand(self, **demands: Any) -> None:
        """Change what the environment demands."""
        self.policy = TicketPolicy(**{**dict(self.policy), **demands})

    def unsigned(self) -> None:
        """Present the record to an environment that asks for no signature."""
        self.policy = TicketPolicy()
        envelope_path(self.path).unlink()

    def record(self) -> IntegrationResult:
        return load_integration_result(self.path.read_bytes())

    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        return data

    def edit(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the JSON of the record, and nothing else."""
        data = self.data()
        change(data)
        self.path.write_text(json.dumps(data), encoding="utf-8")

    def forge(self, **changes: Any) -> None:
        """Change the record and make counts, digest and judgement fit, as a careful forger would."""
        record = self.record().model_copy(update=changes)
        results = record.test_results
        results = results.model_copy(update=count_outcomes(results.results))
        record = record.model_copy(
            update={"test_results": results, "policy_digest": policy_digest(record.policy)}
        )
        judgement = judge_again(record)
        fitting = {name: getattr(judgement, name) for name in type(judgement).model_fields}
        self.path.write_text(dump(record.model_copy(update=fitting)), encoding="utf-8")

    def sign(self, *names: str) -> None:
        """Sign the record as it is now with keys of the project."""
        envelope_path(self.path).unlink(missing_ok=True)
        keys = [self.keys[name] for name in names]
        write_attestations(self.path, self.record(), self.path.read_bytes(), keys)

    def envelope(self) -> dict[str, Any]:
        envelope: dict[str, Any] = json.loads(envelope_path(self.path).read_text(encoding="utf-8"))
        return envelope

    def write_envelope(self, envelope: object) -> None:
        text = envelope if isinstance(envelope, str) else json.dumps(envelope)
        envelope_path(self.path).write_text(text, encoding="utf-8")

    def case(self) -> Case:
        return open_case(
            Evidence(record=self.path, model=self.model, model_id=self.model_id),
            environment="production",
            policy=self.policy,
            keys_folder=self.folder,
            now=self.now,
        )

    def examine(self) -> Examination:
        return examine(self.case())


@pytest.fixture
def scene(project: Project, tmp_path: Path) -> Scene:
    return Scene(project, tmp_path / "scene")
