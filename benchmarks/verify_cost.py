"""What verifying a large model costs, beside ``sha256sum`` of the same bytes.

``python -m benchmarks.verify_cost`` makes a model of 2 GB, gates it once, and runs ``pytest-mlops verify`` of
the record against ``sha256sum``, whole processes, paired; it exits with 1 if the limit does not hold.
Verifying reads every byte, checks the digest, and reaches the verdict again.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks._limits import Finding, report
from benchmarks._pairs import Command, interleave, ratio

LIMIT = 1.15
FILES = 8
CHUNK = 16 * 1024 * 1024

CONFIG = "version: 1\nmodel: {id: large, version: '1', artifact: model/}\n"
TEST = "import pytest\n\n\n@pytest.mark.model_test\ndef test_it(mlops):\n    mlops.metric('a', 0.9, n=100)\n"


def main(argv: list[str] | None = None) -> int:
    """Measure, print the table, return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verify_cost", description="Cost of verify.")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (default: 5)")
    parser.add_argument("--gigabytes", type=float, default=2.0, help="size of the model (default: 2)")
    options = parser.parse_args(argv)
    if shutil.which("sha256sum") is None:
        sys.stderr.write("sha256sum is not on the path; it comes with the package coreutils\n")
        return 2
    with tempfile.TemporaryDirectory() as name:
        findings = []
        for files in (1, FILES):
            folder = Path(name) / f"{files}-files"
            write_project(folder, files, int(options.gigabytes * 1e9))
            findings.append(measure(folder, files, options.rounds))
            shutil.rmtree(folder)
        return report(findings)


def write_project(folder: Path, files: int, size: int) -> None:
    """Write a project whose model has ``size`` bytes in ``files`` files, and the record of one run."""
    model = folder / "model"
    model.mkdir(parents=True)
    for number in range(files):
        with (model / f"weights-{number}.bin").open("wb") as stream:
            for start in range(0, size // files, CHUNK):
                stream.write(os.urandom(min(CHUNK, size // files - start)))
    (folder / "mlops.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "test_model.py").write_text(TEST, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "--mlops-gate", "--mlops-context=local"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def measure(folder: Path, files: int, rounds: int) -> Finding:
    """Run both in turn, the files in memory for both."""
    ours = (sys.executable, "-m", "pytest_mlops", "verify", ".mlops/integration-result.json")
    theirs = ("sha256sum", *sorted(str(path) for path in folder.glob("model/*")))
    commands = {
        name: Command(arguments=line, folder=folder) for name, line in (("ours", ours), ("sum", theirs))
    }
    costs = interleave(commands, rounds)
    wall = ratio([cost.wall for cost in costs["ours"]], [cost.wall for cost in costs["sum"]])
    noun = "file" if files == 1 else "files"
    what = f"verify / sha256sum, {files} {noun}, wall"
    return Finding(what=what, value=wall.median, low=wall.low, high=wall.high, limit=LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
