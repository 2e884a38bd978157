"""ModelTest: a model test as a class, for those who prefer one to a marked function."""

from __future__ import annotations

import asyncio
import inspect
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_mlops.errors import RecordingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.records.model import ModelVersion
    from pytest_mlops.records.results import TestResult

__all__ = ["ModelTest", "run_model_test"]


class ModelTest(ABC):
    """A test of a model version. Derive from it in a test module, and pytest collects it.

    ::

        class Symmetry(ModelTest):
            covers = ["ranking:all"]

            def run(self, model_version):
                model = load(model_version.artifact_path)
                self.mlops.metric("asymmetry", asymmetry(model), n=500)
                return asymmetry(model) < 0.01

    ``run`` may also be ``async def``.
    """

    __test__ = False

    covers: ClassVar[Sequence[str]] = ()
    """Cells of ``mlops.yaml`` that it exercises."""
    dataset: ClassVar[str | None] = None
    """Data set it measures on."""
    mlops: Any = None
    """The recorder, while pytest runs the test."""

    @abstractmethod
    def run(self, model_version: ModelVersion | None) -> Any:
        """Test ``model_version``.

        Returns:
            A ``TestResult``, a bool, or ``None`` where passing means that nothing was raised; or an
            awaitable of one of them.

        Raises:
            AssertionError: the model does not behave.
            IncompleteEvidence: something needed is not there.
        """

    def get_name(self) -> str:
        """Return the name of the test."""
        return type(self).__name__


def run_model_test(test: ModelTest, model_version: ModelVersion | None) -> TestResult | None:
    """Run a test, awaiting it where it is asynchronous.

    Returns:
        The ``TestResult`` that it returned, if it returned one; its ``passed`` holds.

    Raises:
        CheckFailed: it answered ``False``, or a result that did not pass.
        RecordingError: it answered something else.
    """
    answer = test.run(model_version)
    if inspect.isawaitable(answer):
        answer = asyncio.run(_awaited(answer))
    return read_return_value(test.get_name(), answer)


async def _awaited(answer: Any) -> Any:
    return await answer


def read_return_value(name: str, answer: Any) -> TestResult | None:
    """Read what ``run`` returned; as :func:`run_model_test`, which calls it."""
    from pytest_mlops.checks.base import CheckFailed  # noqa: PLC0415 -- pydantic where a test runs only
    from pytest_mlops.records.results import TestResult  # noqa: PLC0415

    if type(answer).__name__ in {"bool", "bool_"}:  # NumPy's comparisons give bools of its own
        answer = bool(answer)
    if answer is None or answer is True:
        return None
    if answer is False:
        raise CheckFailed(f"{name} answered False")
    if isinstance(answer, TestResult):
        if not answer.passed:
            raise CheckFailed(answer.message or f"{name} did not pass")
        return answer
    raise RecordingError(
        f"{name} answered {type(answer).__name__} {answer!r:.80}; expected a TestResult, True, False or None"
    )
