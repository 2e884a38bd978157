"""The bridge against a real MLflow server: import, export, aliases projected and reconciled."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("sqlalchemy")

from pytest_mlops.errors import ConflictError, HttpError, InvalidMetadata, NotRegistered, StoreError
from pytest_mlops.evidence.digest import digest_artifact
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.registry.mlflow.client import MlflowClient, connect
from pytest_mlops.registry.mlflow.exporting import export_version
from pytest_mlops.registry.mlflow.importing import import_version
from pytest_mlops.registry.mlflow.links import RELATION
from pytest_mlops.registry.mlflow.projection import SyncState, project, reconcile
from pytest_mlops.store.log import read_log, verify_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_mlops.registry.entries import VersionEntry
    from pytest_mlops.registry.registry import Registry
    from tests.registry.conftest import RecordRun
    from tests.registry.mlflow.conftest import Server

pytestmark = pytest.mark.slow

FILES = {"MLmodel": b"flavors: {}\n", "data/weights 1.bin": b"\x00\x01" * 1000}


@pytest.fixture
def client(server: Server) -> Iterator[MlflowClient]:
    with connect(server.url) as client:
        yield client


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a folder with the model's files."""
    folder = tmp_path / "model"
    for path, data in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def keep(local: Registry, model_id: str, version_id: str, files: Path) -> VersionEntry:
    """Register a version whose files are kept."""
    assert local.artifacts is not None
    (files / "version").write_text(version_id)
    digest = local.artifacts.put(files).digest
    version = ModelVersion(model_id=model_id, version_id=version_id, digest=digest)
    return local.register(version, stored=True).entry


def kinds(local: Registry) -> list[str]:
    with local.store.read() as connection:
        verify_log(connection)
        return [entry.kind for entry in read_log(connection)]


# ---- import ----


def test_an_import_declares_metrics_and_takes_the_digest_of_the_files(
    local: Registry, client: MlflowClient, server: Server, name: str, files: Path
) -> None:
    number = server.add_version(
        name,
        FILES,
        metrics={"accuracy": 0.9, "recall": 90.0, "auc": 0.95, "model_size": 2048.0, "broken": "NaN"},
        params={"depth": "3", "rate": "0.1", "kind": "trees"},
        tags={"team": "risk", "gold": "", "mlflow.user": "bob", "note": "two\nlines"},
    )
    done = import_version(local, client, name, number, model_id="credit", download=True)
    entry = done.registration.entry
    version = entry.model_version
    assert (entry.model_id, entry.version_id, entry.stored) == ("credit", number, 1)
    assert entry.digest == digest_artifact(files).digest
    assert version.metadata.metrics.accuracy == 0.9
    assert version.metadata.metrics.model_size == 2048
    assert version.metadata.metrics.other == {"recall": 90.0, "auc": 0.95}
    assert version.metadata.hyperparameters == {"depth": 3.0, "rate": 0.1}
    assert entry.tags == {"gold": "", "team": "risk"}
    assert entry.verdict is None
    messages = " ".join(done.left_out)
    assert all(word in messages for word in ("broken", "kind", "note"))
    (link,) = local.links(entry)
    assert link.relation == RELATION
    assert link.target == f"{server.url}/#/models/{name.replace(' ', '%20')}/versions/{number}"
    assert link.digest == entry.digest
    assert kinds(local) == ["register", "mlflow-import"]


def test_an_import_again_changes_nothing_and_an_alias_names_the_same_version(
    local: Registry, client: MlflowClient, server: Server, name: str
) -> None:
    number = server.add_version(name, FILES)
    server.set_alias(name, "champion", number)
    first = import_version(local, client, name, number)
    again = import_version(local, client, name, "@champion")
    assert first.registration.created
    assert not again.registration.created
    assert again.registration.entry.digest is None
    assert kinds(local) == ["register", "mlflow-import"]


def test_an_import_of_what_is_not_there_names_the_server(
    local: Registry, client: MlflowClient, server: Server, name: str
) -> None:
    with pytest.raises(NotRegistered, match=f"{server.url} has no version 7 of {name}"):
        import_version(local, client, name, "7")
    with pytest.raises(NotRegistered, match="has no registered model"):
        import_version(local, client, name, "@champion")
    server.add_version(name, FILES)
    with pytest.raises(NotRegistered, match="has no alias champion"):
        import_version(local, client, name, "@champion")


