"""The champion and its four challengers: what the gate says of each, on models trained by its script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_mlops.evidence.verify import read_record
from pytest_mlops.verdict import Verdict

pytest.importorskip("sklearn")

EXAMPLE = Path(__file__).parents[2] / "examples" / "champion_challenger"


@pytest.mark.parametrize(
    ("candidate", "verdict", "said"),
    [
        pytest.param("equal", Verdict.PASS, "", marks=pytest.mark.slow),
        pytest.param("worse", Verdict.FAIL, "accuracy went from 0.9125 to 0.8928"),
        pytest.param("misread", Verdict.FAIL, "accuracy[digit=6] went from", marks=pytest.mark.slow),
        pytest.param("leaky", Verdict.FAIL, "check for leakage", marks=pytest.mark.slow),
    ],
)
def test_what_the_gate_says_of_each(candidate: str, verdict: Verdict, said: str, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    options = ["--mlops-gate", f"--candidate={candidate}", f"--mlops-result={path}", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-B", "-m", "pytest", *options],
        cwd=EXAMPLE,
        env={**os.environ, "PYTHONPATH": str(EXAMPLE.parents[1])},
        check=False,
        capture_output=True,
        timeout=120,
    )
    record = read_record(path)
    assert record.verdict is verdict, done.stdout
    assert done.returncode == (0 if verdict is Verdict.PASS else 1)
    reasons = [reason.text for reason in record.reasons]
    assert any(said in text for text in reasons) or not said
    overall = record.rules[0].estimate
    assert overall is not None
    assert (overall > 0) is (candidate != "worse")


@pytest.mark.slow
def test_training_again_gives_the_models_that_are_kept(tmp_path: Path) -> None:
    command = [sys.executable, "-B", str(EXAMPLE / "src" / "train_digits.py"), str(tmp_path)]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=300)
    for path in sorted((EXAMPLE / "models").glob("*.json")):
        trained, kept = (json.loads(file.read_text()) for file in (tmp_path / path.name, path))
        assert trained["intercepts"] == pytest.approx(kept["intercepts"], abs=1e-3)
        for row, other in zip(trained["coefficients"], kept["coefficients"], strict=True):
            assert row == pytest.approx(other, abs=1e-3)
