"""The sources that ``baseline.from`` names, tried in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.compare.artifact import ArtifactSource
from pytest_mlops.compare.baseline import Baseline, NoBaseline
from pytest_mlops.compare.file import FileSource
from pytest_mlops.compare.registry import RegistrySource
from pytest_mlops.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from pytest_mlops.compare.baseline import BaselineSource, Candidate

__all__ = ["RUN", "find_baseline", "refuse_stale"]

RUN = "run"
"""The source that stands for predictions of a baseline model in the candidate's own run."""


class SameRunSource:
    """Predictions that the candidate's own tests recorded of another model."""

    def find(self, candidate: Candidate) -> Baseline | NoBaseline:
        """Return the candidate's own arrays, where they hold such predictions."""
        if not candidate.has_baseline:
            return NoBaseline()
        return Baseline(source=RUN, record=None, arrays=candidate.arrays)


def find_baseline(names: Iterable[str], candidate: Candidate) -> Baseline | NoBaseline:
    """Return the first baseline that a source has.

    Args:
        names: The sources, as in ``baseline.from``.
        candidate: The run that the baseline is for.

    Raises:
        EvidenceError: a source has one that cannot be trusted, or cannot be read.
        IoError: a copy of one could not be written.
    """
    why: list[str] = []
    for name in names:
        found = _source(name).find(candidate)
        if isinstance(found, Baseline):
            return found
        why += found.why
    return NoBaseline(why=tuple(why))


def _source(name: str) -> BaselineSource:
    kind, _, rest = name.partition(":")
    if kind == RUN:
        return SameRunSource()
    if kind == "artifact":
        return ArtifactSource(name)
    return RegistrySource(rest) if kind == "registry" else FileSource(rest)


def refuse_stale(baseline: Baseline, most: int | None, now: datetime) -> None:
    """Refuse a baseline whose record is more than ``most`` days old.

    Raises:
        EvidenceError: it is; the message names the limit.
    """
    if baseline.record is None or most is None:
        return
    age = (now - baseline.record.timestamp).days
    if age > most:
        raise EvidenceError(
            f"it was measured {age} days ago, and baseline.max_age_days is {most}; measure its branch again"
        )
