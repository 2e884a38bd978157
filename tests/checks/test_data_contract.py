"""Data contract: kinds, gaps, ranges and categories of columns."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pytest_mlops.checks.base import CheckContext, CheckResult
from pytest_mlops.checks.data_contract import DataContract
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Gate

COLUMNS = {
    "age": {"kind": "integer", "min": 18.0, "max": 120.0},
    "income": {"kind": "number", "min": 0.0, "max_missing": 0.25},
    "region": {"kind": "text", "categories": ["north", "south"]},
}
GOOD: dict[str, Any] = {
    "age": [20, 30, 40, 50],
    "income": [1.5, 2.5, np.nan, 0.0],
    "region": ["north", "south", "north", "north"],
}


def judge(table: object, columns: dict[str, Any] | None = None, **options: Any) -> CheckResult:
    check = DataContract.model_validate(
        {"check": "data_contract", "of": "holdout", "columns": columns or COLUMNS, **options}
    )
    return check.evaluate(CheckContext(fixtures={"holdout": table}))


@pytest.mark.parametrize("table", [GOOD, {"X": GOOD}, pd.DataFrame(GOOD), {"X": pd.DataFrame(GOOD)}])
def test_data_that_keep_the_contract_pass(table: object) -> None:
    found = judge(table)
    assert (found.verdict, found.message) == (Verdict.PASS, "3 columns of 4 rows meet the contract")
    recorded = {name: estimate.value for name, _, estimate in found.measurements}
    assert recorded["data_contract-holdout.income.missing"] == 0.25


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"age": [20, 30, 40, 17]}, "age: 1 value not allowed, the first 17"),
        ({"age": [20, 30, 40, 121]}, "age: 1 value not allowed, the first 121"),
        ({"age": [20.5, 30, 40, 50]}, "age: contains number, expected integer"),
        ({"age": ["20", "30", "40", "50"]}, "age: contains text, expected integer"),
        ({"age": [True] * 4}, "age: contains boolean, expected integer"),
        ({"age": np.array([20, "x", 1, 2], dtype=object)}, "age: contains mixed values, expected integer"),
        ({"age": np.array([20.5, 30, 40, 50], dtype=object)}, "age: contains number, expected integer"),
        ({"income": [1.0, np.nan, np.nan, 1.0]}, "income: a share of 0.5 is missing, expected at most 0.25"),
        ({"income": [1.0, np.inf, 1.0, 1.0]}, "income: 1 value not allowed, the first inf"),
        ({"region": ["north", "east", "south", "south"]}, "region: 1 value not allowed, the first 'east'"),
        (
            {"region": ["north", None, "south", "south"]},
            "region: a share of 0.25 is missing, expected at most 0",
        ),
        ({"region": pd.Series(["north", pd.NA, "south", "south"])}, "region: a share of 0.25 is missing"),
    ],
)
def test_each_violation_fails_and_is_named(change: dict[str, Any], sentence: str) -> None:
    found = judge({**GOOD, **change})
    assert found.verdict is Verdict.FAIL
    assert found.message.startswith(f"1 violation in 4 rows: {sentence}")


def test_all_violations_are_counted_and_the_first_eight_named() -> None:
    columns = {f"c{place}": {"max": 0.0} for place in range(10)}
    message = judge(np.ones((2, 10)), {str(k): v for k, v in enumerate(columns.values())}).message
    assert message.startswith("10 violations in 2 rows: 0: 2 values")
    assert message.endswith(" and 2 more")


def test_missing_and_further_columns() -> None:
    without = {name: column for name, column in GOOD.items() if name != "age"}
    assert "the column age is missing" in judge(without).message
    more = {**GOOD, "hair": [1, 2, 3, 4]}
    assert judge(more).verdict is Verdict.PASS
    strict = judge(more, extra_columns=False)
    assert (strict.verdict, strict.message) == (
        Verdict.FAIL,
        "1 violation in 4 rows: the column hair is not in the contract",
    )


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        ("integer", np.array([1.0, 2.0])),
        ("integer", np.array([1, None], dtype=object)),
        ("number", np.array([1, 2])),
        ("number", np.array([1, 2.5], dtype=object)),
        ("boolean", np.array([True, None], dtype=object)),
        ("text", pd.Series(["a", "b"], dtype="category")),
        ("datetime", pd.Series(pd.to_datetime(["2026-01-01", None]))),
        ("datetime", np.array([pd.Timestamp("2026-01-01"), None], dtype=object)),
        ("text", np.array([None, None], dtype=object)),
    ],
)
def test_kind_is_that_of_the_values_however_stored(kind: str, column: object) -> None:
    assert judge({"c": column}, {"c": {"kind": kind, "max_missing": 1.0}}).verdict is Verdict.PASS


def test_share_of_values_outside_may_be_allowed() -> None:
    contract = {"c": {"max": 1.0, "max_outside": 0.25}}
    assert judge({"c": [0, 1, 1, 2]}, contract).verdict is Verdict.PASS
    assert judge({"c": [0, 1, 2, 2]}, contract).verdict is Verdict.FAIL


def test_categories_tell_numbers_from_booleans() -> None:
    assert judge({"c": [0, 1]}, {"c": {"categories": [0, 1]}}).verdict is Verdict.PASS
    assert judge({"c": [False, True]}, {"c": {"categories": [0, 1]}}).verdict is Verdict.FAIL
    assert judge({"c": [False, True]}, {"c": {"categories": [False, True]}}).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("column", "held"),
    [
        (["a"], "text"),
        (["12", "-5", "999"], "text"),
        (np.array(["12", "-5", "999"]), "text"),
        (np.array(["12", "-5"], dtype=np.dtypes.StringDType()), "text"),
        (np.array([b"12", b"-5"]), r"|S2"),
        (pd.Series(["12", None, "-5"]), "text"),
        (pd.Series(pd.to_datetime(["2026-01-01", "2026-01-02"])), "datetime"),
        (np.array([pd.Timestamp("2026-01-01"), None], dtype=object), "datetime"),
        (np.array([1, 2], dtype="m8[s]"), "timedelta64[s]"),
        (np.array([np.timedelta64(1, "s"), None], dtype=object), "timedelta64"),
        ([True, False], "boolean"),
        (np.array([1.5, "7"], dtype=object), "mixed values"),
        (np.array([1 + 0j]), "complex128"),
    ],
)
def test_a_range_needs_numbers_and_parses_nothing(column: object, held: str) -> None:
    contract = {"c": {"min": -1000.0, "max": 1e30, "max_missing": 0.5, "max_outside": 1.0}}
    found = judge({"c": column}, contract)
    assert found.verdict is Verdict.FAIL
    assert f"contains {held}, expected numbers to compare with min and max" in found.message


@pytest.mark.parametrize(
    ("column", "verdict"),
    [
        ([Decimal("1.5"), Decimal(2)], Verdict.PASS),
        ([Decimal("1.5"), Decimal(11)], Verdict.FAIL),
        (np.array([1, None, np.float32(2.5)], dtype=object), Verdict.PASS),
        (np.array([1, 10**400], dtype=object), Verdict.FAIL),
        (np.array([1, -(10**400)], dtype=object), Verdict.FAIL),
        (np.array([1.0, np.inf], dtype=object), Verdict.FAIL),
    ],
)
def test_a_range_holds_for_numbers_however_stored(column: object, verdict: Verdict) -> None:
    contract = {"c": {"kind": "number", "min": 0.0, "max": 10.0, "max_missing": 0.5}}
    assert judge({"c": column}, contract).verdict is verdict


def test_infinite_numbers_lie_outside_of_a_contract_without_a_range() -> None:
    column = np.array([1.0, np.inf, None], dtype=object)
    assert judge({"c": column}, {"c": {"max_missing": 0.5}}).verdict is Verdict.FAIL


def test_a_range_says_nothing_about_a_column_without_values() -> None:
    column = np.array([None, None], dtype=object)
    assert judge({"c": column}, {"c": {"min": 0.0, "max_missing": 1.0}}).verdict is Verdict.PASS


@pytest.mark.parametrize("table", [{"age": []}, {}, {"X": None}, 7])
def test_incomplete_without_rows(table: object) -> None:
    with pytest.raises(IncompleteEvidence):
        judge(table)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("check: data_contract, of: h", "checks[0].columns: is missing"),
        ("check: data_contract, of: h, columns: {}", "checks[0].columns"),
        ("check: data_contract, of: h, columns: {a: {min: 2, max: 1}}", "min 2 is above max 1"),
        ("check: data_contract, of: h, columns: {a: {kind: text, max: 1}}", "min and max apply to numbers"),
        ("check: data_contract, of: h, columns: {a: {kind: word}}", "kind"),
    ],
)
def test_bad_options_are_refused(mistakes: Callable[[str], str], entry: str, sentence: str) -> None:
    assert sentence in mistakes(entry)


def test_under_the_gate_a_broken_contract_blocks(gate: Gate) -> None:
    gate.write(
        "conftest.py",
        """
        import pytest

        @pytest.fixture
        def holdout():
            return {"age": [20, 30, 400]}
        """,
    )
    gate.write("mlops.yaml", "checks: [{check: data_contract, of: holdout, columns: {age: {max: 120}}}]")
    result = gate.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*1 violation in 3 rows: age: 1 value not allowed, the first 400*"])
