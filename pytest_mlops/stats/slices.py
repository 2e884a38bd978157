"""One set of metrics on every slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.stats.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["EMPTY", "by_slice"]

EMPTY = "no examples in the slice"


def by_slice(
    measure: Callable[[NDArray[np.bool_]], dict[str, Estimate]], masks: Mapping[str, NDArray[np.bool_]]
) -> tuple[tuple[str, str, Estimate], ...]:
    """Return (metric, slice, estimate) for every metric that the first slice, which is not empty, has.

    Args:
        measure: Takes a mask with at least one example, returns metric name to estimate.
        masks: Slice name to boolean mask (n,).
    """
    found = {name: measure(mask) for name, mask in masks.items() if mask.any()}
    metrics = next(iter(found.values()))
    nothing = dict.fromkeys(metrics, Estimate(n=0, undefined=EMPTY))
    return tuple((metric, name, found.get(name, nothing)[metric]) for name in masks for metric in metrics)
