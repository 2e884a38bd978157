"""Compatibility of the packages that a version requires."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from packaging.markers import UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_mlops.records.integration import Provenance
    from pytest_mlops.records.model import ModelVersion

__all__ = [
    "Kind",
    "MetadataChange",
    "RequirementProblem",
    "check_consistent",
    "check_installed",
    "check_tested",
    "compare_metadata",
    "installed_packages",
]

Kind = Literal["missing", "version", "unparsable", "not_applicable", "conflict"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RequirementProblem:
    """One requirement that is not met, or does not apply here.

    Attributes:
        requirement: As it was declared.
        kind: ``missing``, ``version`` (another one is there), ``unparsable``, ``conflict`` (two requirements
            that exclude each other), or ``not_applicable`` (its marker is not about this machine).
        message: Got, expected.
        found: The version that is there, where one is.
    """

    requirement: str
    kind: Kind
    message: str
    found: str | None = None

    @property
    def blocks(self) -> bool:
        """Whether the version cannot be expected to run; a marker about other machines is no obstacle."""
        return self.kind != "not_applicable"


@dataclass(frozen=True, kw_only=True, slots=True)
class MetadataChange:
    """A field of the metadata that differs between a candidate and the version it would replace."""

    field: str
    was: str | None
    now: str | None


def installed_packages() -> dict[str, str]:
    """Return normalised name -> version of what is installed here."""
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name:  # a damaged installation has none
            found.setdefault(canonicalize_name(name), distribution.version)
    return found


def check_installed(
    requirements: Iterable[str],
    installed: Mapping[str, str] | None = None,
    *,
    python: str | None = None,
) -> tuple[RequirementProblem, ...]:
    """Hold declared requirements against an environment.

    Args:
        requirements: Specifiers after PEP 508, as ``scikit-learn>=1.7``; ``python>=3.11`` is about Python.
        installed: Package -> version; by default, of this environment.
        python: Version of Python; by default, this one.

    Returns:
        The problems, in the order of the requirements; nothing where every one is met. What an extra would
        bring is not checked, and of a requirement by URL only whether the package is there.
    """
    packages = installed_packages() if installed is None else installed
    there = {**_normalised(packages), "python": python or platform.python_version()}
    found = (_check(text, there, where="installed") for text in requirements)
    return tuple(problem for problem in found if problem is not None)


def check_tested(requirements: Iterable[str], provenance: Provenance) -> tuple[RequirementProblem, ...]:
    """Hold declared requirements against the packages that a version was tested with.

    A version that declares ``scikit-learn>=1.7`` and was tested with 1.6 has evidence for something else.

    Args:
        requirements: As for :func:`check_installed`.
        provenance: Of the record that the version was registered on.
    """
    there = {**_normalised(provenance.packages), "python": provenance.python}
    found = (_check(text, there, where="tested with") for text in requirements)
    return tuple(problem for problem in found if problem is not None)


def check_consistent(requirements: Sequence[str]) -> tuple[RequirementProblem, ...]:
    """Find requirements on one package where a version that one pins is refused by another.

    Requirements whose markers exclude each other count as one set.
    """
    problems = []
    parsed = [(text, _parse(text)) for text in requirements]
    for text, requirement in parsed:
        if isinstance(requirement, str):
            continue
        for version in _pins(requirement):
            for other_text, other in parsed:
                if isinstance(other, str) or other_text == text or not _same_package(requirement, other):
                    continue
                if not other.specifier.contains(version, prereleases=True):
                    message = f"pins {requirement.name} {version}, which {other_text!r} refuses"
                    problems.append(RequirementProblem(requirement=text, kind="conflict", message=message))
    return tuple(problems)


def compare_metadata(candidate: ModelVersion, current: ModelVersion) -> tuple[MetadataChange, ...]:
    """List the metadata that differ between a candidate and the version it would replace.

    Compares what changes how a version is trained or served: algorithm, training data, hyperparameters, and
    requirements, package by package. A change is no mistake; a data version that got lost may be one.
    """
    new, old = candidate.metadata, current.metadata
    pairs: list[tuple[str, str | None, str | None]] = [
        ("algorithm", old.algorithm, new.algorithm),
        ("data_version", old.data_version, new.data_version),
    ]
    pairs += _by_key("hyperparameters", _texts(old.hyperparameters), _texts(new.hyperparameters))
    pairs += _by_key("dependencies", _by_package(old.dependencies), _by_package(new.dependencies))
    return tuple(MetadataChange(field=field, was=was, now=now) for field, was, now in pairs if was != now)


def _normalised(packages: Mapping[str, str]) -> dict[str, str]:
    return {str(canonicalize_name(name)): version for name, version in packages.items()}


def _check(text: str, there: Mapping[str, str], *, where: str) -> RequirementProblem | None:
    requirement = _parse(text)
    if isinstance(requirement, str):
        return RequirementProblem(requirement=text, kind="unparsable", message=requirement)
    if not _applies(requirement, python=there["python"]):
        message = f"its marker {requirement.marker} is not about this machine"
        return RequirementProblem(requirement=text, kind="not_applicable", message=message)
    version = there.get(canonicalize_name(requirement.name))
    if version is None:
        message = f"{requirement.name} is not there; expected {requirement.specifier or 'any version'}"
        return RequirementProblem(requirement=text, kind="missing", message=message)
    try:
        met = requirement.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        message = f"{where} {version}, which is not a version by PEP 440"
        return RequirementProblem(requirement=text, kind="unparsable", message=message, found=version)
    if met:
        return None
    message = f"{where} {version}; expected {requirement.specifier}"
    return RequirementProblem(requirement=text, kind="version", message=message, found=version)


def _parse(text: str) -> Requirement | str:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        return f"is not a requirement by PEP 508: {str(error).splitlines()[0]}"


def _applies(requirement: Requirement, *, python: str) -> bool:
    if requirement.marker is None:
        return True
    release = ".".join(python.split(".")[:2])
    about = {"python_version": release, "python_full_version": python, "extra": ""}
    try:
        return requirement.marker.evaluate(about)
    except UndefinedEnvironmentName:
        return True


def _pins(requirement: Requirement) -> list[str]:
    return [
        part.version
        for part in requirement.specifier
        if part.operator in {"==", "==="} and not part.version.endswith(".*")
    ]


def _same_package(first: Requirement, second: Requirement) -> bool:
    return canonicalize_name(first.name) == canonicalize_name(second.name)


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    return {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in values.items()}


def _by_package(requirements: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in requirements:
        requirement = _parse(text)
        name = text if isinstance(requirement, str) else canonicalize_name(requirement.name)
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def _by_key(
    field: str, old: Mapping[str, str], new: Mapping[str, str]
) -> list[tuple[str, str | None, str | None]]:
    return [(f"{field}.{key}", old.get(key), new.get(key)) for key in sorted(old.keys() | new.keys())]
