"""Records of a matrix, merged into one and judged again."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_mlops.decision.counts import count_outcomes
from pytest_mlops.decision.judge import judge
from pytest_mlops.errors import EvidenceError, IoError
from pytest_mlops.files import OsErrorsAs
from pytest_mlops.records.comparison import Comparison
from pytest_mlops.records.integration import CodeQuality, IntegrationResult
from pytest_mlops.records.results import OrdinaryTests, Outcome, SessionFacts, TestResult, TestResults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

__all__ = ["Expected", "Shard", "copy_beside", "merge_shards"]

Value = TypeVar("Value")

NOT_HERE = frozenset({Outcome.DESELECTED, Outcome.NOT_RUN})
"""Outcomes of a test that another shard is to run."""

TRUST = ("ci", "local", "untrusted-pr")
"""From best to worst, for evidence made in CI."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """One record of a matrix.

    Attributes:
        name: Name of the folder it was found in.
        record: The record, verified.
        folder: Where its arrays and artifacts lie.
    """

    name: str
    record: IntegrationResult
    folder: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """The manifest of a matrix.

    Attributes:
        count: How many shards there are.
        names: Their names, where these are known.
    """

    count: int
    names: tuple[str, ...] = ()

    def lost(self, shards: Sequence[Shard]) -> str | None:
        """Return which shards are missing, as a message; ``None`` if all are there.

        Raises:
            EvidenceError: there is one that the manifest does not name.
        """
        found = [shard.name for shard in shards]
        unexpected = sorted(set(found) - set(self.names)) if self.names else []
        if unexpected or len(found) > self.count:
            found_name = f"shard {unexpected[0]}" if unexpected else f"{len(found)} shards"
            raise EvidenceError(f"got {found_name}; the manifest expects {self._describe()}")
        missing = [name for name in self.names if name not in found]
        if missing:
            return f"{len(missing)} of {self.count} shards are missing: {', '.join(missing[:5])}"
        if len(found) < self.count:
            return f"{self.count - len(found)} of {self.count} shards are missing"
        return None

    def _describe(self) -> str:
        return ", ".join(self.names) if self.names else str(self.count)


def merge_shards(shards: Sequence[Shard], expected: Expected) -> IntegrationResult:
    """Join the records of a matrix, and judge all that they measured under their common policy.

    A test that one shard left out and another ran is that other's. What all shards were narrowed by still
    narrows the whole; what only some were is how the work was shared out.

    Args:
        shards: At least one; every record verified.
        expected: What there has to be. A lost shard makes the result INCOMPLETE.

    Raises:
        EvidenceError: they are not of one run, or two of them are the same, or hold the same test or number.
    """
    if not shards:
        raise EvidenceError("there are no records to merge; expected one per shard")
    lost = expected.lost(shards)
    _check_one_run(shards)
    records = [shard.record for shard in shards]
    first = records[0]
    results = _results(shards, lost)
    measurements = tuple(number for record in records for number in record.measurements)
    _check_unique([number.title for number in measurements], "number")
    code_quality = _code_quality(records)
    comparison = _comparison(records)
    timestamp = max(record.timestamp for record in records)
    judgement = judge(
        results=results,
        measurements=measurements,
        code_quality=code_quality,
        model_version=first.model_version,
        policy=first.policy,
        context=first.context,
        today=timestamp.date(),
        comparison=comparison,
    )
    return IntegrationResult(
        **{name: getattr(judgement, name) for name in type(judgement).model_fields},
        run_id=hashlib.sha256("\0".join(sorted(one.run_id for one in records)).encode()).hexdigest()[:32],
        context=first.context,
        model_version=first.model_version,
        test_results=results,
        measurements=measurements,
        arrays=_once(array for record in records for array in record.arrays),
        artifacts=_once(artifact for record in records for artifact in record.artifacts),
        code_quality=code_quality,
        comparison=comparison,
        policy=first.policy,
        policy_digest=first.policy_digest,
        provenance=first.provenance.model_copy(update=_provenance(records)),
        duration=max(record.duration for record in records),
        timestamp=timestamp,
    )


def copy_beside(shards: Iterable[Shard], folder: Path) -> None:
    """Copy the arrays and artifacts of every shard to lie beside the merged record.

    Raises:
        IoError: one could not be copied.
    """
    with OsErrorsAs(IoError, "cannot copy what lies beside the shards"):
        for shard in shards:
            names = [f"arrays/{array.digest}.npz" for array in shard.record.arrays]
            names += [f"artifacts/{artifact.digest}" for artifact in shard.record.artifacts]
            for name in names:
                source, target = shard.folder / name, folder / name
                if source.is_file() and not (target.exists() and target.samefile(source)):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(source, target)


def _check_one_run(shards: Sequence[Shard]) -> None:
    _check_unique([shard.name for shard in shards], "shard")
    _check_unique([shard.record.run_id for shard in shards], "run id")
    facts: tuple[tuple[str, Callable[[IntegrationResult], object]], ...] = (
        ("policy", lambda record: record.policy_digest),
        ("model version", lambda record: _version(record)[:2]),
        ("model digest", lambda record: _version(record)[2]),
        ("context", lambda record: str(record.context)),
        ("commit", lambda record: record.provenance.commit_head),
        ("merge commit", lambda record: record.provenance.commit_merge),
    )
    first = shards[0]
    for shard in shards[1:]:
        for what, of in facts:
            expected, found = of(first.record), of(shard.record)
            if expected != found:
                raise EvidenceError(
                    f"the {what} of shard {shard.name} is {found}, that of shard {first.name} {expected}; "
                    "expected shards of one run"
                )


def _version(record: IntegrationResult) -> tuple[str | None, str | None, str | None]:
    version = record.model_version
    return (None, None, None) if version is None else (version.model_id, version.version_id, version.digest)


def _check_unique(names: Iterable[str], noun: str) -> None:
    name, count = max(Counter(names).items(), key=lambda one: one[1], default=("", 0))
    if count > 1:
        raise EvidenceError(f"the {noun} {name} occurs {count} times; expected once")


def _results(shards: Sequence[Shard], lost: str | None) -> TestResults:
    kept: dict[str, tuple[str, TestResult]] = {}
    for shard in shards:
        for result in shard.record.test_results.results:
            before = kept.get(result.test_name)
            if before is None or before[1].outcome in NOT_HERE:
                kept[result.test_name] = shard.name, result
            elif result.outcome not in NOT_HERE:
                raise EvidenceError(f"{result.test_name} ran in shard {before[0]} and in shard {shard.name}")
    results = tuple(result for _, result in kept.values())
    parts = [shard.record.test_results for shard in shards]
    ordinary = OrdinaryTests(
        total=sum(part.ordinary.total for part in parts),
        passed=sum(part.ordinary.passed for part in parts),
        failed=_once(name for part in parts for name in part.ordinary.failed),
    )
    session = _session([part.session for part in parts], lost)
    return TestResults(results=results, ordinary=ordinary, session=session, **count_outcomes(results))


def _session(facts: Sequence[SessionFacts], lost: str | None) -> SessionFacts:
    interrupted = [lost] if lost is not None else []
    interrupted += [fact.interrupted for fact in facts if fact.interrupted is not None]
    return SessionFacts(
        collection_errors=_once(error for fact in facts for error in fact.collection_errors),
        interrupted="; ".join(dict.fromkeys(interrupted)) or None,
        lost_workers=tuple(worker for fact in facts for worker in fact.lost_workers),
        conflicts=_once(conflict for fact in facts for conflict in fact.conflicts),
        artifact=next((fact.artifact for fact in facts if fact.artifact is not None), None),
        narrowed_by=_in_all([fact.narrowed_by for fact in facts]),
        uncollected=_left_out_by_all([frozenset(fact.uncollected) for fact in facts]),
        unmarked=_once(name for fact in facts for name in fact.unmarked),
        failed_in_pytest=_once(name for fact in facts for name in fact.failed_in_pytest),
        code={name: why for fact in facts for name, why in fact.code.items()},
    )


def _code_quality(records: Sequence[IntegrationResult]) -> CodeQuality:
    measured = _once(record.code_quality for record in records if record.code_quality != CodeQuality())
    if len(measured) > 1:
        raise EvidenceError("the shards measured different code qualities; measure it in one of them")
    return measured[0] if measured else CodeQuality()


def _comparison(records: Sequence[IntegrationResult]) -> Comparison | None:
    """Merge the comparisons, except those of shards without predictions."""
    having = [record for record in records if record.arrays] or list(records)
    found = [record.comparison for record in having if record.comparison is not None]
    refused = next((one for one in found if one.status == "refused"), None)
    compared = [one for one in found if one.status == "compared"]
    if refused is not None or not compared:
        return refused or (found[0] if found else None)
    if any(one.status == "first_run" for one in found) or len({one.baseline for one in compared}) > 1:
        return Comparison(status="refused", message="the shards were compared with different baselines")
    deltas = tuple(delta for one in compared for delta in one.deltas)
    _check_unique([delta.title for delta in deltas], "change")
    return compared[0].model_copy(
        update={
            "deltas": deltas,
            "paired": sum(one.paired for one in compared),
            "added": sum(one.added for one in compared),
            "removed": sum(one.removed for one in compared),
        }
    )


def _provenance(records: Sequence[IntegrationResult]) -> dict[str, Any]:
    made = [record.provenance for record in records]
    return {
        "trust": max((one.trust for one in made), key=TRUST.index),
        "dirty": None if any(one.dirty is None for one in made) else any(one.dirty for one in made),
        "workers": max(one.workers for one in made),
        "seeds": {name: seed for one in made for name, seed in one.seeds.items()},
    }


def _in_all(parts: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(part for part in dict.fromkeys(parts[0]) if all(part in other for other in parts[1:]))


def _left_out_by_all(parts: Sequence[frozenset[str]]) -> tuple[str, ...]:
    """Return the files and tests that no shard collected; a shard that left out a file left out its tests."""
    everything = sorted(frozenset().union(*parts))
    return tuple(
        name for name in everything if all(name in part or name.partition("::")[0] in part for part in parts)
    )


def _once(values: Iterable[Value]) -> tuple[Value, ...]:
    found: list[Value] = []
    for value in values:
        if value not in found:
            found.append(value)
    return tuple(found)
