"""Model size: the exact bytes of the artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlops.checks.base import CheckContext
from pytest_mlops.checks.model_size import ModelSize
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Gate


@pytest.mark.parametrize(("limit", "verdict"), [(0.0015, Verdict.PASS), (0.001499, Verdict.FAIL)])
def test_size_is_the_bytes_of_all_files(tmp_path: Path, limit: float, verdict: Verdict) -> None:
    (tmp_path / "weights").write_bytes(b"w" * 1000)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "vocabulary").write_bytes(b"v" * 500)
    found = ModelSize(max_mb=limit).evaluate(CheckContext(artifact=tmp_path))
    assert found.verdict is verdict
    assert found.message.startswith("the artifact has 1,500 bytes in 2 files, must be at most 0.00")
    assert found.measurements[0][:2] == ("model_size.mb", "all")


def test_a_single_file_is_an_artifact(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"1")
    assert "1 bytes in 1 file," in ModelSize(max_mb=1.0).evaluate(CheckContext(artifact=path)).message


def test_size_is_incomplete_without_files(tmp_path: Path) -> None:
    with pytest.raises(IncompleteEvidence, match="names no model artifact"):
        ModelSize(max_mb=1.0).evaluate(CheckContext())
    with pytest.raises(IncompleteEvidence, match="contains no files"):
        ModelSize(max_mb=1.0).evaluate(CheckContext(artifact=tmp_path))
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(IncompleteEvidence, match="has 0 bytes; expected a model"):
        ModelSize(max_mb=1.0).evaluate(CheckContext(artifact=tmp_path))


def test_under_the_gate_a_large_artifact_blocks(gate: Gate) -> None:
    gate.write("model/weights", "w" * 2000)
    model = "model: {id: m, version: '1', artifact: model}"
    gate.write("mlops.yaml", f"{model}\nchecks: [{{check: model_size, max_mb: 0.002}}]")
    assert gate.run().ret == 0
    gate.write("mlops.yaml", f"{model}\nchecks: [{{check: model_size, max_mb: 0.001}}]")
    assert gate.run().ret == 1


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("check: model_size", "checks[0].max_mb: is missing"),
        ("check: model_size, max_mb: 0", "above 0"),
    ],
)
def test_bad_options_are_refused(mistakes: Callable[[str], str], entry: str, sentence: str) -> None:
    assert sentence in mistakes(entry)
