"""Slice floor: every slice by its bound, and what one bad or small slice does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_mlops.checks.base import CheckContext
from pytest_mlops.checks.slice_floor import SliceFloor
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Gate


def given(*slices: tuple[int, int]) -> CheckContext:
    """Return a holdout with (examples, right ones) per slice a, b, …"""
    right = np.concatenate([np.arange(n) < k for n, k in slices])
    names = np.repeat(list("abcdefgh")[: len(slices)], [n for n, _ in slices])
    true = np.arange(right.size) % 2
    pred = np.where(right, true, 1 - true)
    return CheckContext(fixtures={"holdout": {"y_true": true, "y_pred": pred, "slices": names}})


def check(**options: Any) -> SliceFloor:
    return SliceFloor(**{"of": "holdout", "metric": "accuracy", "min": 0.8, **options})


@pytest.mark.parametrize(
    ("slices", "verdict"),
    [
        ([(200, 180), (200, 190)], Verdict.PASS),
        ([(200, 180), (200, 165)], Verdict.UNDECIDED),
        ([(200, 180), (200, 120)], Verdict.FAIL),
        ([(200, 200), (29, 29)], Verdict.UNDECIDED),
        ([(200, 200), (29, 0)], Verdict.UNDECIDED),
    ],
)
def test_all_slices_must_show_it(slices: list[tuple[int, int]], verdict: Verdict) -> None:
    found = check().evaluate(given(*slices))
    assert found.verdict is verdict
    assert [slice_ for _, slice_, _ in found.measurements] == ["a", "b"]


def test_sentence_names_the_slice_that_decided() -> None:
    assert "accuracy on b is 0.6" in check().evaluate(given((200, 190), (200, 120))).message
    small = check().evaluate(given((200, 190), (29, 29))).message
    assert small == "1 of 2 slices pass: accuracy on b has n = 29, needs 30"


def test_named_slices_alone_count() -> None:
    assert check(slices=["a"]).evaluate(given((200, 190), (200, 120))).verdict is Verdict.PASS


def test_failing_takes_more_evidence_the_more_slices_there_are() -> None:
    bad, good = (100, 72), (100, 95)
    assert check(slices=["a"]).evaluate(given(bad, good)).verdict is Verdict.FAIL
    assert check().evaluate(given(bad, *[good] * 7)).verdict is Verdict.UNDECIDED


def test_many_slices_are_not_all_listed() -> None:
    found = check().evaluate(given(*[(100, 10)] * 8))
    assert found.message.endswith(" and 3 more")


def test_undefined_metric_of_one_slice_is_incomplete_and_the_rest_is_recorded() -> None:
    data = {
        "y_true": [0, 1] * 50 + [0] * 50,
        "y_pred": [0, 1] * 50 + [0] * 50,
        "slices": ["a"] * 100 + ["b"] * 50,
    }
    found = check(metric="recall").evaluate(CheckContext(fixtures={"holdout": data}))
    assert found.verdict is Verdict.INCOMPLETE
    assert "recall on b is undefined" in found.message
    assert len(found.measurements) == 2


def test_an_empty_slice_is_incomplete() -> None:
    data = {"y_true": [0, 1] * 50, "y_pred": [0, 1] * 50, "slices": {"a": np.zeros(100, dtype=bool)}}
    found = check().evaluate(CheckContext(fixtures={"holdout": data}))
    assert found.verdict is Verdict.INCOMPLETE
    assert "no examples in the slice" in found.message


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"slices": ["z"]}, "has no slice z; expected one of a"),
        ({"metric": "mae"}, "mae was not measured; expected one of accuracy"),
    ],
)
def test_incomplete_without_the_slice_or_the_metric(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(IncompleteEvidence, match=sentence):
        check(**options).evaluate(given((50, 50)))


def test_incomplete_without_any_slice() -> None:
    data = {"y_true": [0, 1] * 50, "y_pred": [0, 1] * 50}
    with pytest.raises(IncompleteEvidence, match="has no slices"):
        check().evaluate(CheckContext(fixtures={"holdout": data}))


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("check: slice_floor, of: h, metric: recall", "neither min nor max is set"),
        ("check: slice_floor, of: h, metric: recall, min: 0.5, min_n: -1", "checks[0].min_n"),
        ("check: slice_floor, of: h, metric: recall, min: 0.5, slices: young", "expected a list"),
    ],
)
def test_bad_options_are_refused(mistakes: Callable[[str], str], entry: str, sentence: str) -> None:
    assert sentence in mistakes(entry)


def test_under_the_gate_its_slices_count_as_covered(gate: Gate) -> None:
    gate.write(
        "conftest.py",
        """
        import numpy as np, pytest

        @pytest.fixture
        def holdout():
            true = np.arange(400) % 2
            return {"y_true": true, "y_pred": true, "slices": np.repeat(["young", "old"], 200)}
        """,
    )
    gate.write(
        "mlops.yaml",
        """
        requirements: [{capability: ranking, slices: [young, old]}]
        checks:
          - check: slice_floor
            of: holdout
            metric: accuracy
            min: 0.9
            covers: ["ranking:young", "ranking:old"]
        """,
    )
    assert gate.run().ret == 0
    record = gate.record()
    assert (record.verdict, record.coverage) == ("pass", 1.0)
