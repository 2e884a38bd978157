"""Memory: the peak while the model predicts, wherever tracing stood."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_mlops.checks.base import CheckContext
from pytest_mlops.checks.memory import Memory
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable


def greedy(megabytes: int) -> SimpleNamespace:
    def predict(rows: Any) -> Any:
        if len(rows) > 1:
            np.zeros(megabytes * 1_000_000, dtype=np.uint8)
        return np.zeros(len(rows))

    return SimpleNamespace(predict=predict)


def memory(model: object, limit: float) -> Any:
    fixtures = {"holdout": {"X": np.zeros((10, 2))}, "model": model}
    return Memory(of="holdout", model="model", max_mb=limit).evaluate(CheckContext(fixtures=fixtures))


@pytest.mark.parametrize(("limit", "verdict"), [(6.0, Verdict.PASS), (4.9, Verdict.FAIL)])
def test_peak_counts_what_is_freed_again(limit: float, verdict: Verdict) -> None:
    found = memory(greedy(5), limit)
    assert found.verdict is verdict
    assert 5.0 <= found.measurements[0][2].value < 5.5
    assert not tracemalloc.is_tracing()


def test_peak_under_a_trace_of_the_users_own_counts_from_there() -> None:
    tracemalloc.start()
    try:
        held = np.zeros(20_000_000, dtype=np.uint8)
        np.zeros(40_000_000, dtype=np.uint8)  # a peak before, freed again
        found = memory(greedy(5), 6.0)
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()
    assert held.size
    assert found.verdict is Verdict.PASS


@pytest.mark.parametrize("rows_answered", [None, 1, 9])
def test_incomplete_where_the_model_gives_no_answer(rows_answered: int | None) -> None:
    def predict(rows: Any) -> Any:
        return None if rows_answered is None else np.zeros(rows_answered)

    with pytest.raises(IncompleteEvidence, match="predict returned"):
        memory(SimpleNamespace(predict=predict), 100.0)


def test_tracing_ends_where_the_model_raises() -> None:
    def predict(rows: Any) -> Any:
        if len(rows) > 1:
            raise MemoryError
        return rows

    with pytest.raises(MemoryError):
        memory(SimpleNamespace(predict=predict), 1.0)
    assert not tracemalloc.is_tracing()


def test_memory_is_incomplete_without_rows_or_model() -> None:
    context = CheckContext(fixtures={"holdout": {"X": []}, "model": greedy(1)})
    with pytest.raises(IncompleteEvidence, match="without rows"):
        Memory(of="holdout", model="model", max_mb=1.0).evaluate(context)
    with pytest.raises(IncompleteEvidence, match="without a predict method"):
        memory(object(), 1.0)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("check: memory, of: h, model: m", "checks[0].max_mb: is missing"),
        ("check: memory, of: h, model: m, max_mb: -1", "above 0"),
    ],
)
def test_bad_options_are_refused(mistakes: Callable[[str], str], entry: str, sentence: str) -> None:
    assert sentence in mistakes(entry)
