"""Outcomes that pytest has no word for.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.errors import IncompleteEvidence, UndecidedEvidence

if TYPE_CHECKING:
    import pytest

__all__ = ["outcome_of"]


def outcome_of(raised: pytest.ExceptionInfo[BaseException]) -> str | None:
    """Return the outcome of a call that raised, where it is one that pytest has no word for."""
    if raised.errisinstance(IncompleteEvidence):
        return "incomplete"
    return "undecided" if raised.errisinstance(UndecidedEvidence) else None
