"""Comparing versions: pair the examples of two runs, and measure how far the models differ on them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.errors import EvidenceError, RecordingError
from pytest_mlops.gate.arrays import load_arrays
from pytest_mlops.gate.baseline import RUN, Baseline, find_baseline
from pytest_mlops.metrics.paired import (
    PairedDelta,
    compare_classification,
    compare_regression,
    compare_values,
)
from pytest_mlops.metrics.pairing import Pairing, pair_examples
from pytest_mlops.records.comparison import BaselineRef, Comparison, Delta
from pytest_mlops.stats.seeds import seed_from

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from pytest_mlops.records.measurement import ArrayRef
    from pytest_mlops.records.model import ModelVersion
    from pytest_mlops.records.policy import BaselineSettings

    Arrays = Mapping[str, NDArray[Any]]

__all__ = ["compare_with_baseline"]


def compare_with_baseline(
    settings: BaselineSettings,
    arrays: Sequence[ArrayRef],
    version: ModelVersion | None,
    *,
    folder: Path,
    own: Path,
) -> Comparison:
    """Compare a candidate's run with the baseline that the settings lead to.

    Args:
        settings: Where to look, and how to pair.
        arrays: What the candidate's tests recorded.
        version: The candidate.
        folder: Folder of ``mlops.yaml``.
        own: Folder of the candidate's arrays.
    """
    in_run = any("baseline" in array.fields for array in arrays)
    try:
        baseline = find_baseline(settings.sources, folder, own=own, in_run=in_run)
        if baseline is None:
            return Comparison(status="first_run", message="there is no baseline yet (first run)")
        reference = _reference(baseline)
        _refuse_itself(reference, version)
        return _compare(settings, arrays, baseline, reference, own)
    except (EvidenceError, RecordingError) as error:
        return Comparison(status="refused", message=f"the baseline cannot be compared with: {error}")


def _reference(baseline: Baseline) -> BaselineRef:
    record = baseline.record
    version = record.model_version if record is not None else None
    return BaselineRef(
        source=baseline.source,
        run_id=None if record is None else record.run_id,
        model_id=None if version is None else version.model_id,
        version_id=None if version is None else version.version_id,
        digest=None if version is None else version.digest,
    )


def _refuse_itself(reference: BaselineRef, version: ModelVersion | None) -> None:
    if version is None or reference.source == RUN:
        return
    same_bytes = version.digest is not None and version.digest == reference.digest
    same_name = (version.model_id, version.version_id) == (reference.model_id, reference.version_id)
    if same_bytes or same_name:
        what = "the same bytes" if same_bytes else f"the same version, {version.version_id}"
        raise EvidenceError(f"it is {what} as the candidate, and a model compared with itself shows nothing")


def _compare(
    settings: BaselineSettings,
    arrays: Sequence[ArrayRef],
    baseline: Baseline,
    reference: BaselineRef,
    own: Path,
) -> Comparison:
    theirs = {_name(array): array for array in (baseline.record.arrays if baseline.record else ())}
    deltas: list[Delta] = []
    paired = added = removed = 0
    for array in arrays:
        pairing = _pair(settings, array, theirs.get(_name(array)), baseline, own)
        if pairing is None:
            continue
        paired, added, removed = (
            paired + pairing.n,
            added + pairing.added,
            removed + pairing.removed,
        )
        seed = seed_from(array.digest, reference.digest or reference.source)
        found = _measure(array, pairing, settings.confidence, seed)
        deltas += [Delta(**asdict(delta), dataset=array.dataset) for delta in found]
    if not deltas:
        raise EvidenceError("both versions recorded no predictions of the same data set")
    return Comparison(
        status="compared",
        baseline=reference,
        confidence=settings.confidence,
        paired=paired,
        added=added,
        removed=removed,
        deltas=tuple(deltas),
    )


def _name(array: ArrayRef) -> tuple[str, str | None]:
    """What makes recordings of two runs the same one: the score's name, and the data set."""
    return (array.name or "", array.dataset)


def _pair(
    settings: BaselineSettings,
    array: ArrayRef,
    other: ArrayRef | None,
    baseline: Baseline,
    own: Path,
) -> Pairing | None:
    ours = load_arrays(own / f"{array.digest}.npz")
    if baseline.source == RUN:
        return Pairing.within(ours) if "baseline" in ours else None
    if other is None:
        return None
    return pair_examples(
        ours,
        load_arrays(baseline.arrays / f"{other.digest}.npz"),
        by_position=settings.pair_by == "position",
        ids_given=array.ids == other.ids == "given",
        all_of_baseline=settings.removed_cases == "fail",
    )


def _measure(array: ArrayRef, pairing: Pairing, confidence: float, seed: int) -> list[PairedDelta]:
    if array.task == "score":
        return compare_values(
            array.name or "score",
            pairing.candidate,
            pairing.baseline,
            slices=pairing.slices,
            confidence=confidence,
        )
    if array.task == "regression":
        return compare_regression(
            pairing.true.astype(np.float64),
            pairing.candidate.astype(np.float64),
            pairing.baseline.astype(np.float64),
            slices=pairing.slices,
            confidence=confidence,
        )
    return compare_classification(
        pairing.true,
        pairing.candidate,
        pairing.baseline,
        scores=pairing.scores,
        slices=pairing.slices,
        positive=array.positive,
        confidence=confidence,
        seed=seed,
    )
