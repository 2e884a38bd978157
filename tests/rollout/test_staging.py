"""A release is whole and what was tested, or it is not there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.errors import EvidenceError, IoError, ModelArtifactNotFound, SerializationError
from pytest_mlops.evidence.digest import copy_artifact, digest_artifact
from pytest_mlops.evidence.statement import envelope_path
from pytest_mlops.evidence.verify import read_record
from pytest_mlops.records.serving import GoldenSettings, ServeSettings
from pytest_mlops.rollout import staging
from pytest_mlops.rollout.staging import MANIFEST, check_release, prune_releases, stage
from pytest_mlops.state.paths import layout_of
from pytest_mlops.state.plan import DeploymentPlan, Source, read_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_mlops.evidence.digest import ArtifactDigest
    from tests.deployments import Project


@pytest.fixture
def plan(project: Project) -> DeploymentPlan:
    import hashlib
    from datetime import UTC, datetime

    version = project.version("1")
    (project.folder / "serve.py").write_text("print('serve')\n", encoding="utf-8")
    (project.folder / "lib").mkdir()
    (project.folder / "lib" / "util.py").write_text("x = 1\n", encoding="utf-8")
    (project.folder / "golden.json").write_text('[{"request": 1, "response": 2}]', encoding="utf-8")
    environment = project.environment(golden=GoldenSettings(file="golden.json"))
    layout = layout_of(project.folder, "production")
    record = read_record(version.record)
    assert record.model_version is not None
    return DeploymentPlan(
        deployment_id="production.1",
        number=1,
        environment=environment,
        serve=ServeSettings(command=("serve",), code=("serve.py", "lib")),
        model_version=record.model_version,
        digest=version.digest,
        run_id=record.run_id,
        project=str(project.folder),
        release=str(layout.release(version.digest, 1)),
        source=Source(
            record=str(version.record),
            record_digest=hashlib.sha256(version.record.read_bytes()).hexdigest(),
            model=str(version.model),
        ),
        actor="ada",
        created_at=datetime.now(UTC),
    )


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_everything_that_a_version_needs_is_in_its_release(plan: DeploymentPlan) -> None:
    signed = envelope_path(Path(plan.source.record))
    signed.write_text("{}", encoding="utf-8")
    stage(plan)
    assert files_below(Path(plan.release)) == {
        "model/model/weights.txt",
        "code/serve.py",
        "code/lib/util.py",
        "evidence/integration-result.json",
        f"evidence/{signed.name}",
        "golden.json",
        MANIFEST,
    }
    assert digest_artifact(plan.model).digest == plan.digest
    assert plan.folder == Path(plan.release) / "code"


def test_staging_again_changes_nothing(plan: DeploymentPlan) -> None:
    stage(plan)
    before = {path: path.stat().st_mtime_ns for path in Path(plan.release).rglob("*")}
    stage(plan)
    assert {path: path.stat().st_mtime_ns for path in Path(plan.release).rglob("*")} == before


def test_what_a_crash_left_half_done_is_made_again(plan: DeploymentPlan) -> None:
    half = Path(plan.release) / "model" / "model"
    half.mkdir(parents=True)
    (half / "weights.txt").write_text("half", encoding="utf-8")
    stage(plan)
    check_release(plan)


def test_a_model_that_changed_after_its_ticket_is_not_staged(plan: DeploymentPlan) -> None:
    (Path(plan.source.model) / "weights.txt").write_text("other", encoding="utf-8")
    with pytest.raises(EvidenceError, match="the one that was tested has"):
        stage(plan)
    assert not Path(plan.release).exists()


def test_a_record_that_changed_after_it_was_verified_is_not_staged(plan: DeploymentPlan) -> None:
    path = Path(plan.source.record)
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(EvidenceError, match="the one that was verified has"):
        stage(plan)
    assert not Path(plan.release).exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model/model/weights.txt", "the one that was tested has"),
        ("code/serve.py", "code in .* has the digest"),
        ("golden.json", "golden in .* has the digest"),
        ("evidence/integration-result.json", "the one that was verified has"),
    ],
)
def test_whatever_is_changed_in_a_release_is_noticed(plan: DeploymentPlan, name: str, message: str) -> None:
    stage(plan)
    path = Path(plan.release) / name
    path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")
    with pytest.raises(EvidenceError, match=message):
        check_release(plan)


@pytest.mark.parametrize(
    "name", ["model", "code", "golden.json", MANIFEST, "evidence/integration-result.json"]
)
def test_whatever_is_missing_of_a_release_is_noticed(plan: DeploymentPlan, name: str) -> None:
    stage(plan)
    path = Path(plan.release) / name
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    with pytest.raises(EvidenceError):
        check_release(plan)


def test_code_that_is_not_there_is_named_and_nothing_is_left(plan: DeploymentPlan) -> None:
    (Path(plan.project) / "serve.py").unlink()
    with pytest.raises(ModelArtifactNotFound, match=r"serve\.py"):
        stage(plan)
    assert list(Path(plan.release).parent.iterdir()) == []


def test_code_that_leads_out_of_the_project_is_refused(plan: DeploymentPlan, tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("x = 1\n", encoding="utf-8")
    (Path(plan.project) / "serve.py").unlink()
    (Path(plan.project) / "serve.py").symlink_to(outside)
    with pytest.raises(ModelArtifactNotFound, match="outside"):
        stage(plan)


def test_a_disk_that_is_full_is_named_and_nothing_is_left(
    plan: DeploymentPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_source: Path, target: Path) -> ArtifactDigest:
        raise IoError(f"cannot write {target}: No space left on device")

    monkeypatch.setattr(staging, "copy_artifact", full)
    with pytest.raises(IoError, match=r"cannot stage risk@1 in .*: No space left on device"):
        stage(plan)
    assert list(Path(plan.release).parent.iterdir()) == []


def staged_meanwhile(
    plan: DeploymentPlan, monkeypatch: pytest.MonkeyPatch, then: Callable[[], object]
) -> None:
    """Let another process stage the same version while this one copies."""
    copied = copy_artifact

    def slow(source: Path, target: Path) -> ArtifactDigest:
        found = copied(source, target)
        monkeypatch.setattr(staging, "copy_artifact", copied)
        stage(plan)  # the other one is faster
        then()
        return found

    monkeypatch.setattr(staging, "copy_artifact", slow)


def test_a_release_that_another_process_made_whole_meanwhile_stays(
    plan: DeploymentPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that took over while we copied may have it serving already."""
    release = Path(plan.release)
    staged_meanwhile(plan, monkeypatch, (release / "serves").touch)
    stage(plan)
    assert (release / "serves").exists()
    assert [path.name for path in release.parent.iterdir()] == [release.name]


