"""The champion as a baseline, end to end: gate, register, alias, and the gate of the next version."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from pytest_mlops.cli.app import app
from pytest_mlops.compare.baseline import Baseline, Candidate
from pytest_mlops.compare.registry import RegistrySource
from pytest_mlops.errors import EvidenceError
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.registry.artifacts import blob_key
from pytest_mlops.registry.entries import Link
from pytest_mlops.registry.registry import open_registry
from pytest_mlops.registry.submission import submit_record
from pytest_mlops.verdict import Context, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult
    from tests.conftest import Gate

CONFIG = """\
version: 1
model: {{id: credit, version: "{version}", artifact: model, dependencies: [numpy]}}
baseline: {{from: ["registry:champion"]}}
{rules}
"""
RULES = "rules: [{metric: accuracy, min_delta: -0.02}]"
TEST = """\
import pathlib
import numpy as np
import pytest

@pytest.mark.model_test
def test_it(mlops):
    wrong = int(pathlib.Path("model/weights").read_text())
    ids = np.arange(3000)
    true = ids % 2
    answers = np.where(ids < wrong, 1 - true, true)
    mlops.predictions(true, answers, ids=ids, dataset="holdout")
    pathlib.Path("note.txt").write_text("kept")
    mlops.artifact("note.txt", name="note")
