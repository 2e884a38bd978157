"""Slices of data: creation from columns, metrics per slice, and the search for weak slices."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.errors import RecordingError
from pytest_mlops.metrics.columns import MAX_SLICES, check_length, read_array, read_column, read_numbers
from pytest_mlops.names import ALL
from pytest_mlops.stats.estimate import Estimate
from pytest_mlops.stats.weak_slices import weak_slices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pytest_mlops.metrics.predictions import Predictions

__all__ = [
    "EMPTY",
    "MOST_SHOWN",
    "by_slice",
    "slices_by",
    "weak_spots",
]


class SliceMasks(dict[str, "Mask"]):
    """Slice name -> mask (n,), with the index of the data frame that the masks were made from."""

    def __init__(self, index: object) -> None:
        super().__init__()
        self.index = index


def slices_by(
    columns: Mapping[str, object],
    *,
    values: Sequence[str] = (),
    bins: Mapping[str, int | Sequence[float]] | None = None,
    where: Mapping[str, object] | None = None,
) -> dict[str, Mask]:
    """Create slices for ``mlops.predictions(..., slices=...)``.

    Args:
        columns: Column name -> values (n,), such as a data frame.
        values: Columns with one slice per distinct value, named ``column=value``.
        bins: Column -> inner edges, or the number of equal-mass bins. The slices are named ``column<a``,
            ``a<=column<b``, ``column>=b``.
        where: Slice name -> mask (n,), or a function of ``columns`` that returns one.

    Returns:
        Slice name -> mask (n,), in the order of the arguments.

    Raises:
        RecordingError: an unknown column, a duplicate slice name, edges that do not increase, binned values
            that are not numbers, more than 1,000 slices, or no slices.
    """
    found = SliceMasks(getattr(columns, "index", None))
    for name in values:
        column = read_column(name, _column(columns, name))
        kinds = np.unique(column)
        if kinds.size > MAX_SLICES:
            raise RecordingError(
                f"{name} has {kinds.size:,} distinct values; expected at most {MAX_SLICES:,}, so use bins="
            )
        _add(found, {f"{name}={kind}": column == kind for kind in kinds.tolist()})
    for name, edges in (bins or {}).items():
        _add(found, _binned(name, read_numbers(name, _column(columns, name)), edges))
    for name, condition in (where or {}).items():
        _add(found, {name: _mask(name, condition(columns) if callable(condition) else condition)})
    if not found:
        raise RecordingError("no slices are defined; pass values, bins or where")
    n = next(iter(found.values())).size
    for name, mask in found.items():
        check_length(f"slice {name!r}", mask.size, n)
    if len(found) > MAX_SLICES:
        raise RecordingError(f"got {len(found):,} slices; expected at most {MAX_SLICES:,}")
    return found


def _column(columns: Mapping[str, object], name: str) -> object:
    try:
        return columns[name]
    except (KeyError, IndexError, ValueError) as error:
        known = ", ".join(map(str, list(columns)[:10]))
        raise RecordingError(f"there is no column {name!r}; expected one of {known}") from error


def _binned(name: str, column: NDArray[np.float64], edges: int | Sequence[float]) -> dict[str, Mask]:
    if isinstance(edges, int):
        if edges < 2:
            raise RecordingError(f"bins of {name} is {edges}; expected at least 2, or a list of edges")
        cuts = np.unique(np.quantile(column, np.arange(1, edges) / edges))
        cuts = cuts[cuts > column.min()]  # no values below the minimum
    else:
        cuts = np.asarray(edges, dtype=np.float64)
        if not (cuts.ndim == 1 and np.isfinite(cuts).all() and (np.diff(cuts) > 0).all()):
            raise RecordingError(f"the edges of {name} are {list(edges)}; expected increasing finite numbers")
    if not cuts.size:
        raise RecordingError(f"bins of {name} has no edges; expected at least one, and two distinct values")
    index = np.searchsorted(cuts, column, side="right")
    texts = [f"{cut:.6g}" for cut in cuts.tolist()]
    names = [f"{name}<{texts[0]}"]
    names += [f"{low}<={name}<{high}" for low, high in pairwise(texts)]
    names.append(f"{name}>={texts[-1]}")
    return {label: index == number for number, label in enumerate(names)}


def _mask(name: str, value: Any) -> Mask:
    mask = read_array(f"where[{name!r}]", value)
    if mask.ndim != 1 or mask.dtype.kind != "b":
        got = f"dtype {mask.dtype} and shape {mask.shape}"
        raise RecordingError(f"where[{name!r}] returned {got}; expected booleans, one per example")
    return mask.astype(np.bool_)


def _add(found: dict[str, Mask], more: Mapping[str, Mask]) -> None:
    twice = sorted(found.keys() & more.keys())
    if twice:
        raise RecordingError(f"two slices are named {twice[0]!r}; rename one of them")
    found.update(more)


MOST_SHOWN = 10
"""Maximum number of weak slices that are kept, those with the largest gaps."""
PAIR_BUDGET = 20_000_000
"""Maximum examples × pairs of slices for which pairs are searched, about a fifth of a second."""


def weak_spots(found: Predictions) -> list[dict[str, Any]]:
    """Search slices and (within a budget) pairs of slices on which the model performs worse than on the rest.

    The score of an example is whether its label is correct, or the negative absolute error of its value.

    Returns:
        The fields of :class:`~pytest_mlops.records.measurement.WeakSpot`, in JSON types.
    """
    slices = {name: found.arrays[f"slice:{name}"] for name in found.slice_sizes if name != ALL}
    if not slices:
        return []
    affordable = found.n * len(slices) * (len(slices) - 1) // 2 <= PAIR_BUDGET
    weak = weak_slices(_scores(found.arrays, found.task), slices, pairs=affordable)[:MOST_SHOWN]
    return [{"slice": one.name, "n": one.n, "value": one.mean, "rest": one.rest, "q": one.q} for one in weak]


def _scores(arrays: Mapping[str, NDArray[Any]], task: str) -> NDArray[np.float64]:
    """Return one score per example (n,), higher better."""
    true, predicted = arrays["y_true"], arrays["y_pred"]
    if task == "classification":
        return np.asarray(true == predicted, dtype=np.float64)
    return -np.abs(true.astype(np.float64) - predicted.astype(np.float64))


EMPTY = "no examples in the slice"


def by_slice(
    measure: Callable[[NDArray[np.bool_]], dict[str, Estimate]], masks: Mapping[str, NDArray[np.bool_]]
) -> tuple[tuple[str, str, Estimate], ...]:
    """Measure all metrics on every slice; on an empty slice they are undefined.

    Args:
        measure: Takes a mask with at least one example, returns metric name -> estimate.
        masks: Slice name -> boolean mask (n,); the first slice must not be empty.

    Returns:
        (metric, slice, estimate), slice by slice.
    """
    found = {name: measure(mask) for name, mask in masks.items() if mask.any()}
    metrics = next(iter(found.values()))
    nothing = dict.fromkeys(metrics, Estimate(n=0, undefined=EMPTY))
    return tuple((metric, name, found.get(name, nothing)[metric]) for name in masks for metric in metrics)