def test_a_release_that_another_process_staged_is_checked_like_our_own(
    plan: DeploymentPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = Path(plan.release) / "model" / "model" / "weights.txt"
    staged_meanwhile(plan, monkeypatch, lambda: weights.write_text("other", encoding="utf-8"))
    with pytest.raises(EvidenceError, match="the one that was tested has"):
        stage(plan)


def test_a_copy_that_is_not_what_was_read_is_noticed(
    plan: DeploymentPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest of the source is good; only reading the copy again shows what the disk has kept."""

    def damage(source: Path, target: Path) -> ArtifactDigest:
        found = copy_artifact(source, target)
        if target.name == "model":
            (target / "weights.txt").write_text("x", encoding="utf-8")
        return found

    monkeypatch.setattr(staging, "copy_artifact", damage)
    with pytest.raises(EvidenceError, match="the one that was tested has"):
        stage(plan)


def test_a_file_beside_the_model_does_not_pass_for_a_part_of_it(plan: DeploymentPlan) -> None:
    """Even with a manifest that fits: the name within the model would be that of the tampered file."""
    stage(plan)
    release = Path(plan.release)
    weights = release / "model" / "model" / "weights.txt"
    shutil.copy(weights, release / "model" / "weights.txt")
    weights.write_text("other", encoding="utf-8")
    manifest = json.loads((release / MANIFEST).read_text(encoding="utf-8"))
    manifest["model"] = digest_artifact(release / "model").digest
    (release / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(EvidenceError, match="does not belong to the model"):
        check_release(plan)


@pytest.mark.parametrize("text", ["", "[]", "[1]", "3"])
def test_a_manifest_that_is_none_is_refused(plan: DeploymentPlan, text: str) -> None:
    stage(plan)
    (Path(plan.release) / MANIFEST).write_text(text, encoding="utf-8")
    with pytest.raises(EvidenceError):
        check_release(plan)


def test_a_model_of_one_file_is_staged_under_its_name(plan: DeploymentPlan) -> None:
    file = Path(plan.source.model) / "weights.txt"
    source = plan.source.model_copy(update={"model": str(file)})
    one = plan.model_copy(update={"source": source, "digest": digest_artifact(file).digest})
    stage(one)
    assert one.model.read_bytes() == file.read_bytes()
    one.model.write_text("other", encoding="utf-8")
    with pytest.raises(EvidenceError, match="the one that was tested has"):
        check_release(one)


def test_a_copy_of_other_bytes_never_gets_its_name(plan: DeploymentPlan) -> None:
    other = plan.model_copy(update={"digest": "0" * 64})
    with pytest.raises(EvidenceError, match="the one that was tested has 0000"):
        stage(other)
    assert list(Path(plan.release).parent.iterdir()) == []


def test_what_is_staged_while_others_are_removed_stays(plan: DeploymentPlan) -> None:
    layout = layout_of(Path(plan.project), "production")
    (layout.releases / "old-1").mkdir(parents=True)

    def keep() -> list[str]:
        stage(plan)
        return []

    prune_releases(layout, keep)
    assert list(layout.releases.iterdir()) == [Path(plan.release)]


def test_what_is_not_kept_is_removed_with_what_crashes_left(plan: DeploymentPlan) -> None:
    stage(plan)
    layout = layout_of(Path(plan.project), "production")
    (layout.releases / "old-1").mkdir()
    (layout.releases / ".staging-7").mkdir()
    prune_releases(layout, lambda: [plan.release])
    assert list(layout.releases.iterdir()) == [Path(plan.release)]
    prune_releases(layout_of(Path(plan.project), "staging"), list)


def test_a_plan_is_read_as_it_was_written(plan: DeploymentPlan) -> None:
    assert read_plan(plan.model_dump_json()) == plan
    with pytest.raises(SerializationError, match="the plan of a deployment cannot be read"):
        read_plan('{"number": 0}')


def test_an_odd_environment_has_a_folder_all_the_same(tmp_path: Path) -> None:
    plain, odd = layout_of(tmp_path, "production"), layout_of(tmp_path, "../../etc")
    assert plain.root.name == "production"
    assert odd.root.parent == plain.root.parent
    assert odd.root.name.startswith("environment-")
