"""Environment consistency γ: how far a version will run in what it was tested in, fact by fact."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from pytest_mlops.records.base import Record
from pytest_mlops.records.deployment import Consistency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_mlops.records.integration import Provenance

__all__ = ["InterpreterFacts", "ask_interpreter", "compare", "recorded_facts", "serving_facts"]

MISSING = "not installed"

_SECONDS = 20.0
_PYTHON = re.compile(r"python(\d+(\.\d+)*)?(\.exe)?")
_SCRIPT = """
import json, platform
from importlib.metadata import distributions
packages = {}
for found in distributions():
    name = found.metadata["Name"]
    if name:
        packages.setdefault(name, found.version)
found = {"python": platform.python_version(), "platform": platform.platform(), "packages": packages}
print(json.dumps(found))
"""


class InterpreterFacts(Record):
    """Facts about an interpreter, as it reports them."""

    python: str
    platform: str
    packages: dict[str, str]


def recorded_facts(provenance: Provenance, dependencies: Sequence[str]) -> dict[str, str]:
    """Return what is known of where a version was tested: Python, system, and packages.

    Args:
        provenance: Of the record.
        dependencies: Requirement specifiers that the model declares; where it declares any, other packages
            are no facts about it.
    """
    facts = {"python": provenance.python, "system": _system(provenance.platform)}
    return facts | _package_facts(provenance.packages, dependencies)


def serving_facts(command: Sequence[str], dependencies: Sequence[str], *, folder: Path) -> dict[str, str]:
    """Return what is known of where a version will run, by asking the interpreter of its command.

    Args:
        command: As ``serve.command``; of a program that is no Python nothing is known.
        dependencies: As in :func:`recorded_facts`.
        folder: Where the command runs.
    """
    program = command[0].replace("{python}", sys.executable)
    if _PYTHON.fullmatch(Path(program).name) is None:
        return {}
    found = ask_interpreter(program, folder)
    if found is None:
        return {}
    facts = {"python": found.python, "system": _system(found.platform)}
    return facts | _package_facts(found.packages, dependencies)


def ask_interpreter(program: str, folder: Path) -> InterpreterFacts | None:
    """Return the facts that an interpreter reports; ``None`` where it does not within twenty seconds."""
    try:
        done = subprocess.run(  # noqa: S603 -- the program that serves, and a script of ours
            [program, "-c", _SCRIPT],
            cwd=folder,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        return InterpreterFacts.model_validate_json(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def compare(tested: Mapping[str, str], here: Mapping[str, str]) -> Consistency:
    """Compare the facts of both sides; those known on one side only count for neither.

    Returns:
        γ = equal / compared, ``None`` where nothing can be compared.
    """
    both = sorted(tested.keys() & here.keys())
    different = [name for name in both if tested[name] != here[name]]
    equal = len(both) - len(different)
    return Consistency(
        share=equal / len(both) if both else None,
        equal=equal,
        compared=len(both),
        differences=tuple(f"{name}: tested with {tested[name]}, here {here[name]}" for name in different),
        unknown=tuple(sorted(tested.keys() ^ here.keys())),
    )


def _package_facts(packages: Mapping[str, str], dependencies: Sequence[str]) -> dict[str, str]:
    """Return the versions of the packages that the model names, or of all where it names none."""
    installed = {str(canonicalize_name(name)): version for name, version in packages.items()}
    named = _names(dependencies)
    chosen = {name: installed.get(name, MISSING) for name in named} if named else installed
    return {f"package {name}": version for name, version in sorted(chosen.items())}


def _names(dependencies: Sequence[str]) -> list[str]:
    names: list[str] = []
    for text in dependencies:
        try:
            names.append(canonicalize_name(Requirement(text).name))
        except InvalidRequirement:
            continue
    return names


def _system(platform: str) -> str:
    """Return system and machine: the release of a kernel is no fact about a model."""
    parts = platform.split("-")
    machine = next((part for part in parts if part in {"x86_64", "aarch64", "arm64", "AMD64", "i686"}), "")
    return f"{parts[0]} {machine}".strip()
