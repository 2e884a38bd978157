"""Outcomes that pytest has no word for, noted on the item until its report is made.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

import pytest

from pytest_mlops.errors import IncompleteEvidence

__all__ = ["outcome_of", "set_outcome"]

_OUTCOME_KEY = pytest.StashKey[str]()


def set_outcome(item: pytest.Item, outcome: str) -> None:
    """Note an outcome, a value of ``records.results.Outcome``, for the gate."""
    item.stash[_OUTCOME_KEY] = outcome


def outcome_of(item: pytest.Item, raised: pytest.ExceptionInfo[BaseException]) -> str | None:
    """Return the outcome of a call that raised, where it is one that pytest has no word for."""
    if raised.errisinstance(IncompleteEvidence):
        return "incomplete"
    outcome = item.stash.get(_OUTCOME_KEY, None)
    if outcome is not None:
        # A rerun is a test of its own.
        del item.stash[_OUTCOME_KEY]
    return outcome
