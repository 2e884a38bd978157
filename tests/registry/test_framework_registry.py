"""The framework's face of the registry."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.errors import EvidenceError, InvalidMetadata, ModelArtifactNotFound
from pytest_mlops.framework import MLOpsFramework
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.registry.registry import open_registry
from pytest_mlops.registry.submission import submit_version
from pytest_mlops.store.log import default_actor
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Gate

VERSION = ModelVersion(model_id="credit", version_id="1", artifact_path="model")


def test_a_version_is_registered_found_and_listed(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"w")
    framework = MLOpsFramework()
    entry = asyncio.run(framework.register_model_version(VERSION, folder=tmp_path))
    assert entry.stored == 1
    assert asyncio.run(framework.get_model_version("credit", "1", folder=tmp_path)).digest == entry.digest
    page = asyncio.run(framework.list_model_versions("credit", folder=tmp_path, limit=5))
    assert [one.version_id for one in page.entries] == ["1"]
    bare = ModelVersion(model_id="other", version_id="1")
    assert asyncio.run(framework.register_model_version(bare, folder=tmp_path)).digest is None
    assert len(asyncio.run(framework.list_model_versions(folder=tmp_path)).entries) == 2


def test_evidence_gives_the_version_its_verdict(gate: Gate) -> None:
    gate.write("mlops.yaml", "version: 1\nmodel: {id: credit, version: '1', artifact: model}\n")
    gate.write("model", "w")
    gate.write(
        "test_it.py", "import pytest\n@pytest.mark.model_test\ndef test_it(mlops): mlops.metric('a', 1)\n"
    )
    gate.run()
    framework = MLOpsFramework()
    entry = asyncio.run(framework.register_model_version(VERSION, evidence=gate.path, folder=gate.folder))
    assert (entry.verdict, entry.run_id) == (Verdict.PASS, gate.record().run_id)
    other = VERSION.model_copy(update={"version_id": "2"})
    with pytest.raises(EvidenceError, match="is of credit 1; expected one of credit 2"):
        asyncio.run(framework.register_model_version(other, evidence=gate.path, folder=gate.folder))


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelArtifactNotFound):
        asyncio.run(MLOpsFramework().register_model_version(VERSION, folder=tmp_path))


def test_files_of_another_digest_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"w")
    version = VERSION.model_copy(update={"digest": "0" * 64})
    with open_registry(tmp_path) as registry:
        with pytest.raises(InvalidMetadata, match="name its own files"):
            submit_version(registry, version, model=tmp_path / "model")
        registry.artifacts = None
        assert submit_version(registry, version, model=tmp_path / "model").entry.stored == 0


def test_the_actor_is_the_environment_s_or_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "grace")
    monkeypatch.setenv("LOGNAME", "grace")
    assert default_actor().startswith("grace@")
    monkeypatch.setenv("MLOPS_ACTOR", "pipeline 7")
    assert default_actor() == "pipeline 7"


def test_a_user_without_a_name_acts_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_user() -> str:
        raise KeyError("no such user")

    monkeypatch.setattr("getpass.getuser", no_user)
    assert default_actor().startswith("unknown@")