"""


def run(gate: Gate, version: str, wrong: int, rules: str = RULES) -> IntegrationResult:
    """Run the gate on a version that answers ``wrong`` of 3,000 examples wrongly."""
    gate.write("mlops.yaml", CONFIG.format(version=version, rules=rules))
    gate.write("model/weights", str(wrong))
    gate.write("test_model.py", TEST)
    gate.run()
    return gate.record()


@pytest.fixture
def champion(gate: Gate) -> Gate:
    """Return a project whose version 1 is registered and the champion."""
    assert run(gate, "1", 300, rules="").success
    with open_registry(gate.folder, actor="ci") as registry:
        submit_record(registry, gate.path, model=gate.folder / "model")
        registry.move_alias("credit", "champion", "1", expected=None, reason="first")
    return gate


def message(record: IntegrationResult) -> str:
    assert record.comparison is not None
    return str(record.comparison.message)


def test_without_a_registry_it_is_a_first_run(gate: Gate) -> None:
    record = run(gate, "1", 300)
    assert record.verdict is Verdict.UNDECIDED
    assert "first run" in message(record)
    assert not (gate.folder / ".mlops" / "store.db").exists()


@pytest.mark.parametrize(("wrong", "verdict"), [(310, Verdict.PASS), (500, Verdict.FAIL)])
def test_the_next_version_is_compared_with_the_champion(champion: Gate, wrong: int, verdict: Verdict) -> None:
    record = run(champion, "2", wrong)
    assert record.verdict is verdict
    assert record.comparison is not None
    assert record.comparison.baseline is not None
    assert (record.comparison.baseline.source, record.comparison.baseline.version_id) == (
        "registry:champion",
        "1",
    )
    assert record.comparison.paired == 3000


def test_a_version_is_registered_with_everything_it_rests_on(champion: Gate, tmp_path: Path) -> None:
    with open_registry(champion.folder) as registry:
        entry = registry.get_by_alias("credit", "champion")
        assert (entry.stored, entry.verdict, entry.run_id) == (1, Verdict.PASS, champion.record().run_id)
        links = registry.lineage("credit", "1").links["1"]
        kept = {(link.relation, link.target): link.digest for link in links}
        assert kept["tested_on", "holdout"] == champion.record().arrays[0].data
        assert registry.artifacts is not None
        place = registry.artifacts.get(str(kept["evidence", str(entry.run_id)]), tmp_path / "evidence")
        model = registry.artifacts.get(str(entry.digest), tmp_path / "fetched")
    assert (place / "integration-result.json").read_bytes() == champion.path.read_bytes()
    note = champion.record().artifacts[0]
    assert (place / "artifacts" / note.digest).read_text() == "kept"
    assert (model / "weights").read_text() == "300"


def test_an_alias_that_points_nowhere_is_a_first_run(champion: Gate) -> None:
    with open_registry(champion.folder) as registry:
        registry.move_alias("credit", "champion", None, expected="1", reason="withdrawn")
    assert "first run" in message(run(champion, "2", 310))


def test_the_champion_is_not_compared_with_itself(champion: Gate) -> None:
    record = run(champion, "2", 300)
    assert record.verdict is Verdict.INCOMPLETE
    assert "the same bytes as the candidate" in message(record)


def test_a_champion_without_its_record_cannot_be_compared_with(champion: Gate) -> None:
    with open_registry(champion.folder) as registry:
        registry.register(ModelVersion(model_id="credit", version_id="bare", digest="0" * 64))
        registry.move_alias("credit", "champion", "bare", expected="1", reason="a test")
    record = run(champion, "2", 310)
    assert record.verdict is Verdict.INCOMPLETE
    assert "registered without its record and arrays" in message(record)


def test_evidence_that_was_changed_where_it_is_kept_is_refused(champion: Gate) -> None:
    with open_registry(champion.folder) as registry:
        assert registry.artifacts is not None
        array = champion.record().arrays[0]
        registry.artifacts.blobs.write(blob_key(array.digest), [b"x" * array.size])
    record = run(champion, "2", 310)
    assert record.verdict is Verdict.INCOMPLETE
    assert "has the digest" in message(record)


def test_evidence_of_another_model_is_refused(champion: Gate) -> None:
    # The entry of version 1 is made to name the bytes and the evidence of two different runs.
    from pytest_mlops.store.schema import model_versions

    with open_registry(champion.folder) as registry, registry.store.write() as connection:
        connection.execute(model_versions.update().values(digest="0" * 64))
    record = run(champion, "2", 310)
    assert record.verdict is Verdict.INCOMPLETE
    assert "is of a model with the digest" in message(record)


def test_a_store_that_cannot_be_read_is_no_first_run(champion: Gate) -> None:
    for path in (champion.folder / ".mlops").glob("store.db*"):
        path.unlink()
    (champion.folder / ".mlops" / "store.db").write_bytes(b"no database" * 1000)
    record = run(champion, "2", 310)
    assert record.verdict is Verdict.INCOMPLETE
    assert "registry:champion cannot be read: the store" in message(record)


def test_an_alias_needs_a_model(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="no model is named"):
        RegistrySource("champion").find(Candidate(arrays=tmp_path / "arrays", folder=tmp_path))


@pytest.mark.parametrize(
    "source", ["registry:", "registry:a b", "registry:@champion", "elsewhere:x", "registry"]
)
def test_a_source_that_is_none_is_a_mistake_of_the_configuration(gate: Gate, source: str) -> None:
    gate.write("mlops.yaml", f'version: 1\nbaseline: {{from: ["{source}"]}}\n')
    answer = CliRunner().invoke(app, ["validate", str(gate.folder / "mlops.yaml")])
    assert answer.exit_code == 2
    assert "expected run, file:PATH, artifact:BRANCH or registry:ALIAS" in answer.output


def test_a_record_that_was_changed_is_not_registered(champion: Gate) -> None:
    data = json.loads(champion.path.read_text())
    data["pass_rate"] = 0.5
    champion.path.write_text(json.dumps(data))
    with open_registry(champion.folder) as registry:
        with pytest.raises(EvidenceError, match="pass_rate"):
            submit_record(registry, champion.path)
        assert len(registry.list().entries) == 1


def test_a_record_of_other_files_is_not_registered(champion: Gate) -> None:
    run(champion, "2", 310)
    champion.write("model/weights", "311")
    with open_registry(champion.folder) as registry, pytest.raises(EvidenceError, match="the record is of"):
        submit_record(registry, champion.path, model=champion.folder / "model")


def test_a_record_that_names_no_bytes_is_evidence_for_nothing(gate: Gate) -> None:
    gate.write("mlops.yaml", "version: 1\nmodel: {id: credit, version: '1'}\n")
    gate.write("test_it.py", "import pytest\n@pytest.mark.model_test\ndef test_it(): pass\n")
    gate.run()
    with open_registry(gate.folder) as registry, pytest.raises(EvidenceError, match="has no model digest"):
        submit_record(registry, gate.path)


def test_arrays_that_do_not_lie_beside_the_record_are_missed(champion: Gate) -> None:
    run(champion, "2", 310)
    for path in (champion.path.parent / "arrays").iterdir():
        path.unlink()
    with open_registry(champion.folder) as registry:
        with pytest.raises(EvidenceError, match="1 of 2 arrays and artifacts are not beside"):
            submit_record(registry, champion.path, model=champion.folder / "model")
        made = submit_record(registry, champion.path, keep_files=False)
        assert (made.entry.stored, registry.links(made.entry)[-1].relation) == (0, "tested_on")


def test_two_sets_of_rows_of_one_data_set_are_told_apart(gate: Gate) -> None:
    gate.write("mlops.yaml", CONFIG.format(version="1", rules=""))
    gate.write("model/weights", "1")
    gate.write(
        "test_model.py",
        """\
        import numpy as np
        import pytest

        @pytest.mark.model_test
        @pytest.mark.parametrize("n", [50, 60])
        def test_it(mlops, n):
            mlops.score(f"score {n}", np.ones(n) * 0.9, ids=np.arange(n))
        """,
    )
    gate.run()
    with open_registry(gate.folder) as registry:
        entry = submit_record(registry, gate.path).entry
        tested = [link for link in registry.links(entry) if link.relation == "tested_on"]
    assert sorted(link.target for link in tested) == sorted(
        f"default {str(link.digest)[:12]}" for link in tested
    )
    assert len(tested) == 2
    assert all(isinstance(link, Link) for link in tested)


@pytest.mark.parametrize("context", [Context.PULL_REQUEST, Context.RELEASE])
def test_a_store_in_the_checkout_is_no_baseline_where_the_change_could_have_written_it(
    champion: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: Context
) -> None:
    def find() -> object:
        candidate = Candidate(
            arrays=tmp_path / "arrays",
            version=ModelVersion(model_id="credit", version_id="2"),
            folder=champion.folder,
            context=context,
            environ=os.environ,
        )
        return RegistrySource("champion").find(candidate)

    with pytest.raises(EvidenceError, match="set MLOPS_STORE_URL to a store"):
        find()
    monkeypatch.setenv("MLOPS_STORE_URL", f"sqlite:///{champion.folder}/.mlops/store.db")
    assert isinstance(find(), Baseline)


def test_registering_prunes_no_history(champion: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_mlops.store import history

    # What recording would keep of itself: were it to prune here, one result would be left.
    defaults = history.record_result.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "keep", 1)
    kept = champion.record().run_id
    run(champion, "2", 310)
    with open_registry(champion.folder) as registry:
        registry.move_alias("credit", "champion", None, expected="1", reason="a test")
        submit_record(registry, champion.path)
        found = history.list_results(registry.store).entries
    assert {entry.run_id for entry in found} == {kept, champion.record().run_id}
    assert (champion.folder / ".mlops" / ".gitignore").read_text() == "*\n"
