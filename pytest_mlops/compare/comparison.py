"""Comparing versions: pair the examples of two runs, and measure how far the models differ on them."""

from __future__ import annotations

import math
from dataclasses import asdict
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlops.compare.baseline import NoBaseline
from pytest_mlops.compare.sources import RUN, find_baseline, refuse_stale
from pytest_mlops.errors import EvidenceError, IoError, RecordingError
from pytest_mlops.evidence.arrays import load_arrays
from pytest_mlops.metrics.paired import (
    REPLICATES,
    compare_classification,
    compare_regression,
    compare_values,
)
from pytest_mlops.metrics.pairing import Pairing, pair_examples
from pytest_mlops.metrics.plugin_metrics import compare_plugin_metric
from pytest_mlops.names import ALL
from pytest_mlops.records.comparison import BaselineRef, Comparison, Delta
from pytest_mlops.stats.seeds import seed_from

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from pytest_mlops.compare.baseline import Baseline, Candidate
    from pytest_mlops.metrics.paired_delta import PairedDelta
    from pytest_mlops.metrics.plugin_metrics import MetricFunction
    from pytest_mlops.records.measurement import ArrayRef
    from pytest_mlops.records.model import ModelVersion
    from pytest_mlops.records.policy import BaselineSettings, Policy

__all__ = ["compare_arrays", "compare_with_baseline", "wants_comparison"]

MOST_REPLICATES = 160_000
NO_METRICS: Mapping[str, MetricFunction] = MappingProxyType({})


def wants_comparison(policy: Policy, candidate: Candidate) -> bool:
    """Tell whether there is anything to compare, or a rule or source that asks for it."""
    named = any(source != RUN for source in policy.baseline.sources)
    return named or candidate.has_baseline or any(rule.compares for rule in policy.rules)


def compare_with_baseline(
    policy: Policy,
    candidate: Candidate,
    *,
    now: datetime,
    extra: Mapping[str, MetricFunction] = NO_METRICS,
) -> Comparison:
    """Compare a candidate with the baseline that the policy leads to.

    Args:
        policy: Which sources to ask, how to pair, and how many rules are tested.
        candidate: The run that is judged.
        now: When the candidate was measured, which the age of the baseline is counted to.
        extra: Metrics that plugins define, by name.

    Returns:
        The differences, or why there are none; never an exception for evidence that cannot be used.
    """
    try:
        baseline = find_baseline(policy.baseline.sources, candidate)
        if isinstance(baseline, NoBaseline):
            message = "; ".join(("there is no baseline yet (first run)", *baseline.why))
            return Comparison(status="first_run", message=message)
        refuse_stale(baseline, policy.baseline.max_age_days, now)
        return compare_arrays(policy, candidate, baseline, extra=extra)
    except (EvidenceError, IoError, RecordingError, ValueError, ArithmeticError) as error:
        # The last two stand for errors that no check foresaw: one rule must not cost the run its record.
        return Comparison(status="refused", message=f"the baseline cannot be compared with: {error}")


def compare_arrays(
    policy: Policy,
    candidate: Candidate,
    baseline: Baseline,
    *,
    extra: Mapping[str, MetricFunction] = NO_METRICS,
) -> Comparison:
    """Compare what a candidate recorded with a baseline that was found; arguments as above.

    Raises:
        EvidenceError: the two cannot be compared.
        RecordingError: the labels of both together make no sense.
    """
    settings, reference = policy.baseline, _reference(baseline)
    theirs = {_name(array): array for array in baseline.refs}
    _refuse_itself(reference, candidate.version, same_arrays=_same_arrays(candidate.refs, theirs))
    deltas: list[Delta] = []
    counts = np.zeros(3, dtype=np.int64)
    for array in candidate.refs:
        pairing = _pair(settings, array, theirs.get(_name(array)), baseline, candidate.arrays)
        if pairing is None:
            continue
        counts += (pairing.n, pairing.added, pairing.removed)
        seed = seed_from(array.digest, reference.digest or reference.source)
        found = _measure(array, pairing, settings.confidence, _replicates(policy), seed)
        found += _measure_plugin_metrics(policy, array, pairing, extra, seed)
        deltas += [_delta(delta, array, pairing) for delta in found]
    if not deltas:
        raise EvidenceError(
            "there are no predictions or scores with ids of both versions; record them on the same data set"
        )
    paired, added, removed = counts.tolist()
    return Comparison(
        status="compared",
        baseline=reference,
        confidence=settings.confidence,
        paired=paired,
        added=added,
        removed=removed,
        deltas=tuple(deltas),
    )


