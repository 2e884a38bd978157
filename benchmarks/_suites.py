"""Test suites of other projects: where they come from, and the two environments that they run in."""

from __future__ import annotations

import subprocess
import venv
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BARE", "IDLE", "SUITES", "Suite", "Suites", "python_of"]

ROOT = Path(__file__).resolve().parent.parent
# Names of one length, so that no line of output is wrapped in one environment only.
BARE, IDLE = "bare", "idle"
# What the suites use where they find it, and what builds our wheel.
NEEDS = (
    "argcomplete",
    "attrs",
    "execnet",
    "filelock",
    "hatchling",
    "hypothesis",
    "mock",
    "numpy",
    "pexpect",
    "psutil",
    "pygments",
    "pytest-benchmark",
    "pyyaml",
    "requests",
    "setproctitle",
    "setuptools",
    "xmlschema",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Suite:
    """The tests in the source distribution of a package, in the version that is installed here.

    Attributes:
        package: Its name on the package index.
        quick: The files of a short run, those which plugins can disturb most; empty for all.
        inner: Whether the plugin is loaded by name into every run that a test starts with ``pytester``, for a
            suite that loads no installed plugin there.
    """

    package: str
    quick: tuple[str, ...] = ()
    inner: bool = False

    @property
    def title(self) -> str:
        """What is compared, in words."""
        return f"{self.requirement}, in inner runs too" if self.inner else self.requirement

    @property
    def requirement(self) -> str:
        """The package, pinned."""
        return f"{self.package}=={version(self.package)}"

    def files(self, *, quick: bool) -> tuple[str, ...]:
        """Return the paths to give to pytest."""
        return self.quick if quick and self.quick else ("testing",)


SUITES = {
    "pytest": Suite(
        package="pytest",
        quick=(
            "testing/test_config.py",
            "testing/test_helpconfig.py",
            "testing/test_main.py",
            "testing/test_mark.py",
            "testing/test_parseopt.py",
            "testing/test_pluginmanager.py",
        ),
    ),
    "pytest-inner": Suite(
        package="pytest",
        inner=True,
        quick=(
            "testing/python/fixtures.py",
            "testing/python/show_fixtures_per_test.py",
            "testing/test_conftest.py",
            "testing/test_mark.py",
            "testing/test_pluginmanager.py",
            "testing/test_session.py",
            "testing/test_setuponly.py",
        ),
    ),
    "xdist": Suite(
        package="pytest-xdist",
        quick=(
            "testing/test_dsession.py",
            "testing/test_plugin.py",
            "testing/test_workermanage.py",
        ),
    ),
    "pluggy": Suite(package="pluggy"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Suites:
    """A folder with the source distributions and both environments; what is missing can be fetched."""

    folder: Path

    def archive(self, suite: Suite) -> Path:
        """Return where the source distribution of a suite is, or will be."""
        name, _, pinned = suite.requirement.partition("==")
        return self.folder / "sdists" / f"{name.replace('-', '_')}-{pinned}.tar.gz"

    def environment(self, name: str) -> Path:
        """Return the folder of an environment, ``BARE`` or ``IDLE``."""
        return self.folder / name

    def missing(self) -> list[str]:
        """Return what a comparison would lack: distributions, environments, our code in its present state."""
        archives = {suite.requirement: self.archive(suite) for suite in SUITES.values()}
        lacking = [requirement for requirement, archive in archives.items() if not archive.is_file()]
        lacking += [name for name in (BARE, IDLE) if not python_of(self.environment(name)).exists()]
        return lacking if self._is_current() else [*lacking, "pytest-mlops as it is in this tree"]

    def _is_current(self) -> bool:
        installed = next(self.environment(IDLE).glob("lib/python*/site-packages"), self.folder)
        ours = (file.relative_to(ROOT) for file in (ROOT / "pytest_mlops").rglob("*.py"))
        return all(
            (installed / file).is_file() and (installed / file).read_bytes() == (ROOT / file).read_bytes()
            for file in ours
        )

    def prepare(self) -> None:
        """Fetch what is missing, and install pytest-mlops as it stands in this tree.

        Where nothing is missing, the package index is not asked.

        Raises:
            RuntimeError: pip failed; the message names what was asked of it.
        """
        bare, idle = (self._environment(name) for name in (BARE, IDLE))
        for suite in SUITES.values():
            if not self.archive(suite).is_file():
                source = ("--no-deps", "--no-binary", suite.package, suite.requirement)
                _pip(bare, "download", "--dest", str(self.folder / "sdists"), *source)
        needs = (*NEEDS, *(suite.requirement for suite in SUITES.values()))
        _pip(bare, "install", *needs)
        constraints = self.folder / "constraints.txt"
        constraints.write_text(_pip(bare, "freeze"), encoding="utf-8")
        _pip(idle, "install", "--constraint", str(constraints), *needs)
        # Not as an editable install, which would put the whole tree on the path.
        _pip(idle, "install", "--constraint", str(constraints), "--no-build-isolation", str(ROOT))

    def _environment(self, name: str) -> Path:
        python = python_of(self.environment(name))
        if not python.exists():
            venv.create(self.environment(name), symlinks=True, with_pip=True)
        return python


def python_of(environment: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    return environment / "bin" / "python"


def _pip(python: Path, action: str, *arguments: str) -> str:
    command: Sequence[str] = [str(python), "-m", "pip", action, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stdout + done.stderr)[-2000:]
        raise RuntimeError(f"pip {action} {' '.join(arguments)} exited with {done.returncode}:\n{said}")
    return done.stdout
