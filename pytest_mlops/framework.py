"""MLOpsFramework: the face of the system, thin methods over its parts."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_mlops.ci.context import new_run_id
from pytest_mlops.errors import refuse
from pytest_mlops.operations.gate_run import DEFAULT_RESULT, run_gate
from pytest_mlops.operations.project import find_environment, find_project
from pytest_mlops.records.environment import FrameworkConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.checks.model_test import ModelTest
    from pytest_mlops.compare.versions import VersionComparison
    from pytest_mlops.operations.project import ProjectEnvironment
    from pytest_mlops.records.deployment import Deployment, DeploymentResult
    from pytest_mlops.records.environment import DeploymentEnvironment
    from pytest_mlops.records.health import HealthStatus
    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.records.model import ModelVersion
    from pytest_mlops.records.results import TestResults
    from pytest_mlops.registry.entries import VersionEntry, VersionPage
    from pytest_mlops.verdict import Context

__all__ = ["MLOpsFramework", "TestSuite"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TestSuite:
    """Tests of a model: those that pytest finds, or :class:`~pytest_mlops.ModelTest` objects.

    Attributes:
        paths: Files and folders with tests, relative to ``folder``.
        folder: Where pytest is started, and below which the record goes.
        config: ``mlops.yaml``, relative to ``folder``; by default, for pytest, the nearest one, and for
            ``tests`` none, so that the default policy applies.
        arguments: Further pytest options.
        tests: Model tests to run in this process, in place of what pytest would find.
    """

    __test__ = False

    paths: tuple[str, ...] = ()
    folder: Path = Path()
    config: str | None = None
    arguments: tuple[str, ...] = ()
    tests: list[ModelTest] = field(default_factory=list)

    def add_test(self, test: ModelTest) -> None:
        """Add a model test to those that run in this process."""
        self.tests.append(test)

    async def run_tests(self, model_version: ModelVersion) -> TestResults:
        """Run the tests; what one of them raises is its outcome.

        Raises:
            ConfigError: the suite names paths or pytest options beside its own tests.
            TaskError: for tests that pytest finds, see :meth:`MLOpsFramework.continuous_integration`.
        """
        if not self.tests:
            return await MLOpsFramework().run_tests(model_version, self)
        from pytest_mlops.gate.in_process import run_model_tests  # noqa: PLC0415 -- pytest where needed only

        self.refuse_mixture()
        return await run_model_tests(self.tests, model_version)

    def refuse_mixture(self) -> None:
        """Raise a ConfigError where the suite has both tests of its own and arguments for pytest."""
        if self.paths or self.arguments:
            refuse(
                "TestSuite",
                "has its own tests, to which pytest's paths and options do not apply; use two suites",
            )


class MLOpsFramework:
    """From the tests of a model to the version that serves.

    Args:
        config: Thresholds. They can raise those of ``mlops.yaml``, never lower them.
    """

    def __init__(self, *, config: FrameworkConfig | None = None) -> None:
        self.config = config if config is not None else FrameworkConfig()

    async def run_tests(self, model_version: ModelVersion, suite: TestSuite) -> TestResults:
        """T: test a model version.

        Args:
            model_version: What the ``mlops_model_version`` fixture gives to the tests.
            suite: The tests.

        Returns:
            The outcome of every model test.

        Raises:
            TaskError: pytest ended without a record, as on a usage error; the message holds its last lines.
        """
        if suite.tests:
            return await suite.run_tests(model_version)
        return (await self.continuous_integration(model_version, suite)).test_results

    async def continuous_integration(
        self, model_version: ModelVersion, suite: TestSuite, *, context: Context | None = None
    ) -> IntegrationResult:
        """C: may this version merge?

        Tests that pytest finds run in a process of their own, and their record, arrays and artifacts go where
        ``--mlops-result`` says, by default ``.mlops`` below the suite's folder. The suite's own ``tests`` run
        in this process, with the same record.

        Args:
            model_version: What the ``mlops_model_version`` fixture gives to the tests; its ``artifact_path``
                is relative to the folder of ``mlops.yaml``.
            suite: The tests.
            context: Where the verdict is needed; by default as environment variables say.

        Raises:
            TaskError: pytest ended without a record, as on a usage error; the message holds its last lines.
            ConfigError: for ``tests``: the configuration is wrong, or the suite names paths or options too.
            ModelArtifactNotFound: for ``tests``: the model's files are missing.
        """
        if suite.tests:
            return await self._in_process(model_version, suite, context)
        run_id = new_run_id()
        with tempfile.TemporaryDirectory(prefix="mlops-") as scratch:
            version = Path(scratch) / "model-version.json"
            version.write_text(model_version.model_dump_json(), encoding="utf-8")
            arguments = self._arguments(suite, run_id, version, context)
            return await run_gate(arguments, suite.folder, run_id=run_id)

    async def register_model_version(
        self, model_version: ModelVersion, *, evidence: Path | None = None, folder: Path = Path()
    ) -> VersionEntry:
        """Register a model version; one that is registered with the same bytes is left as it is.

        Args:
            model_version: The version; its ``artifact_path`` is relative to ``folder``, and what lies there
                is kept.
            evidence: The record of its run; the version that is registered is then that of the record.
            folder: That of the project, or one below it.

        Raises:
            ConflictError: the name is taken by other bytes.
            EvidenceError: the record does not hold, or is of another version.
            InvalidMetadata: a name that cannot be one, or files that are not those of the digest.
            ModelArtifactNotFound: the model's files are missing.
            StoreError: the store or the artifacts cannot be written.
        """
        from pytest_mlops.operations.registry import register_version  # noqa: PLC0415 -- of the ops extra

        return await asyncio.to_thread(
            lambda: register_version(find_project(folder), model_version, evidence=evidence)
        )

    async def get_model_version(
        self, model_id: str, version_id: str, *, folder: Path = Path()
    ) -> VersionEntry:
        """Return a registered version, or with ``@champion`` the one that an alias points to.

        Raises:
            NotRegistered: there is none; the message has the nearest name.
            StoreError: the store cannot be read.
        """
        from pytest_mlops.operations.registry import get_version  # noqa: PLC0415 -- of the ops extra

        entry, _ = await asyncio.to_thread(lambda: get_version(find_project(folder), model_id, version_id))
        return entry

    async def list_model_versions(
        self, model_id: str | None = None, *, folder: Path = Path(), **filters: Any
    ) -> VersionPage:
        """List registered versions, newest first.

        Args:
            model_id: Of this model only.
            folder: That of the project, or one below it.
            filters: As of :func:`pytest_mlops.registry.versions.list_versions`.

        Raises:
            StoreError: the store cannot be read.
        """
        from pytest_mlops.operations.registry import list_versions  # noqa: PLC0415 -- of the ops extra

        listed = await asyncio.to_thread(
            lambda: list_versions(find_project(folder), model_id=model_id, **filters)
        )
        return listed.page

    async def compare_versions(
        self,
        candidate: Path | IntegrationResult,
        baseline: Path | IntegrationResult,
        *,
        margin: float | None = None,
        metrics: Sequence[str] = (),
        slices: Sequence[str] = (),
        folder: Path = Path(".mlops"),
    ) -> VersionComparison:
        """V: compare two versions on the examples that both were tested on.

        Args:
            candidate: The record of the new version, or its path.
            baseline: The record of the version it would replace, or its path.
            margin: Loss that is allowed; by default the candidate's own rules on changes decide.
            metrics: Names of metrics, by default all; with a margin those that are shares.
            slices: Names of slices, by default all.
            folder: Where a record lies that is given as such.

        Raises:
            EvidenceError: a record that cannot be trusted, or the two cannot be compared.
            RecordingError: the labels of both together make no sense.
        """
        from pytest_mlops.compare.versions import compare_versions  # noqa: PLC0415 -- as above

        return await asyncio.to_thread(
            compare_versions,
            candidate,
            baseline,
            margin=margin,
            metrics=metrics,
            slices=slices,
            folder=folder,
        )

    async def continuous_deployment(
        self,
        model_version: ModelVersion,
        environment: DeploymentEnvironment | str,
        *,
        evidence: Path | None = None,
        folder: Path = Path(),
    ) -> DeploymentResult:
        """D: verify the ticket, check the environment, deploy, start monitoring, check health.

        Args:
            model_version: The version; it has to be the one of the evidence.
            environment: An environment that ``mlops.yaml`` declares, or its name.
            evidence: The record of the version's run, the only ticket; by default the last one of the folder.
            folder: That of ``mlops.yaml``, or one below it.

        Returns:
            The outcome; where it was no success, the version before still serves.

        Raises:
            TicketRefused: the evidence does not suffice, or is of another version; nothing was started.
            EvidenceError: the record cannot be read; nothing was started.
            ConfigError: ``mlops.yaml`` does not declare the environment, or not how a version is served.
            ConflictError: another process acts on the environment.
            StoreError: the store failed; the supervisor continues what was started.
        """
        from pytest_mlops.operations.deploy import deploy, evidence_for  # noqa: PLC0415 -- of the ops extra

        def run() -> DeploymentResult:
            where = find_environment(_name_of(environment), folder=folder)
            record = folder / DEFAULT_RESULT if evidence is None else evidence
            presented = evidence_for(where, record, version=model_version)
            return deploy(where, presented, seconds=self.config.max_deployment_time)

        return await asyncio.to_thread(run)

    async def check_health(self, deployment: Deployment | str, *, folder: Path = Path()) -> HealthStatus:
        """S: probe every replica of a deployment, by the checks that it declares.

        Args:
            deployment: The deployment, or its id.
            folder: That of ``mlops.yaml``, or one below it.

        Returns:
            The verdict of all checks, within ``health_check_timeout``; without a replica it is unknown, which
            is not healthy.

        Raises:
            NotRegistered: there is no such deployment.
            InvalidHealthCheck: a check cannot be carried out as written.
            StoreError: the store cannot be read.
        """
        from pytest_mlops.operations.health import deployment_health  # noqa: PLC0415 -- of the ops extra

        name = deployment if isinstance(deployment, str) else deployment.deployment_id
        seconds = self.config.health_check_timeout
        return await asyncio.to_thread(
            lambda: deployment_health(_environment_of(name, folder), name, seconds=seconds)
        )

    async def rollback(
        self, deployment_id: str, *, to: str | None = None, folder: Path = Path()
    ) -> DeploymentResult:
        """R: roll back from a deployment that serves to a version that served before it.

        Args:
            deployment_id: The deployment that serves.
            to: The version to roll back to, or its deployment; by default the newest whose ticket holds.
            folder: That of ``mlops.yaml``, or one below it.

        Raises:
            NotRegistered: there is no such deployment, or none to roll back to.
            EvidenceError: no version's evidence holds; the message says why of each.
            ConflictError: the deployment does not serve, or another process acts on its environment.
            StoreError: the store failed.
        """
        from pytest_mlops.operations.deploy import roll_back  # noqa: PLC0415 -- of the ops extra

        return await asyncio.to_thread(
            lambda: roll_back(_environment_of(deployment_id, folder), to=to, of=deployment_id)
        )

    async def _in_process(
        self, model_version: ModelVersion, suite: TestSuite, context: Context | None
    ) -> IntegrationResult:
        from pytest_mlops.gate.in_process import Thresholds, integrate_tests  # noqa: PLC0415 -- as above

        suite.refuse_mixture()
        return await integrate_tests(
            suite.tests,
            model_version,
            folder=suite.folder,
            path=suite.folder / DEFAULT_RESULT,
            config=None if suite.config is None else suite.folder / suite.config,
            thresholds=Thresholds(
                min_coverage=self.config.min_coverage, min_quality_score=self.config.min_quality_score
            ),
            context=context,
        )

    def _arguments(
        self, suite: TestSuite, run_id: str, version: Path, context: Context | None
    ) -> tuple[str, ...]:
        return (
            "--mlops-gate",
            f"--mlops-run-id={run_id}",
            f"--mlops-model-version={version}",
            f"--mlops-min-coverage={self.config.min_coverage}",
            f"--mlops-min-quality-score={self.config.min_quality_score}",
            *((f"--mlops-config={suite.config}",) if suite.config is not None else ()),
            *((f"--mlops-context={context}",) if context is not None else ()),
            *suite.arguments,
            *suite.paths,
        )


def _name_of(environment: DeploymentEnvironment | str) -> str:
    return environment if isinstance(environment, str) else environment.environment_id


def _environment_of(deployment_id: str, folder: Path) -> ProjectEnvironment:
    return find_environment(deployment_id.rpartition(".")[0], folder=folder)
