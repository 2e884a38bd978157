"""Which project and environment are meant, and which store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlops.errors import ConfigError, StoreError
from pytest_mlops.operations.project import find_environment, find_project, open_project_store

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
model: {id: risk, version: "1"}
environments:
  production: {serve: {command: ["{python}", serve.py]}}
  review: {}
"""


@pytest.fixture(autouse=True)
def no_store_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLOPS_STORE_URL", raising=False)


@pytest.mark.parametrize("name", ["mlops.yaml", "mlops.yml"])
@pytest.mark.parametrize("below", ["", "models/risk"])
def test_the_nearest_configuration_upward_is_the_project(tmp_path: Path, name: str, below: str) -> None:
    (tmp_path / name).write_text(CONFIG, encoding="utf-8")
    start = tmp_path / below
    start.mkdir(parents=True, exist_ok=True)
    project = find_project(start)
    assert (project.folder, project.config) == (tmp_path.resolve(), tmp_path.resolve() / name)
    where = find_environment(folder=start)
    assert (where.name, where.model_id, where.project) == ("production", "risk", project)
    assert where.layout.root.is_relative_to(tmp_path.resolve())


def test_a_record_is_of_the_project_that_it_lies_in(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mlops.yaml").write_text(CONFIG, encoding="utf-8")
    record = tmp_path / "a" / "integration-result.json"
    record.write_text("{}", encoding="utf-8")
    assert find_project(tmp_path, near=record).folder == (tmp_path / "a").resolve()
    assert find_project(tmp_path, near=tmp_path / "elsewhere.json").config is None


def test_without_a_configuration_the_folder_is_the_project_and_has_no_environment(tmp_path: Path) -> None:
    project = find_project(tmp_path)
    assert (project.folder, project.config) == (tmp_path, None)
    with pytest.raises(ConfigError, match=r"no mlops\.yaml here or above declares it"):
        find_environment("production", folder=tmp_path)


def test_the_environment_has_to_be_declared_and_clear(tmp_path: Path) -> None:
    config = tmp_path / "mlops.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    assert find_environment("review", config=config).name == "review"
    with pytest.raises(ConfigError, match=r"got 'staging'; .* declares production, review"):
        find_environment("staging", config=config)
    config.write_text(CONFIG.replace("review: {}", "review: {serve: {command: [x]}}"), encoding="utf-8")
    with pytest.raises(ConfigError, match="has production, review with serve:; name one"):
        find_environment(config=config)


def test_a_store_that_was_named_is_the_same_from_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlops.yaml").write_text(CONFIG, encoding="utf-8")
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(here)
    project = find_project(store="sqlite:///runs.db")
    monkeypatch.chdir(elsewhere)
    with open_project_store(project):
        assert (here / "runs.db").is_file()
    assert list(elsewhere.iterdir()) == []


def test_a_store_is_made_only_where_that_is_meant(tmp_path: Path) -> None:
    project = find_project(tmp_path)
    absent = "there is no store here, so nothing was ever deployed; choose one with --store"
    with (
        pytest.raises(StoreError, match=absent),
        open_project_store(project, absent="nothing was ever deployed"),
    ):
        raise AssertionError("a store was opened")
    with open_project_store(project):
        pass
    with open_project_store(project, absent="nothing was ever deployed"):
        assert (tmp_path / ".mlops" / "store.db").is_file()
