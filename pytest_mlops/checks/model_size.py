"""Model size: the model's files stay below a size limit.

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
"""Bytes per megabyte, as checks count them."""


class ModelSize(Check):
    """The files of ``model.artifact`` stay below a total size, in megabytes of 1,000,000 bytes.

    PASS or FAIL by the exact number of bytes, never UNDECIDED; INCOMPLETE if there are no bytes.
    """

    check: Literal["model_size"] = "model_size"
    max_mb: Positive
    """Maximum total size, in megabytes of 1,000,000 bytes."""

    inputs = ()

    def evaluate(self, context: CheckContext) -> CheckResult:
        """Run the check."""
        if context.artifact is None:
            raise IncompleteEvidence("mlops.yaml names no model artifact; set artifact: under model:")
        try:
            found = digest_artifact(context.artifact)
        except ModelArtifactNotFound as error:
            raise IncompleteEvidence(str(error)) from error
        if found.size == 0:
            raise IncompleteEvidence(
                f"the artifact {context.artifact.name} has 0 bytes; expected a model, so save it there first"
            )
        size = Estimate(value=found.size / MEGABYTE, n=found.files, range=NOT_NEGATIVE, note="files")
        verdict, _ = judge_bound("size", size, most=self.max_mb)
        files = "1 file" if found.files == 1 else f"{found.files:,} files"
        return CheckResult(
            verdict=verdict,
            message=f"the artifact has {found.size:,} bytes in {files}, must be at most {self.max_mb:g} MB",
            measurements=((f"{self.title()}.mb", ALL, size),),
        )
