"""What the HTML report of a large record costs, in seconds and in bytes, next to its limits.

``python -m benchmarks.report_cost`` exits with 1 if a limit does not hold. The record has 5,000 rules on 25
metrics of 200 slices, 800 declared cells, 2,000 tests, and the probabilities of 20,000 examples. Each round
renders it whole, curve included.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks._limits import Finding, report
from pytest_mlops.decision.counts import count_outcomes
from pytest_mlops.decision.judge import judge
from pytest_mlops.evidence.arrays import save_arrays
from pytest_mlops.records.codec import policy_digest
from pytest_mlops.records.integration import CodeQuality, IntegrationResult, Provenance
from pytest_mlops.records.measurement import ArrayRef, Binomial, Measurement, Origin
from pytest_mlops.records.policy import Policy, Requirement
from pytest_mlops.records.results import OrdinaryTests, Outcome, SessionFacts, TestResult, TestResults
from pytest_mlops.records.rule import Rule
from pytest_mlops.report.html import to_html
from pytest_mlops.verdict import Context

SECONDS_LIMIT = 2.0
BYTES_LIMIT = 12e6
METRICS, SLICES, CAPABILITIES, TESTS = 25, 200, 4, 2_000
EXAMPLES = 20_000


def main(argv: list[str] | None = None) -> int:
    """Measure, print the table, return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report_cost", description="Cost of the report."
    )
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (default: 5)")
    parser.add_argument("--keep", type=Path, metavar="PATH", help="write the page there, to be looked at")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        record = large_record(Path(name))
        times, page = [], ""
        for _ in range(options.rounds):
            start = time.perf_counter()
            page = to_html(record, arrays=Path(name))
            times.append((time.perf_counter() - start) / SECONDS_LIMIT)
    if options.keep is not None:
        options.keep.write_text(page, encoding="utf-8")
    size = len(page.encode()) / BYTES_LIMIT
    what = f"{METRICS * SLICES:,} rules, {SLICES} slices"
    return report(
        [
            Finding(
                what=f"{what}, seconds / {SECONDS_LIMIT:g}",
                value=median(times),
                low=min(times),
                high=max(times),
                limit=1,
            ),
            Finding(what=f"{what}, bytes / {BYTES_LIMIT:,.0f}", value=size, low=size, high=size, limit=1),
        ]
    )


def large_record(folder: Path, bound: float = 0.9) -> IntegrationResult:
    """Return the record, whose rules ask for ``bound``; its arrays go to ``folder``."""
    names = [(f"metric_{m:02}", f"segment {s:03}") for m in range(METRICS) for s in range(SLICES)]
    rng = np.random.default_rng(20261123)
    right = rng.binomial(400, 0.93, size=len(names)).tolist()
    tests = [_test(index) for index in range(TESTS)]
    measurements = tuple(
        Measurement(
            name=metric,
            slice=slice_,
            value=successes / 400,
            n=400,
            basis=Binomial(successes=successes, trials=400),
            origin=Origin.PREDICTIONS,
            test=tests[0].test_name,
        )
        for (metric, slice_), successes in zip(names, right, strict=True)
    )
    slices = tuple(f"segment {s:03}" for s in range(SLICES))
    policy = Policy(
        requirements=tuple(
            Requirement(capability=f"capability {c}", slices=slices) for c in range(CAPABILITIES)
        ),
        rules=tuple(Rule(metric=metric, slice=slice_, min=bound) for metric, slice_ in names),
        configured=True,
    )
    results = TestResults(
        results=tuple(tests), ordinary=OrdinaryTests(), session=SessionFacts(), **count_outcomes(tests)
    )
    return _sealed(results, measurements, policy, _arrays(folder, rng, tests[0].test_name))


def _test(index: int) -> TestResult:
    capability, slice_ = index % CAPABILITIES, index // CAPABILITIES % SLICES
    return TestResult(
        test_name=f"tests/test_segments.py::test_behaviour[{index}]",
        passed=index % 50 > 0,
        outcome=Outcome.FAILED if index % 50 == 0 else Outcome.PASSED,
        message="AssertionError: assert 0.41 < 0.4" if index % 50 == 0 else "",
        covers=(f"capability {capability}:segment {slice_:03}",),
        conclusive=True,
        evidence={f"segment {slice_:03}": 400},
    )


def _arrays(folder: Path, rng: np.random.Generator, test: str) -> ArrayRef:
    score = rng.random(EXAMPLES)
    true = (rng.random(EXAMPLES) < score).astype(np.int64)
    columns = {"y_true": true, "y_pred": (score > 0.5).astype(np.int64), "y_score": score}
    digest, size = save_arrays(columns, folder)
    return ArrayRef(digest=digest, size=size, n=EXAMPLES, fields=tuple(columns), data="0" * 64, test=test)


def _sealed(
    results: TestResults, measurements: tuple[Measurement, ...], policy: Policy, arrays: ArrayRef
) -> IntegrationResult:
    ended = datetime(2026, 11, 23, 12, tzinfo=UTC)
    judgement = judge(
        results=results,
        measurements=measurements,
        code_quality=CodeQuality(),
        model_version=None,
        policy=policy,
        context=Context.PULL_REQUEST,
        today=ended.date(),
    )
    return IntegrationResult(
        **{name: getattr(judgement, name) for name in type(judgement).model_fields},
        run_id="benchmark",
        context=Context.PULL_REQUEST,
        test_results=results,
        measurements=measurements,
        arrays=(arrays,),
        policy=policy,
        policy_digest=policy_digest(policy),
        provenance=Provenance(tool_version="0", pytest_version="0", python="3", platform="any"),
        duration=60.0,
        timestamp=ended,
    )


if __name__ == "__main__":
    sys.exit(main())