def _delta(found: PairedDelta, array: ArrayRef, pairing: Pairing) -> Delta:
    """Return a difference as it is recorded, with the examples of the baseline that it lacks."""
    removed, share = 0, 0.0
    if pairing.gone is not None:
        # A recall is about the positive examples only.
        label = (1 if array.positive is None else array.positive) if found.metric == "recall" else None
        removed = pairing.gone.count(found.slice, label)
        mask = np.ones(pairing.n, np.bool_) if found.slice == ALL else pairing.slices[found.slice]
        kept = int(mask.sum() if label is None else (mask & (pairing.true == label)).sum())
        share = removed / (removed + kept) if removed else 0.0
    return Delta(**asdict(found), dataset=array.dataset, removed=removed, removed_share=share)


def _measure_plugin_metrics(
    policy: Policy, array: ArrayRef, pairing: Pairing, extra: Mapping[str, MetricFunction], seed: int
) -> list[PairedDelta]:
    """Measure the changes of plugins' metrics that rules are about; each costs thousands of calls."""
    if array.task == "score":
        return []
    ruled = {
        (rule.metric, rule.slice)
        for rule in policy.rules
        if rule.compares and rule.metric in extra and rule.dataset in {None, array.dataset}
    }
    return [
        compare_plugin_metric(
            metric,
            extra[metric],
            pairing,
            part,
            confidence=policy.baseline.confidence,
            required=_replicates(policy),
            seed=seed,
        )
        for metric, part in sorted(ruled)
        if part == ALL or part in pairing.slices
    ]


def _replicates(policy: Policy) -> int:
    """Return enough of them for the smallest p value to stand out in the family of all rules."""
    family = sum(rule.compares for rule in policy.rules)
    return min(MOST_REPLICATES, max(REPLICATES, math.ceil(2 * family / policy.baseline.alpha)))


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


def _same_arrays(arrays: Sequence[ArrayRef], theirs: dict[tuple[str, str | None], ArrayRef]) -> bool:
    """Tell whether the baseline recorded the very same predictions throughout."""
    return bool(arrays) and all(
        (other := theirs.get(_name(array))) is not None and other.digest == array.digest for array in arrays
    )


def _refuse_itself(reference: BaselineRef, version: ModelVersion | None, *, same_arrays: bool) -> None:
    if reference.source == RUN:
        return
    own = None if version is None else version.digest
    known = own is not None and reference.digest is not None
    # Different bytes under one name are two models, whose author did not use a new version id.
    named = version is not None and (version.model_id, version.version_id) == (
        reference.model_id,
        reference.version_id,
    )
    if known and own == reference.digest:
        what = "it is the same bytes as the candidate"
    elif not known and version is not None and named:
        what = f"it is the same version as the candidate, {version.version_id}"
    elif not known and same_arrays:
        what = (
            "it predicted exactly what the candidate does, and only model: artifact would distinguish the two"
        )
    else:
        return
    raise EvidenceError(f"{what}, so a model would be compared with itself; compare with another version")


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
    _check_comparable(array, other)
    return pair_examples(
        ours,
        load_arrays(baseline.arrays / f"{other.digest}.npz"),
        by_position=settings.pair_by == "position",
        ids_given=array.ids == other.ids == "given",
        all_of_baseline=settings.removed_cases == "fail",
    )


def _check_comparable(ours: ArrayRef, theirs: ArrayRef) -> None:
    """Refuse numbers that were not made in the same way."""
    for what, first, second in (
        ("task", ours.task, theirs.task),
        ("positive label", ours.positive, theirs.positive),
        ("set of labels", ours.labels or theirs.labels, theirs.labels or ours.labels),
        ("metric or judge", ours.scored_by, theirs.scored_by),
    ):
        if first != second:
            raise EvidenceError(
                f"its {what} is {second}, and the candidate's {first}; measure both in the same way"
            )


def _measure(
    array: ArrayRef, pairing: Pairing, confidence: float, replicates: int, seed: int
) -> list[PairedDelta]:
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
        labels=array.labels if array.labels is not None else pairing.labels,
        confidence=confidence,
        replicates=replicates,
        seed=seed,
    )
