"""Model size: the bytes of the model's artifact keep a limit.

::

    - {check: model_size, max_mb: 50}
"""

from __future__ import annotations

from typing import Literal

from pytest_mlops.checks.base import Check, CheckContext, CheckResult
from pytest_mlops.checks.bounds import judge_bound
from pytest_mlops.errors import IncompleteEvidence, ModelArtifactNotFound
from pytest_mlops.evidence.digest import digest_artifact
from pytest_mlops.names import ALL
from pytest_mlops.records.base import Positive
from pytest_mlops.stats.estimate import NOT_NEGATIVE, Estimate

__all__ = ["MEGABYTE", "ModelSize"]

MEGABYTE = 1_000_000
"""Bytes."""


class ModelSize(Check):
    """The files of ``model.artifact`` together keep a limit, in megabytes of 1,000,000 bytes.

    PASS or FAIL by the exact number of bytes, never UNDECIDED; INCOMPLETE where there are none.
    """

    check: Literal["model_size"] = "model_size"
    max_mb: Positive
    """Greatest size."""

    inputs = ()

    def evaluate(self, context: CheckContext) -> CheckResult:
        """Reach the verdict."""
        if context.artifact is None:
            raise IncompleteEvidence("no artifact is known; give model: an artifact: in mlops.yaml")
        try:
            found = digest_artifact(context.artifact)
        except ModelArtifactNotFound as error:
            raise IncompleteEvidence(str(error)) from error
        if found.size == 0:
            raise IncompleteEvidence(
                f"the artifact {context.artifact.name} has 0 bytes, expected a model; save it there first"
            )
        size = Estimate(value=found.size / MEGABYTE, n=found.files, range=NOT_NEGATIVE, note="files")
        verdict, _ = judge_bound("size", size, most=self.max_mb)
        files = "1 file" if found.files == 1 else f"{found.files:,} files"
        return CheckResult(
            verdict=verdict,
            message=f"the artifact has {found.size:,} bytes in {files}, must be at most {self.max_mb:g} MB",
            measurements=((f"{self.title()}.mb", ALL, size),),
        )
