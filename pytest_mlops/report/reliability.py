"""Reliability curves from the arrays of a record: predicted probability against observed frequency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.errors import EvidenceError, RecordingError
from pytest_mlops.evidence.arrays import load_arrays
from pytest_mlops.metrics.labels import Labels
from pytest_mlops.names import BINARY
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
"""Simulated label vectors for the calibration error under perfect calibration."""
LARGEST = 256 * 1024 * 1024
"""Maximum size of an arrays file in bytes; a larger one would delay the report and gets no curve."""
LEVEL = 0.975
"""One-sided level of the bounds, for a two-sided interval of 95 %."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CurveBin:
    """One bin of a reliability curve.

    Attributes:
        n: Number of examples.
        probability: Mean predicted probability.
        observed: Observed frequency of the event.
        lower: Lower end of its two-sided 95 % interval.
        upper: Upper end of the interval.
    """

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
        event: The event that the probabilities are for.
        n: Number of examples.
        ece: Expected calibration error over the bins.
        chance: Mean of that error under perfect calibration at this n.
        bins: Equal-mass bins, sorted by probability.
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
    """Return the curve of each data set with probabilities, and the reasons for missing curves.

    Args:
        record: The record.
        folder: Folder of the arrays, as ``<digest>.npz``; ``None`` returns no curves.
        most: Maximum number of curves.
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
            notes.append(f"{title}: no reliability curve: {error}")
    if len(scored) > most:
        notes.append(f"{len(scored) - most} more data sets with probabilities are in the record")
    return curves, notes


def _positive_note(record: IntegrationResult, ref: ArrayRef) -> str | None:
    for found in record.measurements:
        if (found.test, found.dataset) == (ref.test, ref.dataset) and found.name in BINARY:
            return found.note
    return None


def _curve(title: str, ref: ArrayRef, folder: Path, note: str | None) -> Curve:
    if ref.size > LARGEST:
        raise EvidenceError(f"its arrays have {ref.size:,} bytes; expected at most {LARGEST:,}")
    arrays = load_arrays(folder / f"{ref.digest}.npz")
    event, probability, what = _events(arrays, note, ref.labels)
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
    arrays: Mapping[str, NDArray[Any]], note: str | None, known: tuple[object, ...] | None
) -> tuple[NDArray[np.bool_], NDArray[np.float64], str]:
    """Return whether the event happened (n,), its predicted probability (n,), and the event's name."""
    missing = sorted({"y_true", "y_pred", "y_score"} - arrays.keys())
    if missing:
        raise EvidenceError(f"its arrays lack {', '.join(missing)}")
    true, pred, score = arrays["y_true"], arrays["y_pred"], arrays["y_score"].astype(np.float64)
    if not (true.ndim == pred.ndim == 1 and true.shape == pred.shape == score.shape[:1]):
        raise EvidenceError("its arrays have different lengths")
    every = None if known is None else list(known)
    labels = Labels.of(true, pred, known=every)
    named = [label for label in labels.classes if note == f"binary, positive={label!r}"]
    labels = Labels.of(true, pred, named[0], known=every) if named else labels
    if score.ndim == 2 and score.shape[1] != 2:
        top = score.argmax(axis=1)
        return labels.true == top, score[np.arange(len(score)), top], "the most probable class"
    reference = 1 if labels.positive is None else labels.positive
    if score.ndim == 2:
        score = score[:, reference]
    elif labels.positive is None:
        raise EvidenceError("the record does not name the label of its probabilities")
    return labels.true == reference, score, f"label {labels.classes[reference]!r}"
