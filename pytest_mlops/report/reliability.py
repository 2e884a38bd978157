"""Reliability curves from the arrays beside a record: stated probability against what came true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.errors import EvidenceError, RecordingError
from pytest_mlops.evidence.arrays import load_arrays
from pytest_mlops.metrics.labels import Labels
from pytest_mlops.stats.binomial import lower_bound, upper_bound
from pytest_mlops.stats.calibration import calibration
from pytest_mlops.stats.seeds import seed_from

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.records.measurement import ArrayRef

__all__ = ["Curve", "CurveBin", "reliability_curves"]

BINS = 10
REPLICATES = 99
"""Label vectors drawn for the error that perfect calibration would show."""
LARGEST = 256 * 1024 * 1024
"""Bytes of an arrays file beyond which its curve is left out: a report is no place to wait."""
LEVEL = 0.975
"""One-sided level of the bounds, which makes the interval one of 95 %."""
BY_LABEL = ("precision", "recall", "f1")
"""Metrics whose notes say which label is the positive one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CurveBin:
    """Examples of about the same stated probability, and the share of them for which it came true."""

    n: int
    probability: float
    observed: float
    lower: float
    upper: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """The reliability curve of one set of predictions.

    Attributes:
        title: Data set, or the test that recorded it.
        event: What the probability is of.
        n: Examples.
        ece: Expected calibration error over the bins.
        chance: The mean of that error under perfect calibration, at this n.
        bins: Equal-mass bins, by probability.
    """

    title: str
    event: str
    n: int
    ece: float
    chance: float
    bins: tuple[CurveBin, ...]


def reliability_curves(
    record: IntegrationResult, folder: Path | None, *, most: int = 6
) -> tuple[list[Curve], list[str]]:
    """Return the curves of every data set with probabilities, and why others could not be drawn.

    Args:
        record: The record.
        folder: Where the arrays lie, as ``<digest>.npz``; ``None`` where they are not to be looked for.
        most: Curves at most.
    """
    scored = [ref for ref in record.arrays if "y_score" in ref.fields]
    if folder is None or not scored:
        return [], []
    curves, notes = [], []
    for ref in scored[:most]:
        title = ref.dataset or ref.test
        try:
            curves.append(_curve(title, ref, folder, _positive_note(record, ref)))
        except (EvidenceError, RecordingError, ValueError, TypeError, IndexError) as error:
            notes.append(f"{title}: no reliability curve, since {error}")
    if len(scored) > most:
        notes.append(f"{len(scored) - most} more data sets with probabilities are in the record")
    return curves, notes


def _positive_note(record: IntegrationResult, ref: ArrayRef) -> str | None:
    for found in record.measurements:
        if (found.test, found.dataset) == (ref.test, ref.dataset) and found.name in BY_LABEL:
            return found.note
    return None


def _curve(title: str, ref: ArrayRef, folder: Path, note: str | None) -> Curve:
    if ref.size > LARGEST:
        raise EvidenceError(f"its arrays have {ref.size:,} bytes, more than {LARGEST:,}")
    arrays = load_arrays(folder / f"{ref.digest}.npz")
    event, probability, what = _events(arrays, note)
    found = calibration(event, probability, seed=seed_from(ref.digest), bins=BINS, replicates=REPLICATES)
    bins = tuple(
        CurveBin(
            n=one.count,
            probability=one.probability,
            observed=one.observed,
            lower=lower_bound(round(one.observed * one.count), one.count, LEVEL),
            upper=upper_bound(round(one.observed * one.count), one.count, LEVEL),
        )
        for one in found.bins
    )
    return Curve(title=title, event=what, n=found.n, ece=found.ece, chance=found.null_mean, bins=bins)


def _events(
    arrays: Mapping[str, NDArray[Any]], note: str | None
) -> tuple[NDArray[np.bool_], NDArray[np.float64], str]:
    """Return whether the event happened (n,), its stated probability (n,), and what the event is."""
    missing = sorted({"y_true", "y_pred", "y_score"} - arrays.keys())
    if missing:
        raise EvidenceError(f"its arrays lack {', '.join(missing)}")
    true, pred, score = arrays["y_true"], arrays["y_pred"], arrays["y_score"].astype(np.float64)
    if not (true.ndim == pred.ndim == 1 and true.shape == pred.shape == score.shape[:1]):
        raise EvidenceError("its arrays differ in length")
    labels = Labels.of(true, pred, None)
    named = [label for label in labels.classes if note == f"binary, positive={label!r}"]
    labels = Labels.of(true, pred, named[0]) if named else labels
    if score.ndim == 2 and score.shape[1] != 2:
        top = score.argmax(axis=1)
        return labels.true == top, score[np.arange(len(score)), top], "the most probable class"
    reference = 1 if labels.positive is None else labels.positive
    if score.ndim == 2:
        score = score[:, reference]
    elif labels.positive is None:
        raise EvidenceError("the record does not say which label its probabilities are of")
    return labels.true == reference, score, f"label {labels.classes[reference]!r}"
