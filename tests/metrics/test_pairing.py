"""Pairing: the same example in both runs, or a sentence why there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_mlops.errors import EvidenceError
from pytest_mlops.metrics.pairing import Pairing, pair_examples


def arrays(ids: list[Any], true: Any = None, **more: Any) -> dict[str, Any]:
    n = len(ids)
    return {
        "ids": np.array(ids),
        "y_true": np.array(true if true is not None else [0] * n),
        "y_pred": np.arange(n),
        **more,
    }


def pair(ours: dict[str, Any], theirs: dict[str, Any], **options: bool) -> Pairing:
    return pair_examples(
        ours, theirs, **{"by_position": False, "ids_given": True, "all_of_baseline": False, **options}
    )


def test_examples_meet_by_id_in_the_candidates_order() -> None:
    ours = arrays(["c", "a", "b"], [3, 1, 2], **{"slice:s": np.array([True, False, True])})
    theirs = arrays(["a", "b", "c"], [1, 2, 3])
    found = pair(ours, theirs)
    assert found.candidate.tolist() == [0, 1, 2]
    assert found.baseline.tolist() == [2, 0, 1]
    assert found.true.tolist() == [3, 1, 2]
    assert found.slices["s"].tolist() == [True, False, True]


def test_the_common_examples_are_compared_and_the_others_counted() -> None:
    found = pair(arrays([1, 2, 3, 4]), arrays([3, 4, 5]))
    assert (found.n, found.added, found.removed) == (2, 2, 1)
    assert found.candidate.tolist() == [2, 3]


def test_removed_examples_are_counted_by_slice_and_label() -> None:
    masks = {"slice:s": np.array([False, True, True])}
    found = pair(arrays([1]), arrays([1, 2, 3], [0, 1, 0], **masks)).gone
    assert found is not None
    assert [found.count("all"), found.count("s"), found.count("all", 1), found.count("s", 0)] == [2, 2, 1, 1]
    assert found.count("a slice that the baseline did not record") == 2
    assert pair(arrays([1, 2]), arrays([1])).gone is None


def test_slices_and_scores_follow_the_pairing() -> None:
    ours = arrays([1, 2, 3], y_score=np.array([0.1, 0.2, 0.3]), **{"slice:s": np.array([False, True, True])})
    theirs = arrays([3, 2], y_score=np.array([0.7, 0.8]))
    found = pair(ours, theirs)
    assert found.scores is not None
    assert [scores.tolist() for scores in found.scores] == [[0.2, 0.3], [0.8, 0.7]]
    assert found.slices["s"].tolist() == [True, True]


def test_scores_of_one_run_alone_are_left_out() -> None:
    assert pair(arrays([1], y_score=np.array([0.1])), arrays([1])).scores is None


def test_a_removed_example_is_refused_where_the_policy_says_so() -> None:
    with pytest.raises(EvidenceError, match="1 of its 2 examples are missing in the candidate's run"):
        pair(arrays([1, 3]), arrays([1, 2]), all_of_baseline=True)
    assert pair(arrays([1, 2, 3]), arrays([1, 2]), all_of_baseline=True).added == 1


def test_without_ids_there_is_nothing_to_pair_by() -> None:
    with pytest.raises(EvidenceError, match="pair_by: position"):
        pair(arrays([0, 1]), arrays([0, 1]), ids_given=False)


def test_position_pairs_what_stands_at_one_place() -> None:
    found = pair(arrays(["x", "y"]), arrays(["p", "q"]), by_position=True, ids_given=False)
    assert found.n == 2


def test_position_needs_as_many_examples() -> None:
    with pytest.raises(EvidenceError, match="3 examples and the candidate 2"):
        pair(arrays([0, 1]), arrays([0, 1, 2]), by_position=True)


def test_nothing_in_common_is_refused() -> None:
    with pytest.raises(EvidenceError, match="no examples in common"):
        pair(arrays([1]), arrays([2]))


def test_an_id_that_comes_twice_is_refused() -> None:
    with pytest.raises(EvidenceError, match="duplicate ids"):
        pair(arrays([1, 2]), arrays([1, 1]))


def test_ids_of_two_kinds_are_refused() -> None:
    with pytest.raises(EvidenceError, match="text in one run and numbers in the other"):
        pair(arrays(["1"]), arrays([1]))


@pytest.mark.parametrize("changed", [[0, 1, 0], ["0", "1", "0"]])
def test_truth_that_changed_is_refused(changed: list[Any]) -> None:
    with pytest.raises(EvidenceError, match=r"the true value of . of 3 common examples differs"):
        pair(arrays([1, 2, 3]), arrays([1, 2, 3], changed))


def test_scores_have_no_truth_to_differ() -> None:
    ours, theirs = (
        {"ids": np.array([1, 2]), "values": np.array(values)} for values in ([0.1, 0.2], [0.3, 0.4])
    )
    found = pair(ours, theirs)
    assert (found.candidate.tolist(), found.baseline.tolist()) == ([0.1, 0.2], [0.3, 0.4])


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"y_pred": np.array([0.0, np.nan])}, "NaN"),
        ({"y_pred": np.array([0.0])}, "different lengths"),
        ({"ids": np.array([], dtype=np.int64), "y_true": np.array([]), "y_pred": np.array([])}, "empty"),
    ],
)
def test_arrays_that_no_recorder_kept_are_refused(broken: dict[str, Any], said: str) -> None:
    with pytest.raises(EvidenceError, match=said):
        pair(arrays([1, 2]), arrays([1, 2]) | broken)


def test_a_missing_array_is_named() -> None:
    theirs = arrays([1, 2])
    del theirs["y_true"]
    with pytest.raises(EvidenceError, match="have no y_true"):
        pair(arrays([1, 2]), theirs)


def test_two_models_of_one_run_are_paired_as_they_stand() -> None:
    one = arrays([1, 2], baseline=np.array([5, 6]), **{"slice:s": np.array([True, False])})
    found = Pairing.within(one)
    assert (found.candidate.tolist(), found.baseline.tolist(), found.n) == ([0, 1], [5, 6], 2)
    assert found.slices["s"].tolist() == [True, False]
