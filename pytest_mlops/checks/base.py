"""The base class of ready-made checks, their context and their result."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, StringConstraints

from pytest_mlops.records.base import Label, Record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_mlops.stats.estimate import Estimate
    from pytest_mlops.verdict import Verdict

__all__ = ["Check", "CheckContext", "CheckFailed", "CheckResult", "FixtureName", "Level"]


class CheckFailed(AssertionError):  # noqa: N818 -- reads as a test failure, which it is
    """A check or a ``ModelTest`` failed; pytest shows the message without a traceback."""


FixtureName = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z_]\w*$")]
"""Name of a pytest fixture that is visible from the folder of ``mlops.yaml``."""

Level = Annotated[float, Field(strict=True, gt=0.5, lt=1, allow_inf_nan=False)]
"""A one-sided confidence level."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """The result of a check.

    Attributes:
        verdict: PASS, FAIL, UNDECIDED or INCOMPLETE.
        message: One sentence with the numbers behind the verdict.
        measurements: (metric, slice, estimate) to record; they count as evidence for their slices.
    """

    verdict: Verdict
    message: str
    measurements: tuple[tuple[str, str, Estimate], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckContext:
    """The inputs of one check.

    Attributes:
        fixtures: Fixture name -> value, for every fixture that the check names.
        artifact: Path of the model's file or folder; ``None`` where ``mlops.yaml`` names none.
        seed: Random seed, derived from the check's name and the model's digest.
        workers: Number of xdist workers in this run; 0 without xdist.
    """

    fixtures: Mapping[str, object] = field(default_factory=dict)
    artifact: Path | None = None
    seed: int = 0
    workers: int = 0


class Check(Record):
    """Base of ready-made checks, model tests that ``mlops.yaml`` configures under ``checks:``.

    A subclass adds a field ``check`` with its name as default, and its own options as fields.
    """

    inputs: ClassVar[tuple[str, ...]] = ("of",)
    """Fields whose values are fixture names."""

    name: Label | None = None
    """Name of the test; defaults to ``CHECK-FIXTURE``."""
    covers: tuple[Label, ...] = ()
    """Cells of ``requirements`` that the check exercises, such as ``calibration:all``."""
    dataset: Label | None = None
    """Name of the data set that the check measures on."""

    @classmethod
    def kind(cls) -> str:
        """Return the name of the check, as written after ``check:``."""
        return str(cls.model_fields["check"].default)

    def title(self) -> str:
        """Return the name of the test."""
        fixtures = self.fixtures()
        return self.name or (f"{self.kind()}-{fixtures[0]}" if fixtures else self.kind())

    def fixtures(self) -> tuple[str, ...]:
        """Return the names of the required fixtures; the first is the data under test."""
        named = (getattr(self, name) for name in self.inputs)
        return tuple(dict.fromkeys(name for name in named if name is not None))

    @abstractmethod
    def evaluate(self, context: CheckContext) -> CheckResult:
        """Run the check.

        Raises:
            IncompleteEvidence: a required input is missing or unusable.
            RecordingError: an array is not valid evidence: missing values, NaN, infinity, a wrong shape.
        """
