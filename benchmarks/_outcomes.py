"""What became of the tests of one suite in two environments, and what is a difference between them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tarfile
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks._suites import BARE, IDLE, python_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Comparison", "Difference", "Outcomes", "Pair", "compare", "normalised", "run_pair"]

RERUNS = 2
RECORDER = Path(__file__).with_name("_recorder.py")
# Far above the minutes that the longest suite takes: only a test that hangs gets here.
TIMEOUT_SECONDS = 3600
# As many options on both sides; the plugin by its module, since some tests hide all entry points.
INNER = {
    BARE: "-p no:mlops -p no:pytest_mlops.plugin",
    IDLE: "-p no:mlops -p pytest_mlops.plugin",
}
OUTER = ("COVERAGE_", "MLOPS_", "PYTEST_", "PYTHON", "VIRTUAL_ENV")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcomes:
    """One run: node id -> the words of pytest's summary for it, and the distributions with plugins."""

    by_id: Mapping[str, tuple[str, ...]]
    plugins: frozenset[str]

    def of(self, test: str) -> str:
        """Return the outcome of a test in words."""
        return ", ".join(self.by_id.get(test, ("absent",)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """The same files run without and with the idle plugin."""

    bare: Outcomes
    idle: Outcomes

    def unlike(self) -> list[str]:
        """Return the node ids whose outcomes differ, or which one side did not have."""
        bare, idle = self.bare.by_id, self.idle.by_id
        return sorted(name for name in bare.keys() | idle.keys() if bare.get(name) != idle.get(name))


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A test that differed in the first run, with its outcomes in every run."""

    test: str
    bare: tuple[str, ...]
    idle: tuple[str, ...]

    @property
    def steady(self) -> bool:
        """Whether each environment says the same every time."""
        return len(set(self.bare)) == len(set(self.idle)) == 1

    def __str__(self) -> str:
        return f"{self.test}\n    without: {' | '.join(self.bare)}\n    with:    {' | '.join(self.idle)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A first run, and what re-runs say of the tests that differed in it.

    Attributes:
        first: The run of all files.
        different: Those that differed in the same way in every run.
        unsteady: Those that changed their outcome from run to run within one environment.
    """

    first: Pair
    different: tuple[Difference, ...]
    unsteady: tuple[Difference, ...]

    def counts(self) -> str:
        """Return the outcomes of the run with the plugin, as pytest's summary line counts them."""
        words = Counter(word for words in self.first.idle.by_id.values() for word in words)
        return ", ".join(f"{count} {word}" for word, count in words.most_common())


def compare(run: Callable[[Sequence[str]], Pair], files: Sequence[str]) -> Comparison:
    """Run files in both environments, and the files of tests that differ twice more.

    A test whose outcome changes from run to run within one environment says nothing about the plugin. It is
    reported as unsteady, and not as a difference.

    Args:
        run: Runs the given files in both environments.
        files: Paths inside the suite.
    """
    first = run(files)
    unlike = first.unlike()
    pairs = [first]
    if unlike:
        again = sorted({test.partition("::")[0] for test in unlike})
        pairs += [run(again) for _ in range(RERUNS)]
    found = [
        Difference(
            test=test,
            bare=tuple(pair.bare.of(test) for pair in pairs),
            idle=tuple(pair.idle.of(test) for pair in pairs),
        )
        for test in unlike
    ]
    return Comparison(
        first=first,
        different=tuple(difference for difference in found if difference.steady),
        unsteady=tuple(difference for difference in found if not difference.steady),
    )


def run_pair(archive: Path, suites: Path, files: Sequence[str], *, inner: bool = False) -> Pair:
    """Run files of a source distribution in both environments at the same time, each in a fresh copy.

    Args:
        archive: The source distribution.
        suites: The folder that has the environments.
        files: Paths inside the distribution.
        inner: Whether the plugin is loaded, or refused, by name in the runs that tests start.

    Raises:
        RuntimeError: a run did not come to its end, or the plugin is not where it should be.
    """
    with tempfile.TemporaryDirectory(prefix="suites-") as name:
        work = Path(name)
        for side in (BARE, IDLE):
            _unpack(archive, work / side)
        runs = [
            _start(suites / side, work / side, INNER[side] if inner else "", files) for side in (BARE, IDLE)
        ]
        try:
            bare, idle = (_finish(child, work / side) for child, side in zip(runs, (BARE, IDLE), strict=True))
        finally:
            for child in runs:
                child.kill()
                child.wait()
    if "pytest-mlops" in bare.plugins or "pytest-mlops" not in idle.plugins:
        raise RuntimeError(f"plugins without: {sorted(bare.plugins)}; with: {sorted(idle.plugins)}")
    return Pair(bare=bare, idle=idle)


def _unpack(archive: Path, work: Path) -> None:
    (work / "tmp").mkdir(parents=True)
    with tarfile.open(archive) as packed:
        packed.extractall(work / "source", filter="data")


def _start(environment: Path, work: Path, inner: str, files: Sequence[str]) -> subprocess.Popen[bytes]:
    (suite,) = (work / "source").iterdir()
    # As with the `pytest` command, neither the working folder nor that of a script is on the path.
    record = work / "outcomes.json"
    command = [str(python_of(environment)), "-P", str(RECORDER), str(record), inner, "-q", *files]
    with (work / "output").open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=suite,
            env=_environ(environment, work / "tmp"),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _environ(environment: Path, temporary: Path) -> dict[str, str]:
    """Leave out what an outer pytest, coverage and virtual environment put there; hashes are the same."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OUTER)}
    path = f"{python_of(environment).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**kept, "PATH": path, "PYTHONHASHSEED": "0", "PYTEST_DEBUG_TEMPROOT": str(temporary)}


def _finish(child: subprocess.Popen[bytes], work: Path) -> Outcomes:
    code = child.wait(timeout=TIMEOUT_SECONDS)
    if code not in {0, 1}:  # 1 is pytest's for tests that failed
        said = (work / "output").read_text(encoding="utf-8", errors="replace")[-2000:]
        raise RuntimeError(f"pytest exited with {code}, expected 0 or 1:\n{said}")
    record = json.loads((work / "outcomes.json").read_text(encoding="utf-8"))
    by_id: dict[str, list[str]] = {}
    for test, words in record["outcomes"].items():
        by_id.setdefault(normalised(test, work), []).extend(words)
    return Outcomes(
        by_id={test: tuple(sorted(words)) for test, words in by_id.items()},
        plugins=frozenset(record["plugins"]),
    )


def normalised(test: str, work: Path) -> str:
    """Return a node id without what is different in every run: memory addresses and the run's own folder."""
    return _ADDRESS.sub("0x…", test.replace(str(work), "…"))
