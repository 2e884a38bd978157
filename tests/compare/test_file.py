"""A committed baseline is read from before the change, whatever lies in the work tree."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.compare import file as module
from pytest_mlops.compare.baseline import Baseline, Candidate, NoBaseline
from pytest_mlops.compare.file import FileSource, check_out_record
from pytest_mlops.errors import EvidenceError
from pytest_mlops.verdict import Context

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.conftest import Gate

A = "a" * 40


class Repository:
    """A git repository in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        names = ("-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ["git", *names, *arguments], cwd=self.folder, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, *paths: str) -> str:
        self.git("add", "--force", "--", *paths)
        self.git("commit", "--quiet", "--allow-empty", "-m", "c")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(gate: Gate) -> Repository:
    """Return a repository whose main has the record of a run as its baseline."""
    test = """
        import pytest

        @pytest.mark.model_test
        def test_it(mlops):
            mlops.predictions([0, 1] * 40, {answers} + [0, 1] * 39, ids=list(range(80)))
        """
    gate.write("test_model.py", test.format(answers=[0, 1]))
    gate.run("--mlops-run-id=kept")
    gate.write("test_model.py", test.format(answers=[1, 1]))
    (gate.folder / ".mlops").rename(gate.folder / "baseline")
    found = Repository(gate.folder)
    found.commit("baseline")
    found.git("checkout", "--quiet", "-b", "feature")
    return found


def find(repository: Repository, environ: Mapping[str, str], place: str = "baseline") -> object:
    candidate = Candidate(
        arrays=repository.folder / ".mlops" / "arrays",
        folder=repository.folder,
        context=Context.PULL_REQUEST,
        environ=environ,
    )
    return FileSource(f"{place}/integration-result.json").find(candidate)


def test_what_the_change_wrote_is_not_read(repository: Repository) -> None:
    path = repository.folder / "baseline" / "integration-result.json"
    path.write_text("{}", encoding="utf-8")
    repository.commit("baseline")
    (repository.folder / "test_model.py").unlink()
    found = find(repository, {"MLOPS_BASE": "main"})
    assert isinstance(found, Baseline)
    assert found.record is not None
    assert found.record.run_id == "kept"
    assert found.arrays.is_relative_to(repository.folder / ".mlops" / "baseline")
    (array,) = found.refs
    assert (found.arrays / f"{array.digest}.npz").is_file()


def test_what_the_base_got_since_is_not_read(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "main")
    (repository.folder / "baseline" / "integration-result.json").write_text("{}", encoding="utf-8")
    repository.commit("baseline")
    repository.git("checkout", "--quiet", "feature")
    assert isinstance(find(repository, {"MLOPS_BASE": "main"}), Baseline)


def test_a_file_that_only_the_change_has_is_no_baseline(repository: Repository) -> None:
    other = repository.folder / "other"
    (repository.folder / "baseline").rename(other)
    repository.commit("other")
    for place in ("other", "nowhere/at/all"):
        found = find(repository, {"MLOPS_BASE": "main"}, place)
        assert found == NoBaseline(why=(f"there is no file:{place}/integration-result.json",))


def test_without_a_base_nothing_is_read(repository: Repository) -> None:
    with pytest.raises(EvidenceError, match="set MLOPS_BASE"):
        find(repository, {})


def test_a_clone_too_shallow_says_how_to_fix_it(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=r"does not contain a{40}: .*fetch-depth: 0"):
        find(repository, {"MLOPS_BASE": A})


def test_a_file_outside_the_repository_is_refused(repository: Repository) -> None:
    with pytest.raises(EvidenceError, match="outside the repository"):
        find(repository, {"MLOPS_BASE": "main"}, "../elsewhere")


def test_a_committed_file_that_is_no_record_is_refused(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "main")
    (repository.folder / "baseline" / "integration-result.json").write_text("{}", encoding="utf-8")
    repository.commit("baseline")
    with pytest.raises(EvidenceError, match=r"integration-result.json in commit \w{12}: schema_version"):
        find(repository, {"MLOPS_BASE": "main"})


def test_arrays_that_were_not_committed_are_missing_and_nothing_else(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.git("rm", "--quiet", "-r", "baseline/arrays")
    repository.commit()
    path = repository.folder / "baseline" / "integration-result.json"
    copy = check_out_record(path, "HEAD", start=repository.folder, kept=repository.folder / "kept")
    assert copy is not None
    assert not (copy.parent / "arrays").exists()
    monkeypatch.setattr(module, "MAX_RECORD_BYTES", 10)
    with pytest.raises(EvidenceError, match="the limit is 10"):
        check_out_record(path, "HEAD", start=repository.folder, kept=repository.folder / "kept")


def test_a_run_of_a_pull_request_is_compared_with_what_was_committed(
    gate: Gate, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.write(
        "mlops.yaml",
        """
        baseline: {from: ["file:baseline/integration-result.json"], max_age_days: 1}
        rules: [{metric: accuracy, min_delta: -0.2}]
        """,
    )
    planted = gate.folder / "baseline" / "integration-result.json"
    data = json.loads(planted.read_text(encoding="utf-8"))
    planted.write_text(json.dumps({**data, "run_id": "planted"}), encoding="utf-8")
    monkeypatch.setenv("MLOPS_BASE", "main")
    gate.run("--mlops-context=pull_request")
    comparison = gate.record().comparison
    assert comparison is not None
    assert comparison.baseline is not None
    assert (comparison.status, comparison.baseline.run_id) == ("compared", "kept")
