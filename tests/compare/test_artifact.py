"""A baseline that was fetched: what the receipt lists is held against the files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.compare.artifact import (
    FOLDER_VARIABLE,
    ArtifactSource,
    Fetched,
    Receipt,
    read_receipt,
    write_receipt,
)
from pytest_mlops.compare.baseline import Baseline, Candidate, NoBaseline
from pytest_mlops.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import Gate

MAIN = "artifact:main"
TEST = """
import pytest

@pytest.mark.model_test
def test_it(mlops):
    mlops.predictions([0, 1] * 40, {answers} + [0, 1] * 39, ids=list(range(80)))
"""


def find(environ: Mapping[str, str]) -> Baseline | NoBaseline:
    candidate = Candidate(arrays=Path("arrays"), folder=Path(), environ=environ)
    return ArtifactSource(MAIN).find(candidate)


def test_outside_github_nothing_is_fetched() -> None:
    assert find({}) == NoBaseline(why=("artifact:main is available only on GitHub Actions",))


def test_on_github_it_has_to_be_fetched_first() -> None:
    with pytest.raises(EvidenceError, match="run `pytest-mlops github baseline` first"):
        find({"GITHUB_ACTIONS": "true"})


def test_a_source_that_has_none_is_a_first_run(tmp_path: Path) -> None:
    write_receipt(tmp_path, Receipt(sources={MAIN: Fetched(status="none", message="no successful run")}))
    assert find({FOLDER_VARIABLE: str(tmp_path)}) == NoBaseline(why=("artifact:main: no successful run",))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("../outside.json", "outside its folder"),
        ("gone.json", "cannot read"),
        ("r.json", "changed after it was fetched"),
    ],
)
def test_a_receipt_is_not_believed(tmp_path: Path, name: str, sentence: str) -> None:
    folder = tmp_path / "f"
    fetched = Fetched(status="found", message="m", record=name, digest="0" * 64)
    write_receipt(folder, Receipt(sources={MAIN: fetched}))
    (folder / "r.json").write_text("x", encoding="utf-8")
    with pytest.raises(EvidenceError, match=sentence):
        find({FOLDER_VARIABLE: str(folder)})


def test_a_receipt_that_does_not_list_a_source_is_refused(tmp_path: Path) -> None:
    write_receipt(tmp_path, Receipt())
    with pytest.raises(EvidenceError, match="does not list artifact:main"):
        find({FOLDER_VARIABLE: str(tmp_path)})


@pytest.mark.parametrize("text", [None, "", "[]", '{"sources": {"x": {}}}'])
def test_a_receipt_that_is_none_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "baselines.json").write_text(text, encoding="utf-8")
    with pytest.raises(EvidenceError, match=r"cannot read|is not a receipt"):
        read_receipt(tmp_path)


def test_what_was_fetched_is_compared_with_and_what_was_not_is_named(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    for answers in ([0, 1], [1, 1]):
        gate.write("test_model.py", TEST.format(answers=answers))
        if answers == [0, 1]:
            gate.run("--mlops-run-id=kept")
            (gate.folder / ".mlops").rename(gate.folder / "baseline")
    gate.write(
        "mlops.yaml", 'baseline: {from: ["artifact:main"]}\nrules: [{metric: accuracy, min_delta: -1}]\n'
    )
    gate.run("--mlops-context=pull_request")
    comparison = gate.record().comparison
    assert comparison is not None
    assert comparison.message == (
        "there is no baseline yet (first run); artifact:main is available only on GitHub Actions"
    )
    found = Fetched(
        status="found",
        message="m",
        record="integration-result.json",
        digest=_sha256(gate.folder / "baseline" / "integration-result.json"),
    )
    write_receipt(gate.folder / "baseline", Receipt(sources={"artifact:main": found}))
    monkeypatch.setenv("MLOPS_BASELINES", str(gate.folder / "baseline"))
    gate.run("--mlops-context=pull_request")
    comparison = gate.record().comparison
    assert comparison is not None
    assert comparison.status == "compared"


def _sha256(path: Path) -> str:

    return hashlib.sha256(path.read_bytes()).hexdigest()
