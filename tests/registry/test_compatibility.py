"""Compatibility: requirements held against an environment, against the tested one, and against each other."""

from __future__ import annotations

import pytest

from pytest_mlops.records.integration import Provenance
from pytest_mlops.records.model import ModelMetadata, ModelVersion
from pytest_mlops.registry.compatibility import (
    check_consistent,
    check_installed,
    check_tested,
    compare_metadata,
    installed_packages,
)

INSTALLED = {"scikit_learn": "1.7.2", "numpy": "2.4.0rc1", "odd": "not-a-version"}


@pytest.mark.parametrize(
    ("requirement", "kind"),
    [
        ("scikit-learn>=1.7", None),
        ("Scikit.Learn[extra]>=1.7,<2", None),
        ("scikit-learn", None),
        ("scikit-learn @ https://example.org/x.whl", None),
        ("numpy>=2.3", None),
        ("scikit-learn>=1.8", "version"),
        ("scikit-learn==1.7.1", "version"),
        ("xgboost", "missing"),
        ("not a requirement", "unparsable"),
        ("numpy>=>2", "unparsable"),
        ("odd>=1", "unparsable"),
        ("xgboost; sys_platform == 'nowhere'", "not_applicable"),
        ("xgboost; python_version < '3.9'", "not_applicable"),
        ("xgboost; python_version >= '3.9'", "missing"),
        ("xgboost; extra == 'gpu'", "not_applicable"),
        ("python>=3.11", None),
        ("python>=3.99", "version"),
    ],
)
def test_a_requirement_is_met_or_says_why_not(requirement: str, kind: str | None) -> None:
    problems = check_installed([requirement], INSTALLED, python="3.12.1")
    assert [problem.kind for problem in problems] == ([] if kind is None else [kind])


def test_a_marker_about_other_machines_does_not_block() -> None:
    other, missing = check_installed(["a; sys_platform == 'nowhere'", "b"], {})
    assert (other.blocks, missing.blocks) == (False, True)


def test_problems_say_what_is_there_and_what_was_expected() -> None:
    (problem,) = check_installed(["scikit-learn>=1.8"], INSTALLED)
    assert (problem.found, problem.message) == ("1.7.2", "installed 1.7.2; expected >=1.8")


def test_by_default_this_environment_is_looked_at() -> None:
    assert check_installed(["pytest>=8", "packaging", "python>=3.11"]) == ()
    assert installed_packages()["pytest-mlops"]


def test_a_version_that_was_tested_with_other_packages_is_found_out() -> None:
    provenance = Provenance(
        tool_version="0", pytest_version="8", python="3.12.1", platform="x", packages={"scikit-learn": "1.6"}
    )
    (problem,) = check_tested(["scikit-learn>=1.7", "python>=3.12"], provenance)
    assert problem.message == "tested with 1.6; expected >=1.7"


def test_a_pin_that_another_requirement_refuses_is_a_conflict() -> None:
    (problem,) = check_consistent(["numpy==1.26", "NumPy>=2", "scipy==1.11", "scipy>=1.10", "odd odd"])
    assert (problem.requirement, problem.kind) == ("numpy==1.26", "conflict")
    assert problem.message == "pins numpy 1.26, which 'NumPy>=2' refuses"
    assert check_consistent(["numpy==1.*", "numpy>=1.2"]) == ()


def test_metadata_are_compared_field_by_field() -> None:
    def version(**metadata: object) -> ModelVersion:
        return ModelVersion(model_id="m", version_id="1", metadata=ModelMetadata(**metadata))  # type: ignore[arg-type]

    current = version(
        algorithm="trees",
        data_version="2026-10",
        hyperparameters={"depth": 3.0, "rate": 0.1},
        dependencies=("NumPy>=1", "scipy", "odd odd"),
    )
    candidate = version(
        algorithm="trees",
        hyperparameters={"depth": 4.0},
        dependencies=("numpy>=2", "scipy", "odd odd", "numpy<3"),
    )
    changes = {one.field: (one.was, one.now) for one in compare_metadata(candidate, current)}
    assert changes == {
        "data_version": ("2026-10", None),
        "hyperparameters.depth": ("3", "4"),
        "hyperparameters.rate": ("0.1", None),
        "dependencies.numpy": ("NumPy>=1", "numpy>=2, numpy<3"),
    }
    assert compare_metadata(current, current) == ()
