"""Contradictions among recorded metrics: a value against its counts, bounds, sample size and relatives."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_mlops.names import ALL
from pytest_mlops.records.measurement import Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_mlops.records.comparison import Comparison, Delta
    from pytest_mlops.records.measurement import Basis, Measurement

    Named = Mapping[str, Measurement]

__all__ = ["EXACT_NAMES", "close", "comparison_contradictions", "contradictions"]

UNIT = frozenset({"accuracy", "precision", "recall", "f1", "roc_auc"})
"""Metrics of predictions that lie in 0..1."""
ERRORS = frozenset({"mae", "mse", "rmse", "log_loss", "brier"})
"""Metrics of predictions that are at least 0."""
EXACT_NAMES = frozenset({"accuracy", "mae", "mse", "rmse"})
"""Metrics of predictions whose definition does not depend on which labels occur."""
CONFUSION = frozenset({"accuracy", "precision", "recall", "f1"})
"""Metrics of predictions that come from one confusion matrix."""
QUANTILES = ("latency_p50_ms", "latency_p95_ms", "latency_p99_ms")


def close(one: float, other: float, *, tolerance: float = 1e-9) -> bool:
    """Return whether two numbers are equal up to rounding on another platform."""
    return math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance * 1e-3)


def contradictions(measurements: Sequence[Measurement]) -> list[str]:
    """Return a sentence for each metric that contradicts itself or another metric of the same test."""
    groups: dict[tuple[str, str, str | None], dict[str, Measurement]] = {}
    for each in measurements:
        groups.setdefault((each.test, each.slice, each.dataset), {})[each.name] = each
    found = [text for each in measurements for text in _of_one(each)]
    for (test, slice_, dataset), named in groups.items():
        whole = groups.get((test, ALL, dataset), {})
        found += _of_sizes(named, whole if slice_ != ALL else {})
        found += _of_predictions(_from(named, Origin.PREDICTIONS))
        found += _of_latencies(_from(named, Origin.LATENCIES))
    return found


def _of_one(each: Measurement) -> Iterator[str]:
    """Hold a value against what stands beside it in its own entry."""
    value, basis, title = each.value, each.basis, each.title
    if value is None:
        if basis is not None:
            yield f"{title} is undefined, but has the basis of an interval"
        return
    if each.n == 0:
        yield f"{title} is {value:g} with n = 0"
    if each.origin is Origin.PREDICTIONS and (
        (each.name in UNIT and not 0 <= value <= 1) or (each.name in ERRORS and value < 0)
    ):
        yield f"{title} is {value:g}, which no predictions have"
    if basis is not None:
        yield from _of_basis(each, value, basis)


def _of_basis(each: Measurement, value: float, basis: Basis) -> Iterator[str]:
    """Hold a value against the statistics of its interval."""
    title = each.title
    if basis.kind == "binomial":
        if not close(value, basis.successes / basis.trials):
            yield (
                f"{title} is {value:g}, but its counts are {basis.successes} of {basis.trials}, "
                f"{basis.successes / basis.trials:g}"
            )
        if each.n is not None and basis.trials > each.n:
            yield f"{title} has {basis.trials} trials, but n = {each.n}"
    elif basis.kind == "normal":
        least = -math.inf if basis.least is None else basis.least
        most = math.inf if basis.most is None else basis.most
        if not (least <= value <= most or close(value, least) or close(value, most)):
            yield f"{title} is {value:g}, but its range is {least:g}..{most:g}"
    else:
        ordered = [*reversed(_by_level(basis.lower)), value, *_by_level(basis.upper)]
        if any(low > high and not close(low, high) for low, high in pairwise(ordered)):
            yield f"{title} is {value:g}, but the bounds of its quantile do not lie around it"


def _by_level(bounds: Mapping[str, float]) -> list[float]:
    """Return bounds by increasing confidence level; levels that are no numbers come last."""

    def level(key: str) -> float:
        try:
            return float(key)
        except ValueError:
            return math.inf

    return [bounds[key] for key in sorted(bounds, key=level)]


def _of_sizes(named: Named, whole: Named) -> Iterator[str]:
    """Hold the sample size of a slice against that of the whole."""
    for name, each in named.items():
        size = None if name not in whole else whole[name].n
        if each.n is not None and size is not None and each.n > size:
            yield f"{each.title} has n = {each.n}, but the whole has n = {size}"


def _of_predictions(named: Named) -> Iterator[str]:
    """Hold accuracy, precision, recall and F1 against the one confusion matrix they come from."""
    accuracy = _counts(named.get("accuracy"))
    if accuracy is not None and named["accuracy"].n not in {None, accuracy[1]}:
        yield f"{named['accuracy'].title} has {accuracy[1]} trials, but n = {named['accuracy'].n}"
    sizes = {name: each.n for name, each in named.items() if name in CONFUSION and each.n is not None}
    if len(set(sizes.values())) > 1:
        yield f"the metrics of one set of predictions have different n: {sizes}"
    mse, rmse = (_value(named.get(name)) for name in ("mse", "rmse"))
    if mse is not None and rmse is not None and not close(rmse**2, mse, tolerance=1e-6):
        yield f"{named['rmse'].title} is {rmse:g}, but mse is {mse:g}"
    precision, recall = (_counts(named.get(name)) for name in ("precision", "recall"))
    if precision is None or recall is None:
        return
    (hits, selected), (found, relevant) = precision, recall
    if hits != found:
        yield f"{named['precision'].title} has {hits} true positives, but recall has {found}"
        return
    f1 = _value(named.get("f1"))
    if f1 is not None and not close(f1, 2 * hits / (selected + relevant)):
        yield f"{named['f1'].title} is {f1:g}, but the counts make {2 * hits / (selected + relevant):g}"
    if accuracy is not None and accuracy[0] != accuracy[1] - selected - relevant + 2 * hits:
        right = accuracy[1] - selected - relevant + 2 * hits
        yield f"{named['accuracy'].title} has {accuracy[0]} right answers, but the counts make {right}"


def _of_latencies(named: Named) -> Iterator[str]:
    known = [value for name in QUANTILES if (value := _value(named.get(name))) is not None]
    if known != sorted(known):
        titles = [named[name].title for name in QUANTILES if name in named]
        yield f"{', '.join(titles)} are {', '.join(f'{each:g}' for each in known)}, which do not increase"


def comparison_contradictions(
    comparison: Comparison | None, measurements: Iterable[Measurement]
) -> Iterator[str]:
    """Hold each difference against its own parts, and against the metric recorded on the same examples."""
    if comparison is None:
        return
    known = {each.key: each for each in measurements}
    for delta in comparison.deltas:
        yield from _of_delta(delta, comparison, known.get(delta.key))


def _of_delta(delta: Delta, comparison: Comparison, recorded: Measurement | None) -> Iterator[str]:
    if delta.n > comparison.paired:
        yield f"Δ{delta.title} has n = {delta.n}, but {comparison.paired} examples were paired"
    change, ours, theirs = delta.delta, delta.candidate, delta.baseline
    if change is None or ours is None or theirs is None or delta.lower is None or delta.upper is None:
        return
    scale = max(1.0, abs(ours), abs(theirs))
    if abs(change - (ours - theirs)) > 1e-6 * scale:
        yield f"Δ{delta.title} is {change:g}, but {ours:g} - {theirs:g} is {ours - theirs:g}"
    if delta.lower > delta.upper and not close(delta.lower, delta.upper):
        yield f"Δ{delta.title} has the lower bound {delta.lower:g} above the upper bound {delta.upper:g}"
    whole = recorded is not None and not comparison.added and recorded.n == delta.n
    value = _value(recorded) if whole and delta.metric in EXACT_NAMES else None
    if value is not None and not close(value, ours, tolerance=1e-6):
        yield f"Δ{delta.title} compares {ours:g}, but {value:g} was recorded"


def _from(named: Named, origin: Origin) -> dict[str, Measurement]:
    return {name: each for name, each in named.items() if each.origin is origin}


def _counts(each: Measurement | None) -> tuple[int, int] | None:
    if each is None or each.value is None or each.basis is None or each.basis.kind != "binomial":
        return None
    return each.basis.successes, each.basis.trials


def _value(each: Measurement | None) -> float | None:
    return None if each is None else each.value
