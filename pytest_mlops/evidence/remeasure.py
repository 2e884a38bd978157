"""Metrics measured again from the arrays beside a record, and held against those that it states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_mlops.decision.consistency import EXACT_NAMES, close
from pytest_mlops.decision.estimates import measurement_of
from pytest_mlops.errors import EvidenceError, RecordingError
from pytest_mlops.evidence.arrays import load_arrays
from pytest_mlops.metrics.predictions import data_digest, measure_predictions
from pytest_mlops.metrics.scores import measure_sliced_scores
from pytest_mlops.names import ALL, metric_title
from pytest_mlops.records.measurement import Measurement, Origin
from pytest_mlops.stats.estimate import ANY, SHARE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.records.measurement import ArrayRef
    from pytest_mlops.stats.estimate import Estimate

    Arrays = Mapping[str, Any]
    Numbers = Iterator[tuple[str, str, Estimate]]

__all__ = ["check_arrays"]

SLICE = "slice:"
"""Prefix of the arrays that are masks of slices."""


def check_arrays(record: IntegrationResult, ref: ArrayRef, path: Path) -> None:
    """Measure the arrays again and compare.

    Args:
        record: The record.
        ref: What it states of the arrays.
        path: The file of the arrays.

    Raises:
        EvidenceError: the arrays are not as stated, or make other metrics than the record states.
    """
    arrays = load_arrays(path)
    try:
        _check_shape(ref, arrays, path)
        numbers = list(_measure(record, ref, arrays))
    except (RecordingError, KeyError, IndexError, ValueError, TypeError) as error:
        raise EvidenceError(f"the arrays of {ref.test} cannot be measured again: {error}") from error
    known = {each.key: each for each in record.measurements}
    for name, slice_, estimate in numbers:
        stated = known.get((name, slice_, ref.dataset))
        title = metric_title(name, slice_, ref.dataset)
        if stated is not None:
            _compare(stated, estimate, title)
        elif name in EXACT_NAMES:
            raise EvidenceError(f"the arrays of {ref.test} give {title}, which the record does not contain")
    _check_slices(record, ref, arrays)


def _check_shape(ref: ArrayRef, arrays: Arrays, path: Path) -> None:
    if sorted(arrays) != sorted(ref.fields):
        raise EvidenceError(f"{path.name} has the arrays {sorted(arrays)}; the record states {ref.fields}")
    sizes = {len(array) for array in arrays.values()}
    if sizes != {ref.n}:
        raise EvidenceError(f"{path.name} has {sorted(sizes)} examples; the record states {ref.n}")
    if path.stat().st_size != ref.size:
        raise EvidenceError(f"{path.name} has {path.stat().st_size} bytes; the record states {ref.size}")
    if ref.task != "score":
        data = data_digest(arrays["ids"] if ref.ids == "given" else None, arrays["y_true"])
        if data != ref.data:
            raise EvidenceError(f"{path.name} has the data digest {data}; the record states {ref.data}")


def _measure(record: IntegrationResult, ref: ArrayRef, arrays: Arrays) -> Numbers:
    masks = {name.removeprefix(SLICE): mask for name, mask in arrays.items() if name.startswith(SLICE)}
    if ref.task != "score":
        found = measure_predictions(
            arrays["y_true"],
            arrays["y_pred"],
            y_score=arrays.get("y_score"),
            slices=masks or None,
            task=ref.task,
            positive=ref.positive,
        )
        yield from found.numbers
    elif ref.name is not None:
        scores = measure_sliced_scores(
            arrays["values"], slices=masks or None, range=_range_of(record, ref.name, ref.dataset)
        )
        for slice_, estimate in scores.numbers.items():
            yield ref.name, slice_, estimate


def _range_of(record: IntegrationResult, name: str, dataset: str | None) -> tuple[float, float]:
    """Return the range that a score was recorded with, as the basis of its mean states it."""
    key = (name, ALL, dataset)
    basis = next((each.basis for each in record.measurements if each.key == key), None)
    if basis is None or basis.kind == "order_statistics":
        return ANY
    if basis.kind == "binomial":
        return SHARE
    least, most = basis.least, basis.most
    return (ANY[0] if least is None else least, ANY[1] if most is None else most)


def _compare(stated: Measurement, estimate: Estimate, title: str) -> None:
    again = Measurement.model_validate(
        {
            **measurement_of(stated.name, estimate, slice_=stated.slice, origin=stated.origin),
            "dataset": stated.dataset,
            "test": stated.test,
        }
    )
    if (stated.value is None) != (again.value is None) or (
        stated.value is not None and again.value is not None and not close(stated.value, again.value)
    ):
        raise EvidenceError(f"the record states {title} = {stated.value}, but its arrays give {again.value}")
    if stated.n != again.n:
        raise EvidenceError(f"the record states n = {stated.n} for {title}, but its arrays give {again.n}")
    mine, other = stated.basis, again.basis
    if mine is None or other is None or mine.kind != other.kind:
        same = mine is None and other is None
    elif mine.kind == "binomial":
        same = mine == other
    elif mine.kind == "normal" and other.kind == "normal":
        same = close(mine.stderr, other.stderr, tolerance=1e-6)
    else:
        same = True
    if not same:
        raise EvidenceError(f"the record states {mine!r} for {title}, but its arrays give {other!r}")


def _check_slices(record: IntegrationResult, ref: ArrayRef, arrays: Arrays) -> None:
    """Refuse metrics of predictions on slices that the arrays do not have."""
    if ref.task == "score":
        return
    slices = {ALL, *(name.removeprefix(SLICE) for name in arrays if name.startswith(SLICE))}
    for each in record.measurements:
        same = (each.test, each.dataset, each.origin) == (ref.test, ref.dataset, Origin.PREDICTIONS)
        if same and each.slice not in slices:
            raise EvidenceError(f"the record states {each.title}, but its arrays have no slice {each.slice}")
