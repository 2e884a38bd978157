"""Pairing of the examples that two sets of predictions have in common."""

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
"""Prefix of the names of slice masks among stored arrays."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Gone:
    """Examples of the baseline that the candidate's run lacks.

    Attributes:
        true: True labels or values (m,); ``None`` for scores.
        slices: Slice name -> mask (m,), of the slices that the baseline recorded.
        n: Their number.
    """

    true: Array | None
    slices: dict[str, NDArray[np.bool_]]
    n: int

    def count(self, part: str, label: object = None) -> int:
        """Return how many are in a slice, and of a true label if one is given.

        Where the baseline did not record the slice, all of them may be in it.
        """
        mask = self.slices.get(part, np.ones(self.n, dtype=np.bool_))
        if label is not None and self.true is not None:
            mask = mask & (self.true == label)
        return int(mask.sum())


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Pairing:
    """Predictions of two models for the same n examples, in the same order.

    Attributes:
        true: True labels or values (n,).
        candidate: Predictions or scores of the candidate (n,).
        baseline: Predictions or scores of the baseline (n,).
        scores: Probabilities of both, if both have them: for the positive class (n,) or all classes (n, K).
        slices: Slice name -> mask (n,), from the candidate's run.
        added: Number of examples of the candidate only.
        removed: Number of examples of the baseline only.
        gone: Which examples of the baseline are not paired, with its true values and slices.
        labels: Distinct labels of both runs, with those of examples that are not paired; ``None`` for scores.
    """

    true: Array
    candidate: Array
    baseline: Array
    scores: tuple[NDArray[np.float64], NDArray[np.float64]] | None
    slices: dict[str, NDArray[np.bool_]]
    added: int = 0
    removed: int = 0
    gone: Gone | None = None
    labels: Array | None = None

    @property
    def n(self) -> int:
        """Number of paired examples."""
        return self.candidate.size

    @classmethod
    def within(cls, arrays: Arrays) -> Self:
        """Pair the predictions or scores of two models that one recording call received."""
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
        theirs: Arrays of the baseline's run.
        by_position: Whether to pair by position rather than by id.
        ids_given: Whether both runs recorded ids.
        all_of_baseline: Whether to refuse if the candidate lacks examples of the baseline.

    Raises:
        EvidenceError: there are no ids, duplicate ids, different lengths, no common examples, missing
            examples, or different true values, inputs or slices.
    """
    answers = _answers(ours)
    _check(theirs, answers)
    first, second = _positions(ours, theirs) if by_position else _by_id(ours, theirs, ids_given=ids_given)
    candidate, baseline = ours[answers][first], theirs[answers][second]
    added, removed = ours[answers].size - candidate.size, theirs[answers].size - baseline.size
    if removed and all_of_baseline:
        raise EvidenceError(
            f"{removed:,} of its {theirs[answers].size:,} examples are missing in the candidate's run; "
            "removed_cases: fail requires all of them"
        )
    true = ours["y_true"][first] if "y_true" in ours else np.zeros(candidate.size)
    if "y_true" in ours and "y_true" in theirs:
        _same("true value", true, theirs["y_true"][second])
    if CASES in theirs:
        if CASES not in ours:
            raise EvidenceError(
                "it recorded hashes of its inputs and the candidate did not; pass inputs= in this run too"
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
        gone=_gone(theirs, second) if removed else None,
        labels=_every_label(ours["y_true"], ours[answers], theirs[answers]) if answers == "y_pred" else None,
    )


def _gone(theirs: Arrays, paired: Index) -> Gone:
    mask = np.ones(theirs["ids"].size, dtype=np.bool_)
    mask[paired] = False
    true = theirs["y_true"][mask] if "y_true" in theirs else None
    return Gone(true=true, slices=_slices(theirs, mask), n=int(mask.sum()))


def _every_label(*columns: Array) -> Array:
    return np.unique(np.concatenate(columns))


def _check(theirs: Arrays, answers: str) -> None:
    """Refuse baseline arrays that the recorder cannot have written."""
    needed = {"ids", answers} | ({"y_true"} if answers == "y_pred" else set())
    if missing := needed - theirs.keys():
        raise EvidenceError(f"its arrays have no {min(missing)}; expected the arrays of a recorded run")
    n = theirs["ids"].size
    if not n or any(array.shape[:1] != (n,) for array in theirs.values()):
        raise EvidenceError("its arrays are empty or have different lengths; measure the baseline again")
    if theirs[answers].dtype.kind == "f" and not np.isfinite(theirs[answers]).all():
        raise EvidenceError("its predictions have NaN or infinite values; measure the baseline again")


def _positions(ours: Arrays, theirs: Arrays) -> tuple[Index, Index]:
    sizes = ours["ids"].size, theirs["ids"].size
    if sizes[0] != sizes[1]:
        raise EvidenceError(
            f"it has {sizes[1]:,} examples and the candidate {sizes[0]:,}; pairing by position requires "
            "equal numbers, so record ids"
        )
    return slice(None), slice(None)


def _by_id(ours: Arrays, theirs: Arrays, *, ids_given: bool) -> tuple[Index, Index]:
    if not ids_given:
        raise EvidenceError(
            "there are no ids to pair examples by; record them with ids=, or set baseline.pair_by: position"
        )
    left, right = ours["ids"], theirs["ids"]
    if (left.dtype.kind == "U") != (right.dtype.kind == "U"):
        raise EvidenceError("the ids are text in one run and numbers in the other; expected the same kind")
    if np.array_equal(left, right):
        return slice(None), slice(None)
    if np.unique(right).size < right.size:
        raise EvidenceError("it has duplicate ids; expected unique ids, one per example")
    _, first, second = np.intersect1d(left, right, assume_unique=True, return_indices=True)
    if not first.size:
        raise EvidenceError("it has no examples in common with the candidate's run; check the ids")
    # In the candidate's order, so that the pairing does not depend on the order of ids.
    order = np.argsort(first, kind="stable")
    return first[order], second[order]


def _answers(arrays: Arrays) -> str:
    return "y_pred" if "y_pred" in arrays else "values"


def _same(what: str, ours: Array, theirs: Array) -> None:
    differs = ours != theirs
    if differs.any():
        raise EvidenceError(
            f"the {what} of {int(differs.sum()):,} of {ours.size:,} common examples differs between the "
            "runs, so the data has changed; measure the baseline again"
        )


def _scores(ours: Array | None, theirs: Array | None) -> tuple[Array, Array] | None:
    return None if ours is None or theirs is None else (ours, theirs)


def _slices(arrays: Arrays, chosen: Index) -> dict[str, NDArray[np.bool_]]:
    return {name.removeprefix(SLICE): mask[chosen] for name, mask in arrays.items() if name.startswith(SLICE)}
