"""What a check is told in ``mlops.yaml``, what it is given, and what it answers."""

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


class CheckFailed(AssertionError):  # noqa: N818 -- what a test raises when the model does not behave
    """A check found that the model does not do what it should; the message is all there is to say."""


FixtureName = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z_]\w*$")]
"""Name of a pytest fixture that is visible from the folder of ``mlops.yaml``."""

Level = Annotated[float, Field(strict=True, gt=0.5, lt=1, allow_inf_nan=False)]
"""A confidence, one-sided."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """The answer of a check.

    Attributes:
        verdict: PASS, FAIL, UNDECIDED or INCOMPLETE.
        message: One sentence with the numbers that the verdict rests on.
        measurements: (metric, slice, estimate) to record; a slice counts as covered by them.
    """

    verdict: Verdict
    message: str
    measurements: tuple[tuple[str, str, Estimate], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckContext:
    """What a check is given to work on.

    Attributes:
        fixtures: Fixture name -> value, of every fixture that the check names.
        artifact: The model's file or folder, where ``mlops.yaml`` names one.
        seed: Seed of everything random in the check, derived from its name and the model's digest.
        workers: xdist workers that run beside this one, 0 for a plain run.
    """

    fixtures: Mapping[str, object] = field(default_factory=dict)
    artifact: Path | None = None
    seed: int = 0
    workers: int = 0


class Check(Record):
    """An entry of ``checks:`` in ``mlops.yaml``: a model test that is configured, not written."""

    inputs: ClassVar[tuple[str, ...]] = ("of",)
    """Names of the fields that name fixtures."""

    name: Label | None = None
    """Name of the test; by default the check's, and that of its first fixture."""
    covers: tuple[Label, ...] = ()
    """Cells of ``requirements`` that it exercises, as ``calibration:all``."""
    dataset: Label | None = None
    """Data set it measures on."""

    @classmethod
    def kind(cls) -> str:
        """Return the name that ``check:`` calls it by."""
        return str(cls.model_fields["check"].default)

    def title(self) -> str:
        """Return the name of the test."""
        fixtures = self.fixtures()
        return self.name or (f"{self.kind()}-{fixtures[0]}" if fixtures else self.kind())

    def fixtures(self) -> tuple[str, ...]:
        """Return the names of the fixtures it needs, the first one the data it is about."""
        named = (getattr(self, name) for name in self.inputs)
        return tuple(dict.fromkeys(name for name in named if name is not None))

    @abstractmethod
    def evaluate(self, context: CheckContext) -> CheckResult:
        """Reach the verdict.

        Raises:
            IncompleteEvidence: something needed was not given.
            RecordingError: what was given cannot be evidence.
        """
