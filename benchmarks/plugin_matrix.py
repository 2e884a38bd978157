"""The gate beside plugins that repeat, await, hide or split tests, with real plugins on several pytests.

``python -m benchmarks.plugin_matrix`` installs each plugin, in the newest version that supports each pytest,
into a folder of its own, runs a small suite under it bare and with ``-n2``, and exits with 1 where a verdict
is not the expected one::

    python -m benchmarks.plugin_matrix
    python -m benchmarks.plugin_matrix --pytest 9 --plugin flaky
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

PYTESTS = ("8.0", "8.4", "9")
SECONDS = 300
MARKED = "import pytest\n\n\n@pytest.mark.model_test(covers=['rank:all'])\n"
CONFIG = "requirements: [{capability: rank}]\ngate: {require_evidence: false}\n"
ONCE_FAILING = (
    "def test_rank(mlops):\n"
    "    import pathlib\n"
    "    seen = pathlib.Path('seen')\n"
    "    again = seen.exists()\n"
    "    seen.touch()\n"
    "    mlops.predictions([0, 1] * 40, [0, 1] * 40)\n"
    "    assert again\n"
)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A plugin with a suite that tempts it to hide something.

    Attributes:
        requirement: What pip installs.
        source: The test file.
        verdict: What the record has to say.
        arguments: Of pytest.
        edit: A second file, whose tests the plugin leaves out of a second run after the first file changed.
        newest: The newest pytest that the plugin supports, where that is not the newest there is.
    """

    requirement: str
    source: str
    verdict: str
    arguments: tuple[str, ...] = ()
    edit: str | None = None
    newest: str | None = None


CELLS = {
    "asyncio": Cell(
        requirement="pytest-asyncio",
        source=MARKED + "@pytest.mark.asyncio\nasync def test_rank():\n    return False\n",
        verdict="fail",
    ),
    "anyio": Cell(
        requirement="anyio",
        source=MARKED + "@pytest.mark.anyio\nasync def test_rank():\n    return False\n",
        verdict="fail",
    ),
    "flaky": Cell(
        requirement="flaky",
        source="from flaky import flaky\n" + MARKED + "@flaky\n" + ONCE_FAILING,
        verdict="undecided",
    ),
    "pytest-retry": Cell(
        requirement="pytest-retry",
        source=MARKED + ONCE_FAILING,
        verdict="undecided",
        arguments=("--retries=2",),
    ),
    "rerunfailures": Cell(
        requirement="pytest-rerunfailures",
        source=MARKED + ONCE_FAILING,
        verdict="undecided",
        arguments=("--reruns=2",),
    ),
    "testmon": Cell(
        requirement="pytest-testmon",
        source=MARKED + "def test_rank():\n    assert 1\n",
        verdict="incomplete",
        arguments=("--testmon",),
        edit=MARKED + "def test_bias():\n    assert 1\n",
        newest="8.4",
    ),
    "subtests": Cell(
        requirement="pytest-subtests",
        source="from pytest_mlops.errors import UndecidedEvidence\n" + MARKED + "def test_rank(subtests):\n"
        "    with subtests.test('thin'):\n        raise UndecidedEvidence('too few')\n"
        "    with subtests.test('thick'):\n        pass\n",
        verdict="undecided",
        newest="8.4",
    ),
    "repeat": Cell(
        requirement="pytest-repeat",
        source=MARKED + "def test_rank():\n    pass\n",
        verdict="pass",
        arguments=("--count=3",),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a run came to."""

    verdict: str
    output: str = field(repr=False)


def install(cell: Cell, folder: Path, pytest_version: str | None) -> str | None:
    """Install a plugin into ``folder``; return why that failed, where it did."""
    wanted = [cell.requirement]
    if pytest_version is not None:
        wanted.append(f"pytest=={pytest_version}.*")
    command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(folder), *wanted]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    return None if done.returncode == 0 else done.stderr.strip()[-300:]


def run(cell: Cell, plugins: Path, folder: Path, *, workers: bool) -> Found:
    """Run the suite of a cell under the gate, and return the verdict of its record."""
    folder.mkdir(parents=True)
    (folder / "mlops.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "test_a.py").write_text(cell.source, encoding="utf-8")
    arguments = [*cell.arguments, *(["-n2"] if workers else [])]
    if cell.edit is not None:
        (folder / "test_b.py").write_text(cell.edit, encoding="utf-8")
        _pytest(plugins, folder, arguments)
        (folder / "test_a.py").write_text(cell.source + "    assert 2\n", encoding="utf-8")
    output = _pytest(plugins, folder, arguments)
    record = folder / ".mlops" / "integration-result.json"
    verdict = json.loads(record.read_bytes())["verdict"] if record.exists() else "no record"
    return Found(verdict=verdict, output=output)


def _pytest(plugins: Path, folder: Path, arguments: list[str]) -> str:
    # The environment of the project has this one too, which flaky and pytest-retry refuse to stand beside.
    others = [] if any(plugins.glob("pytest_rerunfailures*")) else ["-pno:rerunfailures"]
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "PYTEST_"))},
        "PYTHONPATH": str(plugins),
    }
    environ.pop("CI", None)
    command = [sys.executable, "-m", "pytest", "--mlops-gate", "--mlops-context=local", *others, *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    return done.stdout + done.stderr


def main(argv: list[str] | None = None) -> int:
    """Run the matrix and print a row a cell."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plugin_matrix", description="Other plugins.")
    parser.add_argument("--pytest", choices=PYTESTS, action="append", help="only this pytest")
    parser.add_argument("--plugin", choices=sorted(CELLS), action="append", help="only this plugin")
    options = parser.parse_args(argv)
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        for version in options.pytest or PYTESTS:
            for plugin in options.plugin or CELLS:
                wrong += _row(plugin, version, Path(name) / version / plugin)
    return 1 if wrong else 0


def _row(plugin: str, version: str, folder: Path) -> int:
    cell, wrong = CELLS[plugin], 0
    if cell.newest is not None and float(version) > float(cell.newest):
        print(f"{plugin:<15} pytest {version:<4} not supported by the plugin, or built into pytest")
        return 0
    problem = install(cell, folder / "plugins", version)
    if problem is not None:
        print(f"{plugin:<15} pytest {version:<4} cannot be installed: {problem}")
        return 1
    for workers in (False, True):
        found = run(cell, folder / "plugins", folder / ("n2" if workers else "bare"), workers=workers)
        good = found.verdict == cell.verdict
        wrong += not good
        state = "ok" if good else f"WRONG, expected {cell.verdict}\n{found.output[-1500:]}"
        how = "-n2" if workers else "bare"
        print(f"{plugin:<15} pytest {version:<4} {how:<5} {found.verdict:<11} {state}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
