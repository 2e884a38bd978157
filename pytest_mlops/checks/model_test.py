"""Model tests written as classes."""

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
    """A model test as a class; pytest collects the subclasses in test modules.

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

    covers: ClassVar[Sequence[str] | str] = ()
    """Cells of ``requirements`` in ``mlops.yaml`` that the test exercises."""
    dataset: ClassVar[str | None] = None
    """Name of the data set that the test measures on."""
    mlops: Any = None
    """The recorder, set while pytest runs the test."""

    @abstractmethod
    def run(self, model_version: ModelVersion | None) -> Any:
        """Test ``model_version``.

        Returns:
            A ``TestResult``, a bool, or ``None`` for a test that passes unless it raises; or an awaitable
            of one of them.

        Raises:
            AssertionError: the test failed.
            IncompleteEvidence: a required input is missing.
        """

    def get_name(self) -> str:
        """Return the name of the test."""
        return type(self).__name__


def run_model_test(test: ModelTest, model_version: ModelVersion | None) -> TestResult | None:
    """Run a test; an awaitable result is awaited.

    Returns:
        The ``TestResult`` that ``run`` returned, always a passed one; ``None`` if it returned no result.

    Raises:
        CheckFailed: ``run`` returned ``False``, or a result that did not pass.
        RecordingError: ``run`` returned a value of another type.
    """
    value = test.run(model_version)
    if inspect.isawaitable(value):
        value = asyncio.run(_awaited(value))
    return read_return_value(test.get_name(), value)


async def _awaited(value: Any) -> Any:
    return await value


def read_return_value(name: str, value: Any) -> TestResult | None:
    """Interpret the return value of ``run``; returns and raises as :func:`run_model_test`."""
    from pytest_mlops.checks.base import CheckFailed  # noqa: PLC0415 -- pydantic where a test runs only
    from pytest_mlops.records.results import TestResult  # noqa: PLC0415

    if type(value).__name__ in {"bool", "bool_"}:  # comparisons of NumPy return numpy.bool
        value = bool(value)
    if value is None or value is True:
        return None
    if value is False:
        raise CheckFailed(f"{name} returned False")
    if isinstance(value, TestResult):
        if not value.passed:
            raise CheckFailed(value.message or f"{name} did not pass")
        return value
    raise RecordingError(
        f"{name} returned {type(value).__name__} {value!r:.80}; expected a TestResult, True, False or None"
    )
