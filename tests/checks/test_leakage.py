"""Leakage: test rows that stand in the training data, exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pytest_mlops.checks.base import CheckContext, CheckResult
from pytest_mlops.checks.leakage import Leakage
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable


def judge(train: object, test: object, **options: Any) -> CheckResult:
    check = Leakage(of="holdout", train="training", **options)
    return check.evaluate(CheckContext(fixtures={"training": train, "holdout": test}))


def test_different_rows_pass() -> None:
    found = judge({"X": np.arange(20).reshape(10, 2)}, {"X": np.arange(20).reshape(10, 2) + 1})
    assert found.verdict is Verdict.PASS
    assert found.measurements[0][0] == "leakage-holdout.leaked"


def test_one_row_in_both_fails_and_is_named() -> None:
    test = np.arange(20).reshape(10, 2) + 100
    test[4] = [2, 3]
    found = judge(np.arange(20).reshape(10, 2), test)
    assert found.verdict is Verdict.FAIL
    assert found.message.endswith("found 1, the first in row 4")


def test_a_share_may_be_allowed() -> None:
    test = np.arange(10.0)[:, None]
    assert judge(np.array([[3.0]]), test, max_share=0.1).verdict is Verdict.PASS
    assert judge(np.array([[3.0], [4.0]]), test, max_share=0.1).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("train", "test"),
    [
        (np.array([[1, 2]]), np.array([[1.0, 2.0]])),
        (np.array([[0.0, np.nan]]), np.array([[-0.0, np.nan]])),
        (["a text"], ["a text"]),
        (np.array([["a"]], dtype=object), np.array([["a"]])),
        (np.array([[None, "a"]], dtype=object), np.array([[None, "a"]], dtype=object)),
        (np.ones((1, 2, 2)), np.ones((1, 2, 2))),
        ({"a": [1], "b": ["x"]}, {"b": ["x"], "a": [1]}),
        (np.array([(1, "x")], dtype=[("a", int), ("b", "U1")]), {"a": [1], "b": ["x"]}),
        (pd.DataFrame({"a": [1], "X": ["x"]}), {"X": {"a": [1.0], "X": ["x"]}}),
        (
            pd.DataFrame({"d": pd.to_datetime(["2026-01-01"])}),
            pd.DataFrame({"d": pd.to_datetime(["2026-01-01"])}),
        ),
        (pd.DataFrame({"a": pd.array([None], dtype="Int64")}), pd.DataFrame({"a": [np.nan]})),
        (np.array([[0.1]], dtype=np.float32), np.array([[0.1]])),
        (np.array([[0.1]]), np.array([[0.1]], dtype=np.float16)),
        (np.array([[0.1]], dtype=np.float16), np.array([[0.1]], dtype=np.float32)),
        (np.array([[1e300]], dtype=np.float64), np.array([[np.inf]], dtype=np.float32)),
        (np.array([[2**24 + 1]]), np.array([[2**24 + 1]], dtype=np.float32)),
        (np.array([[2**60 + 1]]), np.array([[2**60 + 1]], dtype=np.float64)),
        (np.array([[np.float32(0.1), "a"]], dtype=object), np.array([[0.1, "a"]], dtype=object)),
        (np.array([[0.1, None]], dtype=object), np.array([[0.1, np.nan]], dtype=np.float32)),
        (np.array([[np.int64(3), "a"]], dtype=object), np.array([[3, "a"]], dtype=object)),
        (np.array([[True]]), np.array([[1.0]], dtype=np.float32)),
        (np.array([[7]], dtype=np.uint64), np.array([[7]])),
        (
            np.array([[np.timedelta64(3, "s"), 1]], dtype=object),
            np.array([[np.timedelta64(3, "s"), 1]], dtype=object),
        ),
        ({"a": [10**400, 0.5]}, {"a": [10**400, 1.5]}),
    ],
)
def test_equal_values_are_equal_however_they_are_stored(train: object, test: object) -> None:
    assert judge(train, test).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("train", "test"),
    [
        (np.array([[2**60]]), np.array([[2**60 + 1]])),
        (np.array([[2**60]], dtype=np.uint64), np.array([[2**60 + 1]])),
        (np.array([[0.1]], dtype=np.float32), np.array([[0.1 + 1e-6]])),
        (np.array([[0.1, None]], dtype=object), np.array([[0.1 + 1e-12, None]], dtype=object)),
        (np.array([[1.0]]), np.array([[1.0 + 1e-15]])),
        ({"a": ["ab"], "b": ["c"]}, {"a": ["a"], "b": ["bc"]}),
        (np.array([[None]], dtype=object), np.array([["?"]], dtype=object)),
        (np.array([[1.5, None]], dtype=object), np.array([[2.5, None]], dtype=object)),
    ],
)
def test_different_values_are_different(train: object, test: object) -> None:
    assert judge(train, test).verdict is Verdict.PASS


def test_ids_are_compared_instead_of_rows() -> None:
    train, test = {"ids": ["u1", "u2"]}, {"ids": ["u2", "u3", "u4"], "X": [[1]]}
    found = judge(train, test, by="ids")
    assert found.verdict is Verdict.FAIL
    assert "share of ids of holdout that are also in training is 0.3333" in found.message
    assert judge(train, {"ids": ["u3"]}, by="ids").verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("train", "test", "options", "error", "sentence"),
    [
        ({"a": [1]}, {"b": [1]}, {}, IncompleteEvidence, "only one of the tables has the columns a, b"),
        ({"a": [1]}, {"a": ["x"]}, {}, IncompleteEvidence, "values of different kinds"),
        ({"a": []}, {"a": [1]}, {}, IncompleteEvidence, "a table without rows"),
        ({}, {"a": [1]}, {}, IncompleteEvidence, "a table without rows"),
        ({"a": [1], "b": [1, 2]}, {"a": [1], "b": [1]}, {}, IncompleteEvidence, "different lengths"),
        ({"a": [[1]]}, {"a": [1]}, {}, IncompleteEvidence, "one value per row"),
        (3, 3, {}, IncompleteEvidence, "expected a data frame"),
        (
            pd.DataFrame([[1, 2]], columns=pd.Index([1, "1"], dtype=object)),
            {"1": [1]},
            {},
            IncompleteEvidence,
            "have the name of another",
        ),
        ({"ids": [1]}, {"X": [1]}, {"by": "ids"}, IncompleteEvidence, "without ids"),
        ({"ids": []}, {"ids": [1]}, {"by": "ids"}, IncompleteEvidence, "empty"),
    ],
)
def test_incomplete_where_tables_cannot_be_compared(
    train: object, test: object, options: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        judge(train, test, **options)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("check: leakage, of: h", "checks[0].train: is missing"),
        ("check: leakage, of: h, train: t, by: name", "checks[0].by"),
        ("check: leakage, of: h, train: t, max_share: 2", "at most 1"),
    ],
)
def test_bad_options_are_refused(mistakes: Callable[[str], str], entry: str, sentence: str) -> None:
    assert sentence in mistakes(entry)
