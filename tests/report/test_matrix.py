"""The coverage matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.records.policy import Policy, Requirement
from pytest_mlops.report.matrix import coverage_matrix

if TYPE_CHECKING:
    from tests.report.conftest import MakeRecord


def test_slices_go_down_capabilities_across_and_gaps_are_undeclared(make_record: MakeRecord) -> None:
    policy = Policy(
        requirements=(
            Requirement(capability="rank", slices=("all", "young")),
            Requirement(capability="fit", datasets=("holdout",)),
        )
    )
    matrix = coverage_matrix(make_record(policy=policy))
    assert matrix.capabilities == ("rank", "fit")
    found = [(row.slice, row.dataset, [cell and cell.cell for cell in row.cells]) for row in matrix.rows]
    assert found == [
        ("all", None, ["rank:all", None]),
        ("young", None, ["rank:young", None]),
        ("all", "holdout", [None, "fit:all@holdout"]),
    ]


def test_a_cell_that_the_record_does_not_report_is_left_out(make_record: MakeRecord) -> None:
    policy = Policy(requirements=(Requirement(capability="rank"),))
    record = make_record(policy=policy).model_copy(update={"coverage_cells": ()})
    assert coverage_matrix(record).rows == ()
