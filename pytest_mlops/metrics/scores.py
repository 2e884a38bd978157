"""Means of per-example scores and losses, and quantiles of latencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlops.metrics.alignment import check_same_index
from pytest_mlops.metrics.columns import check_length, check_within, read_ids, read_numbers, read_slices
from pytest_mlops.metrics.predictions import LARGEST, data_digest
from pytest_mlops.metrics.slicing import EMPTY
from pytest_mlops.names import ALL
from pytest_mlops.stats.estimate import NOT_NEGATIVE, SHARE, Estimate
from pytest_mlops.stats.quantile import quantile_estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Scores", "measure_latencies", "measure_scores", "measure_sliced_scores"]

SCALE_HINT = "rescale them, or set range= to their possible values"


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """Means and arrays of one per-example score.

    Attributes:
        numbers: Slice name -> mean, ``all`` first.
        arrays: ``values``, ``ids``, ``baseline`` if given, and ``slice:NAME`` per slice.
        data: SHA-256 over the ids, as hex.
    """

    numbers: dict[str, Estimate]
    arrays: dict[str, NDArray[Any]]
    data: str


def measure_sliced_scores(
    values: object,
    *,
    ids: object = None,
    slices: object = None,
    baseline: object = None,
    range: tuple[float, float] = SHARE,  # noqa: A002 -- the range of a score
) -> Scores:
    """Measure the mean of per-example scores, overall and per slice.

    Args:
        values: Scores (n,).
        ids: Unique example ids (n,), text or integers; by default positions.
        slices: Slice name -> boolean mask (n,), or one slice name per example (n,).
        baseline: Scores of the baseline (n,).
        range: Smallest and largest possible score.

    Raises:
        RecordingError: an argument is not valid evidence; the message names it.
    """
    check_same_index(values=values, ids=ids, slices=slices, baseline=baseline)
    scores = read_numbers("values", values)
    known = np.arange(scores.size) if ids is None else read_ids(ids, scores.size)
    masks = {} if slices is None else read_slices(slices, scores.size)
    arrays: dict[str, NDArray[Any]] = {"values": scores, "ids": known}
    if baseline is not None:
        arrays["baseline"] = read_numbers("baseline", baseline)
        check_length("baseline", arrays["baseline"].size, scores.size)
        check_within("baseline", arrays["baseline"], *range, fix=SCALE_HINT)
    numbers = {ALL: measure_scores(scores, range=range)}
    for name, mask in masks.items():
        empty = Estimate(n=0, undefined=EMPTY)
        numbers[name] = measure_scores(scores[mask], range=range) if mask.any() else empty
    return Scores(
        numbers=numbers,
        arrays=arrays | {f"slice:{name}": mask for name, mask in masks.items()},
        data=data_digest(None if ids is None else known, np.zeros(scores.size)),
    )


def measure_scores(values: object, *, range: tuple[float, float] = SHARE) -> Estimate:  # noqa: A002
    """Measure the mean of per-example scores; scores that are all 0 or 1 form a binomial proportion.

    Args:
        values: Scores (n,).
        range: Smallest and largest possible score.

    Raises:
        RecordingError: ``values`` is not valid evidence.
    """
    scores = read_numbers("values", values)
    check_within("values", scores, *range, fix=SCALE_HINT)
    if range == SHARE and ((scores == 0) | (scores == 1)).all():
        return Estimate.share(int(scores.sum()), scores.size)
    return Estimate.mean(scores, range=range)


def measure_latencies(seconds: object) -> list[tuple[str, Estimate]]:
    """Measure latency_mean_ms, latency_p50_ms, latency_p95_ms and latency_p99_ms.

    Args:
        seconds: Time of each prediction in seconds (n,), finite and not negative. Quantiles are order
            statistics; at 95 % confidence their bounds need 59 times for p95 and 299 for p99.

    Raises:
        RecordingError: ``seconds`` is not valid evidence.
    """
    times = read_numbers("seconds", seconds)
    check_within("seconds", times, 0, LARGEST, "pass durations in seconds")
    milliseconds = times * 1000
    quantiles = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return [
        ("latency_mean_ms", Estimate.mean(milliseconds, range=NOT_NEGATIVE)),
        *((f"latency_{name}_ms", quantile_estimate(milliseconds, q)) for name, q in quantiles.items()),
    ]
