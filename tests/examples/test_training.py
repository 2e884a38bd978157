"""The examples' models are trained by the scripts beside them, on rows that the holdout does not have."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

pytest.importorskip("sklearn")

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = ["breast_cancer/train.py", "breast_cancer_regressed/retrain.py"]


def kept(script: str) -> dict[str, Any]:
    model: dict[str, Any] = json.loads(
        EXAMPLES.joinpath(script).with_name("model").joinpath("model.json").read_text()
    )
    return model


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that splits the rows, under a name of its own."""
    spec = importlib.util.spec_from_file_location(
        "breast_cancer_data", EXAMPLES / "breast_cancer" / "data.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "breast_cancer_data", module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_training_again_gives_the_model_that_is_kept(tmp_path: Path, script: str) -> None:
    command = [sys.executable, "-B", str(EXAMPLES / script), str(tmp_path)]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
    trained = json.loads((tmp_path / "model.json").read_text())
    model = kept(script)
    assert trained.keys() == model.keys()
    assert (trained["features"], trained["classes"]) == (model["features"], model["classes"])
    for name in ("means", "scales", "coefficients", "intercept"):
        assert trained[name] == pytest.approx(model[name], rel=1e-6), name


def test_retrained_model_saw_the_same_features_and_learned_something_else() -> None:
    first, second = (kept(script) for script in SCRIPTS)
    assert (first["means"], first["scales"]) == (second["means"], second["scales"])
    assert first["coefficients"] != pytest.approx(second["coefficients"], rel=0.01)


def test_training_and_holdout_share_no_row_and_together_are_all(data: ModuleType) -> None:
    training, holdout = data.load_training(), data.load_holdout()
    assert not set(training.ids) & set(holdout.ids)
    assert set(training.ids) | set(holdout.ids) == {str(row) for row in range(569)}
    assert {tuple(row) for row in training.X}.isdisjoint(tuple(row) for row in holdout.X)


def test_malignant_is_one_as_in_the_published_counts(data: ModuleType) -> None:
    diagnoses = [*data.load_training().y, *data.load_holdout().y]
    assert diagnoses.count(data.MALIGNANT) == 212
    assert diagnoses.count(data.BENIGN) == 357


def test_slices_part_the_holdout_and_each_is_large_enough_to_judge(data: ModuleType) -> None:
    holdout = data.load_holdout()
    small, large = holdout.slices["small tumour"], holdout.slices["large tumour"]
    assert (small ^ large).all()
    assert min(small.sum(), large.sum()) >= 60
