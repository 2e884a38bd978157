"""Leakage: no example of the test data is in the training data.

::

    - {check: leakage, of: holdout, train: training}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pytest_mlops.checks.base import Check, CheckContext, CheckResult, FixtureName
from pytest_mlops.checks.bounds import judge_bound
from pytest_mlops.checks.data import required_field
from pytest_mlops.checks.tables import codes_of, columns_of, missing_in, table_of
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.names import ALL
from pytest_mlops.records.base import Share
from pytest_mlops.stats.estimate import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Leakage"]


class Leakage(Check):
    """No example of the test data is in the training data, by exact comparison.

    Compares whole rows of inputs (numbers by value, missing values as equal), or ids. PASS when the share of
    test rows that are also in the training data is at most ``max_share``, otherwise FAIL. All rows are
    compared, so the verdict is never UNDECIDED.
    """

    check: Literal["leakage"] = "leakage"
    of: FixtureName
    """Fixture with the test data: ``X`` or a table, or ``ids``."""
    train: FixtureName
    """Fixture with the training data, in the same form."""
    by: Literal["rows", "ids"] = "rows"
    """``rows`` compares rows of ``X``; ``ids`` compares ids, such as those of customers."""
    max_share: Share = 0.0
    """Maximum share of test rows that are in the training data."""

    inputs = ("of", "train")

    def evaluate(self, context: CheckContext) -> CheckResult:
        """Run the check."""
        train, test = codes_of(self._table(context, self.train), self._table(context, self.of))
        known = set(_keys(train))
        leaked = np.array([key in known for key in _keys(test)])
        share = Estimate.share(int(leaked.sum()), leaked.size)
        what = f"share of {self.by} of {self.of} that are also in {self.train}"
        verdict, message = judge_bound(what, share, most=self.max_share)
        if share.successes:
            message += f"; found {share.successes:,}, the first in row {int(leaked.argmax())}"
        measured = (f"{self.title()}.leaked", ALL, share)
        return CheckResult(verdict=verdict, message=message, measurements=(measured,))

    def _table(self, context: CheckContext, fixture: str) -> dict[str, NDArray[Any]]:
        if self.by == "rows":
            return table_of(context, fixture)
        columns = columns_of({"ids": required_field(context.fixtures[fixture], fixture, "ids")})
        if not len(columns["ids"]) or missing_in(columns["ids"]).any():
            raise IncompleteEvidence(
                f"the fixture {fixture!r} has empty or missing ids; expected an id for every example"
            )
        return columns


def _keys(codes: NDArray[np.int64]) -> list[bytes]:
    """Return the bytes of each row, for exact comparison in a set."""
    return [row.tobytes() for row in np.ascontiguousarray(codes)]
