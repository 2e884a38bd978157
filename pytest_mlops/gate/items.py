"""Items that are not test functions: checks of ``mlops.yaml`` and ModelTest classes.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.checks.base import CheckContext, CheckFailed
from pytest_mlops.checks.model_test import ModelTest, run_model_test
from pytest_mlops.errors import IncompleteEvidence, RecordingError, UndecidedEvidence
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_mlops.checks.base import Check, CheckResult
    from pytest_mlops.gate.recorder import Recorder
    from pytest_mlops.gate.worker_config import WorkerConfig

__all__ = ["CheckFile", "ModelItem", "check_file", "model_test_item"]


class ModelItem(pytest.Function):
    """A model test that is no test function; it asks for fixtures and runs like one."""

    line: int | None = None
    """0-based line in its file."""

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where the test is written."""
        return self.path, self.line, self.name

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: Any = None,  # noqa: ARG002 -- pytest.Node has it, pytest.Function does not
    ) -> Any:
        """Show our own messages without a traceback, and everything else with one."""
        if isinstance(excinfo.value, CheckFailed | IncompleteEvidence | UndecidedEvidence):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class CheckFile(pytest.File):
    """``mlops.yaml``, as the file that its checks are collected from."""

    worker_config: WorkerConfig

    def collect(self) -> Iterator[ModelItem]:
        """Yield an item for each check, in the order of the file."""
        for check, line in self.worker_config.checks:
            item = ModelItem.from_parent(
                self, name=check.title(), callobj=_run_check(check, self.worker_config, self.path)
            )
            item.line = None if line is None else line - 1
            item.add_marker(pytest.mark.model_test(covers=list(check.covers), dataset=check.dataset))
            yield item


def check_file(parent: pytest.Collector, path: Path, worker_config: WorkerConfig) -> CheckFile:
    """Return the collector of the checks that the configuration at ``path`` declares."""
    file = CheckFile.from_parent(parent, path=path)
    file.worker_config = worker_config
    return file


def model_test_item(collector: pytest.Collector, name: str, cls: type[ModelTest]) -> ModelItem:
    """Return the item of a ModelTest class that ``collector``'s module defines."""
    item = ModelItem.from_parent(collector, name=name, callobj=_run_class(cls))
    item.line = getattr(cls, "__firstlineno__", None)
    item.add_marker(pytest.mark.model_test(covers=cls.covers, dataset=cls.dataset))
    return item


def _run_class(cls: type[ModelTest]) -> Callable[..., None]:
    def run(mlops: Recorder) -> None:
        test = cls()
        test.mlops = mlops
        run_model_test(test, mlops.model_version)

    return run


def _run_check(check: Check, worker_config: WorkerConfig, config: Path) -> Callable[..., None]:
    def run(request: pytest.FixtureRequest, mlops: Recorder) -> None:
        result = evaluate(check, worker_config, config, request)
        for metric, slice_, estimate in result.measurements:
            mlops.record_estimate(metric, estimate, slice=slice_)
        answer(result)

    return run


def evaluate(
    check: Check, worker_config: WorkerConfig, config: Path, request: pytest.FixtureRequest
) -> CheckResult:
    """Resolve the fixtures that a check names, and let it reach its verdict.

    Raises:
        IncompleteEvidence: a fixture is missing or raised, or what it gave cannot be evidence.
    """
    version = worker_config.settings.model_version or {}
    path = version.get("artifact_path")
    context = CheckContext(
        fixtures={name: _fixture(request, name, config) for name in check.fixtures()},
        artifact=None if path is None else Path(path),
        seed=_seed(check.title(), version.get("digest")),
        workers=worker_config.settings.workers,
    )
    try:
        return check.evaluate(context)
    except RecordingError as error:
        raise IncompleteEvidence(f"{check.title()}: {error}") from error


def answer(result: CheckResult) -> None:
    """Raise what pytest and the gate take for the verdict of a check.

    Raises:
        CheckFailed: FAIL.
        IncompleteEvidence: INCOMPLETE.
        UndecidedEvidence: UNDECIDED.
    """
    if result.verdict is Verdict.FAIL:
        raise CheckFailed(result.message)
    if result.verdict is Verdict.INCOMPLETE:
        raise IncompleteEvidence(result.message)
    if result.verdict is Verdict.UNDECIDED:
        raise UndecidedEvidence(result.message)


def _fixture(request: pytest.FixtureRequest, name: str, config: Path) -> object:
    try:
        return request.getfixturevalue(name)
    except pytest.FixtureLookupError as error:
        if error.argname != name:
            raise
        raise IncompleteEvidence(
            f"there is no fixture {name!r} visible from {config.name}; define it in the conftest.py beside it"
        ) from error
    except pytest.skip.Exception as skipped:
        # A check that is configured is expected; a fixture cannot wave it off.
        raise IncompleteEvidence(f"the fixture {name!r} skipped: {skipped}") from skipped
    except Exception as error:
        raise IncompleteEvidence(f"the fixture {name!r} raised {type(error).__name__}: {error}") from error


def _seed(title: str, digest: str | None) -> int:
    """Derive a seed from what is checked alone, so that the same check of the same model draws the same."""
    text = f"{title}\0{digest or ''}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")