def test_one_version_here_stands_for_one_version_there(
    local: Registry, client: MlflowClient, server: Server, name: str
) -> None:
    one, two = server.add_version(name, FILES), server.add_version(name, FILES)
    import_version(local, client, name, one, model_id="m", version_id="x", download=True)
    with pytest.raises(ConflictError, match="is linked to version 1"):
        import_version(local, client, name, two, model_id="m", version_id="x", download=True)
    server.add_version(f"other {name}", FILES)
    with pytest.raises(ConflictError, match="use one name"):
        import_version(local, client, f"other {name}", "1", model_id="m", version_id="y")


def test_what_mlflow_itself_logged_can_be_imported(
    local: Registry, client: MlflowClient, server: Server, name: str, mlflow_python: str, tmp_path: Path
) -> None:
    """A model logged by MLflow 3 lies at models:/m-…, not in its run."""
    program = (
        "import sys, mlflow\n"
        "class Model(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None): return model_input\n"
        "mlflow.set_tracking_uri(sys.argv[1])\n"
        "with mlflow.start_run():\n"
        "    mlflow.log_metric('f1_score', 0.8)\n"
        "    mlflow.pyfunc.log_model(name='model', python_model=Model(), registered_model_name=sys.argv[2],\n"
        "        pip_requirements=['mlflow'])\n"
    )
    done = subprocess.run(
        [mlflow_python, "-c", program, server.url, name],
        cwd=tmp_path,
        capture_output=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    found = import_version(local, client, name, "1", download=True).registration.entry
    assert found.model_version.metadata.metrics.f1_score == 0.8
    assert local.artifacts is not None
    assert found.digest is not None
    assert "MLmodel" in {file.name for file in local.artifacts.manifest(found.digest).files}


# ---- export ----


def test_an_export_can_be_imported_again_with_the_same_digest(
    local: Registry, client: MlflowClient, server: Server, name: str, files: Path, record_run: RecordRun
) -> None:
    entry = keep(local, name, "2026.11", files)
    local.register(entry.model_version, run_id=record_run("run-1", entry.digest, model_id=name))
    done = export_version(local, client, local.get(name, "2026.11"))
    assert done.created
    tags = server.version(name, done.version)["tags"]
    assert tags == {
        "pytest_mlops.model": name,
        "pytest_mlops.version": "2026.11",
        "pytest_mlops.digest": entry.digest,
        "pytest_mlops.verdict": "pass",
        "pytest_mlops.run_id": "run-1",
    }
    back = import_version(local, client, name, done.version, model_id="copy", download=True)
    assert back.registration.entry.digest == entry.digest
    assert "mlflow-export" in kinds(local)


def test_an_export_again_brings_the_tags_up_to_date(
    local: Registry, client: MlflowClient, server: Server, name: str, files: Path, record_run: RecordRun
) -> None:
    entry = keep(local, name, "1", files)
    first = export_version(local, client, entry)
    assert "pytest_mlops.verdict" not in server.version(name, first.version)["tags"]
    local.register(entry.model_version, run_id=record_run("run-1", entry.digest, model_id=name))
    again = export_version(local, client, local.get(name, "1"))
    assert (again.version, again.created) == (first.version, False)
    assert server.version(name, first.version)["tags"]["pytest_mlops.verdict"] == "pass"
    assert kinds(local).count("mlflow-export") == 1


def test_an_export_that_was_not_noted_is_found_again_by_its_tags(
    local: Registry, client: MlflowClient, server: Server, name: str, files: Path, tmp_path: Path
) -> None:
    """As after a crash between the server's answer and the note of it here."""
    from pytest_mlops.registry.artifacts import open_artifacts
    from pytest_mlops.registry.registry import Registry
    from pytest_mlops.store.engine import open_store

    first = export_version(local, client, keep(local, name, "1", files))
    with open_store(folder=tmp_path / "elsewhere") as store:
        other = Registry(store, artifacts=open_artifacts(folder=tmp_path / "elsewhere"), actor="bob")
        entry = keep(other, name, "1", files)
        again = export_version(other, client, entry)
        assert (again.version, again.created) == (first.version, False)
        assert len(other.links(entry)) == 1


def test_a_version_that_was_deleted_there_is_exported_anew(
    local: Registry, client: MlflowClient, server: Server, name: str, files: Path
) -> None:
    entry = keep(local, name, "1", files)
    first = export_version(local, client, entry)
    server.call("DELETE", "model-versions/delete", name=name, version=first.version)
    again = export_version(local, client, entry)
    assert again.created
    assert again.version != first.version
    (link,) = local.links(entry)
    assert link.target.endswith(f"/versions/{again.version}")


def test_a_foreign_digest_on_the_version_there_is_refused(
    local: Registry, client: MlflowClient, server: Server, name: str, files: Path
) -> None:
    entry = keep(local, name, "1", files)
    done = export_version(local, client, entry)
    body = {"key": "pytest_mlops.digest", "value": "0" * 64}
    server.call("POST", "model-versions/set-tag", name=name, version=done.version, **body)
    with pytest.raises(ConflictError, match="tagged with the digest 0000"):
        export_version(local, client, entry)


def test_without_kept_files_an_export_needs_a_source(
    local: Registry, client: MlflowClient, server: Server, name: str
) -> None:
    entry = local.register(ModelVersion(model_id=name, version_id="1", digest="a" * 64)).entry
    with pytest.raises(StoreError, match="--source"):
        export_version(local, client, entry)
    done = export_version(local, client, entry, source="s3://bucket/models/1")
    assert server.version(name, done.version)["source"] == "s3://bucket/models/1"
    with pytest.raises(HttpError, match="does not serve them"):
        import_version(local, client, name, done.version, model_id="copy", download=True)
    with pytest.raises(HttpError, match="HTTP 400: Invalid model name"):
        export_version(local, client, local.register(_version("a/b")).entry, source="s3://bucket/1")


def _version(model_id: str) -> ModelVersion:
    return ModelVersion(model_id=model_id, version_id="1", digest="b" * 64)


# ---- aliases ----


@pytest.fixture
def two(local: Registry, client: MlflowClient, name: str, files: Path) -> str:
    """Export versions a and b, as 1 and 2 there; champion points to a here. Return the model's name."""
    for version in ("a", "b"):
        export_version(local, client, keep(local, name, version, files))
    local.move_alias(name, "champion", "a", expected=None, reason="first")
    return name


def test_an_alias_is_projected_moved_and_taken_away(
    local: Registry, client: MlflowClient, server: Server, two: str
) -> None:
    assert project(local, client, two, "champion").done
    assert server.alias(two, "champion") == "1"
    local.move_alias(two, "champion", "b", expected="a", reason="better")
    (behind,) = reconcile(local, client, two)
    assert (behind.state, behind.done) == (SyncState.BEHIND, False)
    assert server.alias(two, "champion") == "1"
    project(local, client, two, "champion")
    assert server.alias(two, "champion") == "2"
    local.move_alias(two, "champion", None, expected="b", reason="withdrawn")
    project(local, client, two, "champion")
    assert server.alias(two, "champion") is None
    assert [(one.state, one.done) for one in reconcile(local, client, two)] == [(SyncState.IN_STEP, True)]
    assert kinds(local).count("mlflow-alias") == 3


def test_an_alias_moved_behind_our_back_is_reported_logged_once_and_never_followed(
    local: Registry, client: MlflowClient, server: Server, two: str
) -> None:
    project(local, client, two, "champion")
    server.set_alias(two, "champion", "2")
    for _ in range(2):
        (found,) = reconcile(local, client, two)
        assert (found.state, found.done) == (SyncState.MOVED, False)
    assert (found.projected, found.found, found.expected) == ("1", "2", "1")
    assert "points to version 2" in found.message
    assert "another client moved it" in found.message
    assert server.alias(two, "champion") == "2"
    assert local.alias_state(two, "champion").version_id == "a"
    with pytest.raises(ConflictError, match="--restore"):
        project(local, client, two, "champion")
    assert kinds(local).count("mlflow-alias-moved") == 1
    with local.store.read() as connection:
        (entry,) = read_log(connection, kind="mlflow-alias-moved")
    assert entry.subject == f"{two}@champion"
    assert (entry.body["told"], entry.body["found"], entry.actor) == ("1", "2", "ada")


def test_restore_puts_ours_back_and_the_next_move_is_logged_again(
    local: Registry, client: MlflowClient, server: Server, two: str
) -> None:
    project(local, client, two, "champion")
    for times in (1, 2):
        server.set_alias(two, "champion", "2")
        (found,) = reconcile(local, client, two, restore=True)
        assert (found.state, found.done) == (SyncState.MOVED, True)
        assert server.alias(two, "champion") == "1"
        assert kinds(local).count("mlflow-alias-moved") == times
    assert [one.state for one in reconcile(local, client, two)] == [SyncState.IN_STEP]


@pytest.mark.parametrize("deleted", ["alias", "model"])
def test_an_alias_deleted_there_counts_as_moved(
    local: Registry, client: MlflowClient, server: Server, two: str, deleted: str
) -> None:
    project(local, client, two, "champion")
    if deleted == "alias":
        server.call("DELETE", "registered-models/alias", name=two, alias="champion")
    else:
        server.call("DELETE", "registered-models/delete", name=two)
    (found,) = reconcile(local, client, two)
    assert (found.state, found.found, found.done) == (SyncState.MOVED, None, False)
    (tried,) = reconcile(local, client, two, restore=True)
    assert tried.done is (deleted == "alias")
    assert ("HTTP 404" in tried.message) is (deleted == "model")


def test_an_alias_that_was_set_there_first_is_not_overwritten(
    local: Registry, client: MlflowClient, server: Server, two: str
) -> None:
    server.set_alias(two, "champion", "2")
    with pytest.raises(ConflictError, match="was never projected"):
        project(local, client, two, "champion")
    assert server.alias(two, "champion") == "2"
    project(local, client, two, "champion", restore=True)
    assert server.alias(two, "champion") == "1"


def test_an_alias_that_already_points_right_is_only_noted(
    local: Registry, client: MlflowClient, server: Server, two: str
) -> None:
    server.set_alias(two, "champion", "1")
    assert project(local, client, two, "champion").state is SyncState.IN_STEP
    project(local, client, two, "champion")
    assert kinds(local).count("mlflow-alias") == 1


def test_a_version_that_is_not_there_cannot_be_pointed_to(
    local: Registry, client: MlflowClient, server: Server, two: str, files: Path
) -> None:
    project(local, client, two, "champion")
    keep(local, two, "c", files)
    local.move_alias(two, "champion", "c", expected="a", reason="better")
    with pytest.raises(NotRegistered, match="export it first"):
        project(local, client, two, "champion")
    (found,) = reconcile(local, client, two, restore=True)
    assert (found.state, found.done) == (SyncState.BEHIND, False)
    assert "export it" in found.message
    assert server.alias(two, "champion") == "1"


def test_an_alias_that_moves_here_meanwhile_is_projected_again(
    local: Registry, client: MlflowClient, server: Server, two: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = MlflowClient.set_alias

    def move_meanwhile(self: MlflowClient, name: str, alias: str, version: str) -> None:
        really(self, name, alias, version)
        if version == "1":
            local.move_alias(two, "champion", "b", expected="a", reason="meanwhile")

    monkeypatch.setattr(MlflowClient, "set_alias", move_meanwhile)
    assert project(local, client, two, "champion").version_id == "b"
    assert server.alias(two, "champion") == "2"


@pytest.mark.parametrize("alias", ["latest", "LATEST", "v1", "V22", "a.b", "@x"])
def test_aliases_that_mlflow_keeps_for_itself_are_refused_here(
    local: Registry, client: MlflowClient, alias: str
) -> None:
    with pytest.raises(InvalidMetadata, match=r"the alias"):
        project(local, client, "credit", alias)


def test_what_was_never_set_or_exported_cannot_be_projected(
    local: Registry, client: MlflowClient, name: str
) -> None:
    with pytest.raises(NotRegistered, match="never had an alias"):
        project(local, client, name, "champion")
    local.register(ModelVersion(model_id=name, version_id="a"))
    local.move_alias(name, "champion", "a", expected=None, reason="first")
    with pytest.raises(NotRegistered, match="export one"):
        project(local, client, name, "champion")
