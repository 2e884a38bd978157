"""The framework's face of deployments."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.errors import ConfigError, ConflictError, NotRegistered, TicketRefused
from pytest_mlops.framework import MLOpsFramework
from pytest_mlops.records.environment import FrameworkConfig
from pytest_mlops.records.model import ModelVersion

if TYPE_CHECKING:
    from benchmarks._deployments import Playground


@pytest.mark.slow
def test_versions_are_deployed_probed_and_rolled_back(playground: Playground) -> None:
    framework, folder = MLOpsFramework(), playground.folder
    playground.up()
    for name in ("1", "2"):
        made = playground.version(name)
        version = ModelVersion(model_id="risk", version_id=name, artifact_path=f"{name}/model")
        result = asyncio.run(
            framework.continuous_deployment(version, "production", evidence=made.record, folder=folder)
        )
        assert result.success, json.dumps(result.deployment.message)
        assert result.bound is not None
    health = asyncio.run(framework.check_health(result.deployment, folder=folder))
    assert health.is_healthy
    with pytest.raises(ConflictError, match=r"production\.1 does not serve production; production\.2 does"):
        asyncio.run(framework.rollback("production.1", folder=folder))
    back = asyncio.run(framework.rollback("production.2", folder=folder))
    assert back.deployment.model_version.version_id == "1"


def test_evidence_of_another_version_is_refused(playground: Playground) -> None:
    made = playground.version("1")
    version = ModelVersion(model_id="risk", version_id="2")
    with pytest.raises(TicketRefused, match="the record is of risk 1; expected risk 2"):
        asyncio.run(
            MLOpsFramework().continuous_deployment(
                version, "production", evidence=made.record, folder=playground.folder
            )
        )


def test_an_environment_that_is_not_declared_is_refused(playground: Playground) -> None:
    made = playground.version("1")
    version = ModelVersion(model_id="risk", version_id="1")
    with pytest.raises(ConfigError, match="got 'staging'"):
        asyncio.run(
            MLOpsFramework().continuous_deployment(
                version, "staging", evidence=made.record, folder=playground.folder
            )
        )


@pytest.mark.parametrize("name", ["mlops.yaml", "mlops.yml"])
@pytest.mark.parametrize("below", ["", "notebooks"])
def test_a_deployment_that_does_not_exist_is_not_registered(
    playground: Playground, name: str, below: str
) -> None:
    """The configuration is found as the commands find it: under either name, and from a folder below."""
    playground.config.rename(playground.folder / name)
    folder = playground.folder / below
    folder.mkdir(exist_ok=True)
    for act in (MLOpsFramework().check_health, MLOpsFramework().rollback):
        with pytest.raises(NotRegistered, match=r"there is no deployment production\.7"):
            asyncio.run(act("production.7", folder=folder))


@pytest.mark.slow
def test_the_framework_s_deadline_can_only_tighten(playground: Playground) -> None:
    made = playground.version("1", health="sick")
    framework = MLOpsFramework(config=FrameworkConfig(max_deployment_time=2.0))
    version = ModelVersion(model_id="risk", version_id="1")
    result = asyncio.run(
        framework.continuous_deployment(version, "production", evidence=made.record, folder=playground.folder)
    )
    assert not result.success
    assert "within the deadline of 2 s" in result.deployment.message
