"""The examples run as their pages say, bare and with workers, and come to the verdicts they promise."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.config.load import load_config
from pytest_mlops.records.codec import load_integration_result
from pytest_mlops.verdict import Verdict
from tests.conftest import BARE_AND_WORKERS

if TYPE_CHECKING:
    from types import ModuleType

    from pytest_mlops.records.integration import IntegrationResult

pytest.importorskip("sklearn")

EXAMPLES = Path(__file__).parents[2] / "examples"
TRAINED = ["regression", "custom_plugin"]
WITHOUT = shutil.ignore_patterns("__pycache__", ".*")


def copied(name: str, tmp_path: Path) -> Path:
    """Return the folder of a copy of an example."""
    folder = tmp_path / name
    if not folder.exists():
        shutil.copytree(EXAMPLES / name, folder, ignore=WITHOUT)
    return folder


def gate(name: str, tmp_path: Path, *arguments: str) -> tuple[int, IntegrationResult]:
    """Run a copy of an example under the gate and return the exit code and the record."""
    copied(name, tmp_path)
    command = [
        sys.executable,
        "-B",
        "-m",
        "pytest",
        name,
        "--mlops-gate",
        "-p",
        "no:cacheprovider",
        *arguments,
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240)
    record = tmp_path / ".mlops" / "integration-result.json"
    assert record.exists(), done.stdout + done.stderr
    return done.returncode, load_integration_result(record.read_bytes())


def module_of(path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{path.parts[-3]}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_training_again_gives_the_model_that_is_kept(tmp_path: Path, name: str) -> None:
    script = EXAMPLES / name / "train.py"
    subprocess.run([sys.executable, "-B", str(script), str(tmp_path)], check=True, timeout=120)
    trained = json.loads((tmp_path / "model.json").read_text())
    kept = json.loads((script.parent / "model" / "model.json").read_text())
    assert trained.keys() == kept.keys()
    for key, value in kept.items():
        rows = value if isinstance(value, list) and isinstance(value[0], list) else [value]
        again = trained[key] if rows is value else [trained[key]]
        for row, other in zip(rows, again, strict=True):
            texts = isinstance(row, list) and isinstance(row[0], str)
            assert other == (row if texts else pytest.approx(row, rel=1e-6)), key


@BARE_AND_WORKERS
def test_the_regression_passes_even_for_a_release(tmp_path: Path, how: tuple[str, ...]) -> None:
    code, record = gate("regression", tmp_path, "--mlops-context=release", *how)
    assert (code, record.verdict, record.deployable) == (0, Verdict.PASS, True)
    assert record.coverage == 1
    assert {rule.verdict for rule in record.rules} == {Verdict.PASS}
    names = [test.test_name for test in record.test_results.results]
    assert sum(name.endswith("mlops.yaml::metric_floor-holdout") for name in names) == 1
    scaled = {part.name: part.score for part in record.quality.metrics}
    mae = next(rule.estimate for rule in record.rules if rule.rule == "mae")
    assert mae is not None
    assert scaled["mae"] == pytest.approx(1 - mae / 90)


def test_the_regression_is_stopped_where_its_errors_grow(tmp_path: Path) -> None:
    path = copied("regression", tmp_path) / "model" / "model.json"
    model = json.loads(path.read_text())
    path.write_text(json.dumps({**model, "intercept": model["intercept"] + 40}))
    code, record = gate("regression", tmp_path)
    assert (code, record.verdict) == (1, Verdict.FAIL)
    assert any(rule.rule == "mae" and rule.verdict is Verdict.FAIL for rule in record.rules)


def test_patients_of_the_holdout_were_not_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    patients = module_of(EXAMPLES / "regression" / "src" / "patients.py", monkeypatch)
    training, holdout = patients.load_training(), patients.load_holdout()
    assert not set(training.ids) & set(holdout.ids)
    assert len(training.ids) + len(holdout.ids) == 442
    assert min(mask.sum() for mask in holdout.slices.values()) >= 60


@BARE_AND_WORKERS
def test_the_plugin_loads_measures_checks_and_keeps_each_verdict(
    tmp_path: Path, how: tuple[str, ...]
) -> None:
    code, record = gate("custom_plugin", tmp_path, *how)
    assert (code, record.verdict) == (0, Verdict.PASS)
    assert "cost_per_bottle" in {found.name for found in record.measurements}
    assert {found.name for found in record.measurements if found.name.startswith("recall_of_class_")} == {
        f"recall_of_class_{kind}" for kind in range(3)
    }
    lines = (tmp_path / ".mlops" / "verdicts.jsonl").read_text().splitlines()
    assert [json.loads(line)["run"] for line in lines] == [record.run_id]


def test_the_check_of_the_plugin_stops_a_model_that_gives_up_on_one_class(tmp_path: Path) -> None:
    path = copied("custom_plugin", tmp_path) / "model" / "model.json"
    model = json.loads(path.read_text())
    model["centres"][1] = [1e6] * len(model["means"])
    path.write_text(json.dumps(model))
    code, record = gate("custom_plugin", tmp_path)
    assert (code, record.verdict) == (1, Verdict.FAIL)
    assert any("the lowest recall is 0, of class 1" in test.message for test in record.test_results.results)


def test_the_configuration_of_the_plugin_is_valid_with_its_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES / "custom_plugin" / "src"))
    rules = module_of(EXAMPLES / "custom_plugin" / "src" / "house_rules.py", monkeypatch)
    loaded = load_config(EXAMPLES / "custom_plugin" / "mlops.yaml", rules.pytest_mlops_checks())
    assert [check.title() for check in loaded.config.checks] == ["recall_of_each_class-holdout"]
