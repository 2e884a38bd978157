"""What the tests of deployments share: versions with real tickets, and an environment to deploy them to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.decision.counts import count_outcomes
from pytest_mlops.evidence.digest import digest_artifact
from pytest_mlops.records.codec import dump
from pytest_mlops.records.environment import DeploymentEnvironment
from pytest_mlops.records.measurement import Measurement, Origin
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.records.policy import GateSettings, Policy, Requirement
from pytest_mlops.records.results import OrdinaryTests, Outcome, SessionFacts, TestResult, TestResults
from pytest_mlops.records.serving import RolloutSettings, ServeSettings
from pytest_mlops.store.engine import open_store
from pytest_mlops.testing import make_result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_mlops.store.engine import Store

MODEL = "risk"
TEST = "test_model.py::test_rank"
ACCURACY = Measurement(name="accuracy", value=0.9, n=100, origin=Origin.METRIC, test=TEST)
POLICY = Policy(
    requirements=(Requirement(capability="rank"),), gate=GateSettings(min_quality_score=0.0), configured=True
)


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version on disk: its model, and the record of its run."""

    name: str
    record: Path
    model: Path
    digest: str


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder with versions that can be deployed."""

    folder: Path

    def version(
        self,
        name: str,
        *,
        outcome: Outcome = Outcome.PASSED,
        timestamp: datetime | None = None,
        text: str | None = None,
        **changes: Any,
    ) -> Version:
        """Write a model and the record of a run that tested it, as the gate would."""
        folder = self.folder / name
        model = folder / "model"
        model.mkdir(parents=True)
        (model / "weights.txt").write_text(name if text is None else text, encoding="utf-8")
        digest = digest_artifact(model).digest
        record = make_result(
            test_results=results(outcome),
            measurements=(ACCURACY,),
            model_version=ModelVersion(
                model_id=MODEL, version_id=name, artifact_path=f"{name}/model", digest=digest
            ),
            policy=POLICY,
            run_id=f"run-{name}",
            timestamp=timestamp or datetime.now(UTC),
        ).model_copy(update=changes)
        path = folder / "integration-result.json"
        path.write_text(dump(record), encoding="utf-8")
        return Version(name=name, record=path, model=model, digest=digest)

    def environment(self, **changes: Any) -> DeploymentEnvironment:
        """Return an environment with quick rollouts."""
        fields: dict[str, Any] = {
            "environment_id": "production",
            "name": "production",
            "serve": ServeSettings(command=("serve",)),
            "rollout": RolloutSettings(bake=0.0, deadline=5.0),
        }
        return DeploymentEnvironment(**{**fields, **changes})


def results(outcome: Outcome) -> TestResults:
    """Return the results of one model test that covers the one cell."""
    test = TestResult(
        test_name=TEST,
        passed=outcome is Outcome.PASSED,
        outcome=outcome,
        conclusive=outcome in {Outcome.PASSED, Outcome.FAILED},
        covers=("rank:all",),
        evidence={"all": 100},
    )
    return TestResults(
        results=(test,), **count_outcomes((test,)), ordinary=OrdinaryTests(), session=SessionFacts()
    )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(folder=tmp_path / "project")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened
