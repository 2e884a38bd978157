"""Pairing: which examples two sets of predictions have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pytest_mlops.errors import EvidenceError
from pytest_mlops.metrics.input_hashes import CASES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Arrays = Mapping[str, Array]
    Index = Array | slice

__all__ = ["Pairing", "pair_examples"]

SLICE = "slice:"
"""How the names of slice masks begin among stored arrays."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Pairing:
    """Two models' answers to the same n examples, in one order.

    Attributes:
        true: True labels or values (n,).
        candidate: The candidate's predictions or scores (n,).
        baseline: The baseline's (n,).
        scores: Probabilities by both, where both have them: of the positive class (n,) or of all (n, K).
        slices: Slice name -> mask (n,), as the candidate's run cut them.
        added: Examples of the candidate alone.
        removed: Examples of the baseline alone.
    """

    true: Array
    candidate: Array
    baseline: Array
    scores: tuple[NDArray[np.float64], NDArray[np.float64]] | None
    slices: dict[str, NDArray[np.bool_]]
    added: int = 0
    removed: int = 0

    @property
    def n(self) -> int:
        """Number of paired examples."""
        return self.candidate.size

    @classmethod
    def within(cls, arrays: Arrays) -> Self:
        """Pair the predictions, or scores, of two models that one call recorded."""
        candidate = arrays[_answers(arrays)]
        return cls(
            true=arrays.get("y_true", np.zeros(candidate.size)),
            candidate=candidate,
            baseline=arrays["baseline"],
            scores=_scores(arrays.get("y_score"), arrays.get("baseline_score")),
            slices=_slices(arrays, slice(None)),
        )


def pair_examples(
    ours: Arrays, theirs: Arrays, *, by_position: bool, ids_given: bool, all_of_baseline: bool
) -> Pairing:
    """Pair the examples of two runs.

    Args:
        ours: Arrays of the candidate's run.
        theirs: Arrays of the baseline's.
        by_position: Whether the nth example of one is the nth of the other.
        ids_given: Whether both runs gave ids.
        all_of_baseline: Whether an example that only the baseline has is refused.

    Raises:
        EvidenceError: no ids to pair by, an id that comes twice, different lengths by position, nothing in
            common, examples missing, or truths, inputs or slices that differ.
    """
    answers = _answers(ours)
    _check(theirs, answers)
    first, second = _positions(ours, theirs) if by_position else _by_id(ours, theirs, ids_given=ids_given)
    candidate, baseline = ours[answers][first], theirs[answers][second]
    added, removed = ours[answers].size - candidate.size, theirs[answers].size - baseline.size
    if removed and all_of_baseline:
        raise EvidenceError(
            f"{removed:,} of its {theirs[answers].size:,} examples are not in the candidate's run, which "
            "removed_cases: fail forbids"
        )
    true = ours["y_true"][first] if "y_true" in ours else np.zeros(candidate.size)
    if "y_true" in ours and "y_true" in theirs:
        _same("truth", true, theirs["y_true"][second])
    if CASES in theirs:
        if CASES not in ours:
            raise EvidenceError(
                "it kept hashes of its inputs and the candidate did not; record inputs= here too"
            )
        _same("input", ours[CASES][first], theirs[CASES][second])
    for name in sorted(ours.keys() & theirs.keys()):
        if name.startswith(SLICE):
            what = f"membership in the slice {name.removeprefix(SLICE)}"
            _same(what, ours[name][first], theirs[name][second])
    scores = _scores(ours.get("y_score"), theirs.get("y_score"))
    return Pairing(
        true=true,
        candidate=candidate,
        baseline=baseline,
        scores=None if scores is None else (scores[0][first], scores[1][second]),
        slices=_slices(ours, first),
        added=added,
        removed=removed,
    )


def _check(theirs: Arrays, answers: str) -> None:
    """Refuse arrays of a baseline that are not what a recorder keeps."""
    needed = {"ids", answers} | ({"y_true"} if answers == "y_pred" else set())
    if missing := needed - theirs.keys():
        raise EvidenceError(f"its arrays have no {min(missing)}; expected what the recorder kept of its run")
    n = theirs["ids"].size
    if not n or any(array.shape[:1] != (n,) for array in theirs.values()):
        raise EvidenceError("its arrays are empty or of different lengths; measure the baseline anew")
    if theirs[answers].dtype.kind == "f" and not np.isfinite(theirs[answers]).all():
        raise EvidenceError("its predictions have NaN or infinite values; measure the baseline anew")


def _positions(ours: Arrays, theirs: Arrays) -> tuple[Index, Index]:
    sizes = ours["ids"].size, theirs["ids"].size
    if sizes[0] != sizes[1]:
        raise EvidenceError(
            f"it has {sizes[1]:,} examples and the candidate {sizes[0]:,}; by position they must be as many. "
            "Record ids to pair by"
        )
    return slice(None), slice(None)


def _by_id(ours: Arrays, theirs: Arrays, *, ids_given: bool) -> tuple[Index, Index]:
    if not ids_given:
        raise EvidenceError(
            "there are no ids to pair examples by; record them with ids=, or say baseline.pair_by: position"
        )
    left, right = ours["ids"], theirs["ids"]
    if (left.dtype.kind == "U") != (right.dtype.kind == "U"):
        raise EvidenceError("its ids are of another kind: text in one run and numbers in the other")
    if np.array_equal(left, right):
        return slice(None), slice(None)
    if np.unique(right).size < right.size:
        raise EvidenceError("it has an id twice; expected unique ids, one per example")
    _, first, second = np.intersect1d(left, right, assume_unique=True, return_indices=True)
    if not first.size:
        raise EvidenceError("it has no example in common with the candidate's run")
    # In the candidate's order, so that the pairing does not depend on how ids sort.
    order = np.argsort(first, kind="stable")
    return first[order], second[order]


def _answers(arrays: Arrays) -> str:
    return "y_pred" if "y_pred" in arrays else "values"


def _same(what: str, ours: Array, theirs: Array) -> None:
    differs = ours != theirs
    if differs.any():
        raise EvidenceError(
            f"the {what} of {int(differs.sum()):,} of {ours.size:,} common examples differs between the "
            "runs, so the data were changed; measure the baseline anew"
        )


def _scores(ours: Array | None, theirs: Array | None) -> tuple[Array, Array] | None:
    return None if ours is None or theirs is None else (ours, theirs)


def _slices(arrays: Arrays, chosen: Index) -> dict[str, NDArray[np.bool_]]:
    return {name.removeprefix(SLICE): mask[chosen] for name, mask in arrays.items() if name.startswith(SLICE)}
