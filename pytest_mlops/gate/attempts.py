"""Attempts of a model test: every call of its item is counted, and every answer is checked.

Plugins repeat tests in different ways: some send a report of each attempt, some hide the attempts that
failed, some call the item again inside a hook. All of them end in ``item.runtest()``, so that is what is
counted, beside the setups before it.  PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import functools
import inspect
import time
import unittest
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Attempts", "check_answer"]

LONGEST_MESSAGE = 300
SETUP_FAILED = "errored", "its setup failed"
WRAPPED = "__mlops_checked__"
BOOLEANS = frozenset({"bool", "bool_"})
"""Names of the types of Python and of NumPy, which is not imported for it."""


@dataclass(kw_only=True, slots=True, eq=False)
class Attempts:
    """The attempts of one item in this process.

    Attributes:
        restart: Called when a new attempt begins, to drop what the one before it recorded.
        earlier: (outcome, duration in seconds, message) of each attempt that another one replaced.
    """

    restart: Callable[[], None]
    earlier: list[tuple[str, float, str]] = field(default_factory=list)
    _end: tuple[str, str] = SETUP_FAILED
    _duration: float = 0.0
    _set_up: bool = False
    _called: bool = False
    _answered: bool = False
    """Whether the test function came to its end in this attempt."""

    def watch(self, item: pytest.Item) -> None:
        """Count the calls of ``item`` from now on."""
        runtest = item.runtest

        def counted() -> None:
            __tracebackhide__ = True
            self._call(item, runtest)

        item.runtest = counted  # type: ignore[method-assign]

    def setup(self) -> None:
        """Note that the item is set up, for the first time or again."""
        if self._set_up:
            self._start_again()
        self._set_up = True

    def _call(self, item: pytest.Item, runtest: Callable[[], None]) -> None:
        __tracebackhide__ = True
        if self._called:
            self._start_again()
            self._set_up = True
        self._called = True
        start = time.perf_counter()
        try:
            self._run(item, runtest)
        except BaseException as error:
            self._end = _end_of(error)
            raise
        else:
            collected = vars(item).get("_excinfo")  # where pytest keeps what a TestCase raised
            self._end = _end_of(collected[-1].value) if collected else ("passed", "")
        finally:
            self._duration += time.perf_counter() - start

    def _start_again(self) -> None:
        self.earlier.append((self._end[0], round(self._duration, 6), self._end[1]))
        self._end, self._duration = SETUP_FAILED, 0.0
        self._set_up = self._called = False
        self.restart()

    def _run(self, item: pytest.Item, runtest: Callable[[], None]) -> None:
        """Run an item, and raise where it passes and its test function never came to its end."""
        __tracebackhide__ = True
        if not isinstance(item, pytest.Function):
            runtest()
            return
        self._answered = False
        restore = self.checking(item)
        case = getattr(item.obj, "__self__", None)
        if isinstance(case, unittest.TestCase):
            setattr(case, item.obj.__name__, item.obj)  # what unittest calls where pytest does not say
        try:
            runtest()
        finally:
            if isinstance(case, unittest.TestCase):
                vars(case).pop(item.obj.__name__, None)
            restore()
        if not self._answered and not vars(item).get("_excinfo"):
            raise AssertionError(
                "the model test passed, but its function did not run to its end: "
                "no plugin awaited or called it"
            )

    def checking(self, item: pytest.Function) -> Callable[[], None]:
        """Let the test function of ``item`` fail where its answer is not a yes; return what undoes that."""
        test = item.obj
        if getattr(test, WRAPPED, False):
            return _nothing
        item.obj = self._checked(test)

        def restore() -> None:
            if getattr(item.obj, WRAPPED, False):
                item.obj = test

        return restore

    def _checked(self, test: Callable[..., Any]) -> Callable[..., Any]:
        awaited = inspect.iscoroutinefunction(test) and not _is_plain_method(test)
        wrapped = self._checked_coroutine(test) if awaited else self._checked_call(test)
        setattr(wrapped, WRAPPED, True)
        owner = getattr(test, "__self__", None)
        if owner is not None:
            setattr(wrapped, "__self__", owner)  # noqa: B010 -- plugins ask a method for its instance
        return wrapped

    def _checked_call(self, test: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(test)
        def call(*args: object, **kwargs: object) -> object:
            __tracebackhide__ = True
            answer = test(*args, **kwargs)
            if hasattr(answer, "addCallback"):  # Twisted waits for its own
                self._answered = True
                return answer
            check_answer(answer)
            self._answered = True
            return None

        return call

    def _checked_coroutine(self, test: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(test)
        async def wait(*args: object, **kwargs: object) -> None:
            __tracebackhide__ = True
            check_answer(await test(*args, **kwargs))
            self._answered = True

        return wait


def check_answer(answer: object) -> None:
    """Refuse what a test function returns, unless it is nothing or a plain yes.

    Raises:
        AssertionError: it is anything else: ``False``, a number, or a coroutine that was never awaited.
    """
    __tracebackhide__ = True
    if answer is None or _is_yes(answer):
        return
    if inspect.iscoroutine(answer):
        answer.close()
    if inspect.isawaitable(answer) or inspect.isasyncgen(answer) or inspect.isgenerator(answer):
        raise AssertionError(
            f"the model test returned a {type(answer).__name__} that was never run; "
            "install the plugin that runs it (pytest-asyncio, anyio), or make the test a plain function"
        )
    shown = bool(answer) if type(answer).__name__ in BOOLEANS else answer
    raise AssertionError(f"the model test returned {shown!r:.80}; use assert instead, and return nothing")


def _is_yes(answer: Any) -> bool:
    """Tell whether an answer is ``True``, of Python or NumPy, or an array of nothing but that."""
    if type(answer).__name__ in BOOLEANS:
        return bool(answer)
    if str(getattr(answer, "dtype", None)) == "bool" and getattr(answer, "size", None):
        return bool(answer.all())
    return False


def _is_plain_method(test: Callable[..., Any]) -> bool:
    """Tell whether a test is a method of a TestCase that calls it as it is, coroutine function or not."""
    case = type(getattr(test, "__self__", None))
    if not issubclass(case, unittest.TestCase):
        return False
    names = ("run", "__call__", "_callTestMethod")
    return all(inspect.getattr_static(case, name) is vars(unittest.TestCase)[name] for name in names)


def _end_of(error: BaseException) -> tuple[str, str]:
    """Return the outcome and the message of a call that raised."""
    outcome = "skipped" if isinstance(error, pytest.skip.Exception) else "failed"
    return outcome, f"{type(error).__name__}: {error}"[:LONGEST_MESSAGE]


def _nothing() -> None:
    """Undo nothing."""
