"""What comparing two versions costs: ``python -m benchmarks.comparison_cost``.

- 10,000 bootstrap replicates of the F1 difference on each of 20 slices of 1,000,000 rows, held against the
  200 replicates of one slice that ``scipy.stats.bootstrap`` draws from the same rows;
- comparing two models on 1,000,000 rows and 20 slices (load, pair, measure every metric of labels, decide),
  held against reading and checking the two files.

Exits with 1 where a limit does not hold.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import bootstrap

from benchmarks._limits import Finding, report
from pytest_mlops.compare.baseline import Baseline, Candidate
from pytest_mlops.compare.comparison import compare_arrays
from pytest_mlops.decision.deltas import evaluate_deltas
from pytest_mlops.evidence.arrays import load_arrays, save_arrays
from pytest_mlops.records.measurement import ArrayRef
from pytest_mlops.records.policy import BaselineSettings, Policy
from pytest_mlops.records.rule import Rule
from pytest_mlops.stats import confusion
from pytest_mlops.stats.count_bootstrap import count_bootstrap, joint_cells
from pytest_mlops.verdict import Context

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ROWS = 1_000_000
SLICES = 20
REPLICATES = 10_000
SCIPY_REPLICATES = 200
BOOTSTRAP_LIMIT = 1.0
COMPARE_LIMIT = 3.0
SEED = 11


def main(argv: list[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=ROWS)
    options = parser.parse_args(argv)
    true, ours, theirs, slices = _data(options.rows)
    return report(
        [
            *_bootstraps(true, ours, theirs, slices, options.rounds),
            *_comparisons(true, ours, theirs, slices, options.rounds),
        ]
    )


def _data(rows: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    rng = np.random.default_rng(SEED)
    true = rng.integers(0, 2, rows)
    answers = [np.where(rng.random(rows) < right, true, 1 - true) for right in (0.91, 0.9)]
    return true, answers[0], answers[1], rng.integers(0, SLICES, rows)


def _bootstraps(
    true: NDArray[np.intp],
    ours: NDArray[np.intp],
    theirs: NDArray[np.intp],
    slices: NDArray[np.intp],
    rounds: int,
) -> list[Finding]:
    metric = {"f1": partial(confusion.f1, positive=1)}
    parts = [np.flatnonzero(slices == part) for part in range(SLICES)]

    def counted() -> None:
        for rows in parts:
            cells = joint_cells(true[rows], ours[rows], theirs[rows], classes=2)
            count_bootstrap(cells, metric, seed=SEED, replicates=REPLICATES)

    first = parts[0]
    columns = (true[first], ours[first], theirs[first])

    def resampled() -> None:
        bootstrap(
            columns,
            _f1_difference,
            paired=True,
            vectorized=True,
            n_resamples=SCIPY_REPLICATES,
            method="percentile",
            rng=np.random.default_rng(SEED),
        )

    ours_took, scipy_took = _times(counted, rounds), _times(resampled, rounds)
    return [
        Finding(
            what=f"{REPLICATES:,} replicates x {SLICES} slices / scipy's {SCIPY_REPLICATES} x 1",
            value=median(ours_took) / median(scipy_took),
            low=min(ours_took) / max(scipy_took),
            high=max(ours_took) / min(scipy_took),
            limit=BOOTSTRAP_LIMIT,
        ),
        _seconds(f"{REPLICATES:,} replicates x {SLICES} slices, s", ours_took),
        _seconds(f"scipy, {SCIPY_REPLICATES} replicates x 1 slice, s", scipy_took),
    ]


def _f1_difference(*columns: NDArray[np.intp], axis: int = -1) -> NDArray[np.float64]:
    true, ours, theirs = columns
    first, second = (
        2 * (true & pred).sum(axis=axis) / (true.sum(axis=axis) + pred.sum(axis=axis))
        for pred in (ours, theirs)
    )
    difference: NDArray[np.float64] = first - second
    return difference


def _comparisons(
    true: NDArray[np.intp],
    ours: NDArray[np.intp],
    theirs: NDArray[np.intp],
    slices: NDArray[np.intp],
    rounds: int,
) -> list[Finding]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        masks = {f"slice:{part}": slices == part for part in range(SLICES)}
        shared = {"y_true": true, "ids": np.arange(true.size), **masks}
        candidate, baseline = (_kept(shared | {"y_pred": pred}, folder) for pred in (ours, theirs))

        def read() -> None:
            for reference in (candidate, baseline):
                load_arrays(folder / f"{reference.digest}.npz")

        reading = _times(read, rounds)
        comparing = _times(lambda: _decide(candidate, baseline, folder), rounds)
    return [
        Finding(
            what=f"compare {true.size:,} rows x {SLICES} slices / read both files",
            value=median(comparing) / median(reading),
            low=min(comparing) / max(reading),
            high=max(comparing) / min(reading),
            limit=COMPARE_LIMIT,
        ),
        _seconds("compare, s", comparing),
        _seconds("read both files, s", reading),
    ]


def _kept(arrays: dict[str, Any], folder: Path) -> ArrayRef:
    digest, size = save_arrays(arrays, folder)
    return ArrayRef(
        digest=digest,
        size=size,
        n=arrays["ids"].size,
        fields=tuple(sorted(arrays)),
        data="0" * 64,
        ids="given",
        test="benchmark",
    )


def _decide(candidate: ArrayRef, baseline: ArrayRef, folder: Path) -> None:
    parts = ("all", *map(str, range(SLICES)))
    rules = tuple(
        Rule(metric=metric, slice=part, min_delta=-0.01) for metric in ("accuracy", "f1") for part in parts
    )
    policy = Policy(rules=rules, baseline=BaselineSettings.model_validate({"from": ["file:baseline"]}))
    found = Baseline(source="file:baseline", record=None, arrays=folder, refs=(baseline,))
    comparison = compare_arrays(policy, Candidate(refs=[candidate], arrays=folder, folder=folder), found)
    today = datetime.now(UTC).date()
    evaluate_deltas(rules, comparison, policy.baseline, context=Context.LOCAL, today=today)


def _seconds(what: str, times: list[float]) -> Finding:
    return Finding(what=what, value=median(times), low=min(times), high=max(times))


def _times(work: Callable[[], object], rounds: int) -> list[float]:
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return taken


if __name__ == "__main__":
    sys.exit(main())
