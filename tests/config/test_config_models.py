"""What the records of ``mlops.yaml`` accept."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pytest_mlops.config.models import Config, ModelSettings


@pytest.mark.parametrize("artifact", ["model", "model/", "a/b/model.bin", ".", "a/..b/c", "mod el", "..."])
def test_an_artifact_below_the_config_is_accepted(artifact: str) -> None:
    assert ModelSettings(id="m", version="1", artifact=artifact).artifact == artifact


def test_a_model_may_have_no_artifact() -> None:
    assert ModelSettings(id="m", version="1", artifact=None).artifact is None


@pytest.mark.parametrize("artifact", ["/srv/m", "C:\\m", "C:m", "\\\\host\\share\\m", "\\m", "//host/m"])
def test_an_absolute_artifact_is_refused_on_every_system(artifact: str) -> None:
    with pytest.raises(ValidationError, match="is absolute"):
        ModelSettings(id="m", version="1", artifact=artifact)


@pytest.mark.parametrize("artifact", ["..", "../m", "a/../../m", "a/../m", "a\\..\\m"])
def test_an_artifact_that_climbs_is_refused(artifact: str) -> None:
    with pytest.raises(ValidationError, match=r"contains '\.\.'"):
        ModelSettings(id="m", version="1", artifact=artifact)


@pytest.mark.parametrize("version", [True, 1.0, "1", 0, 2, None])
def test_only_the_integer_one_is_the_format(version: object) -> None:
    with pytest.raises(ValidationError, match="expected 1"):
        Config.model_validate({"version": version})


def test_the_model_settings_become_the_record_of_a_version() -> None:
    settings = ModelSettings(id="m", version="1", artifact="a", algorithm="tree", parent="0", tags=("t",))
    version = settings.model_version()
    assert (version.model_id, version.version_id, version.artifact_path) == ("m", "1", "a")
    assert version.metadata.algorithm == "tree"
    assert (version.parent_version, version.tags, version.digest) == ("0", ("t",), None)


def test_a_policy_from_a_file_says_so() -> None:
    policy = Config().policy(accept_waived=True)
    assert policy.configured
    assert policy.accept_waived
    assert not Config().policy().accept_waived
