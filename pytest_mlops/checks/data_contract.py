"""Data contract: columns have the declared types, ranges and categories.

::

    - check: data_contract
      of: holdout
      columns:
        age: {kind: integer, min: 18, max: 120}
        income: {kind: number, min: 0, max_missing: 0.02}
        region: {kind: text, categories: [north, south]}
"""

from __future__ import annotations

from decimal import Decimal
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from pytest_mlops.checks.base import Check, CheckContext, CheckResult, FixtureName
from pytest_mlops.checks.outputs import describe
from pytest_mlops.checks.tables import missing_in, table_of
from pytest_mlops.decision.finding import at_most
from pytest_mlops.names import ALL
from pytest_mlops.records.base import Flag, Label, Number, Record, Share
from pytest_mlops.stats.estimate import Estimate
from pytest_mlops.text import list_some, plural
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["ColumnContract", "DataContract"]

Kind = Literal["integer", "number", "text", "boolean", "datetime"]
"""Kind of the values, independent of the storage type; whole floats are integers, integers are numbers."""

_SHOWN = 8
"""Violations that a message lists."""


class ColumnContract(Record):
    """Constraints on the values of one column."""

    kind: Kind | None = None
    """Kind of the values, independent of the storage type; every integer is also a number."""
    max_missing: Share = 0.0
    """Maximum share of rows without a value."""
    min: Number | None = None
    """Minimum value."""
    max: Number | None = None
    """Maximum value."""
    categories: tuple[Label | int | bool, ...] = ()
    """Allowed values; by default any value."""
    max_outside: Share = 0.0
    """Maximum share of values outside ``min``, ``max`` or ``categories``."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}; no value can meet both")
        ranged = self.min is not None or self.max is not None
        if ranged and self.kind not in {None, "integer", "number"}:
            raise ValueError(f"min and max apply to numbers, but kind is {self.kind}; remove one of them")
        return self


class DataContract(Check):
    """Columns exist and have the declared kinds, missing rates, ranges and categories.

    PASS when every column meets its contract, otherwise FAIL with a list of violations. All rows are checked,
    so the verdict is never UNDECIDED. Infinite numbers always violate the contract. ``min`` and ``max`` apply
    to numbers: text, dates and booleans violate them.
    """

    check: Literal["data_contract"] = "data_contract"
    of: FixtureName
    """Fixture with ``X``, or a data frame, a mapping of columns, or an array (columns ``"0"``, ``"1"``)."""
    columns: dict[Label, ColumnContract] = Field(min_length=1)
    """Column name -> contract."""
    extra_columns: Flag = True
    """Whether other columns are allowed."""

    def evaluate(self, context: CheckContext) -> CheckResult:
        """Run the check."""
        table = table_of(context, self.of)
        rows = len(next(iter(table.values())))
        violations = [f"the column {name} is missing" for name in self.columns if name not in table]
        if not self.extra_columns:
            extra = sorted(table.keys() - self.columns)
            violations += [f"the column {name} is not in the contract" for name in extra]
        measured = []
        for name, contract in self.columns.items():
            if name not in table:
                continue
            missing = missing_in(table[name])
            violations += [f"{name}: {text}" for text in _violations(contract, table[name], missing)]
            share = Estimate.share(int(missing.sum()), rows)
            measured.append((f"{self.title()}.{name}.missing", ALL, share))
        return CheckResult(
            verdict=Verdict.FAIL if violations else Verdict.PASS,
            message=self._message(violations, rows),
            measurements=tuple(measured),
        )

    def _message(self, violations: list[str], rows: int) -> str:
        if not violations:
            return f"{plural(len(self.columns), 'column')} of {rows:,} rows meet the contract"
        number = plural(len(violations), "violation")
        return f"{number} in {rows:,} rows: {list_some(violations, _SHOWN, separator='; ')}"


def _violations(contract: ColumnContract, column: Array, missing: NDArray[np.bool_]) -> list[str]:
    """Return how a column (n,) violates its contract."""
    found = []
    share = float(missing.mean())
    if not at_most(share, contract.max_missing):
        found.append(f"a share of {share:.4g} is missing, expected at most {contract.max_missing:g}")
    present = column[~missing]
    kinds = _kinds(present)
    if contract.kind is not None and contract.kind not in kinds and present.size:
        found.append(f"contains {kinds[0]}, expected {contract.kind}")
        return found
    ranged = contract.min is not None or contract.max is not None
    if ranged and "number" not in kinds and present.size:
        return [*found, f"contains {kinds[0]}, expected numbers to compare with min and max"]
    outside = _outside(contract, present, numeric="number" in kinds)
    if outside.any() and not at_most(float(outside.mean()), contract.max_outside):
        bad, first = int(outside.sum()), describe(present[outside.argmax()])
        found.append(
            f"{plural(bad, 'value')} not allowed, the first {first}; expected at most a share of "
            f"{contract.max_outside:g}"
        )
    return found


def _kinds(present: Array) -> tuple[str, ...]:
    """Return every kind that matches the values (k,), the narrowest first."""
    kind = present.dtype.kind
    if kind in "OT":
        held = {_kind_of(value) for value in present.tolist()}
        if held == {"integer", "number"}:
            held = {"number"}
        (only,) = held if len(held) == 1 else ("mixed values",)
        return ("integer", "number") if only == "integer" else (only,)
    if kind in "iu" or (kind == "f" and bool((np.isfinite(present) & (present == np.floor(present))).all())):
        return ("integer", "number")
    return ({"f": "number", "b": "boolean", "U": "text", "M": "datetime"}.get(kind, str(present.dtype)),)


def _kind_of(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "boolean"
    if isinstance(value, str):
        return "text"
    # NumPy registers durations as integers.
    if not isinstance(value, np.timedelta64) and isinstance(value, Real | Decimal):
        whole = isinstance(value, Integral) or float(value).is_integer()
        return "integer" if whole else "number"
    return "datetime" if hasattr(value, "isoformat") else type(value).__name__


def _outside(contract: ColumnContract, present: Array, *, numeric: bool) -> NDArray[np.bool_]:
    """Return which values (k,) are not allowed."""
    outside = np.zeros(present.size, dtype=np.bool_)
    if numeric:
        numbers = _as_floats(present)
        outside |= ~np.isfinite(numbers)
        outside |= numbers < (-np.inf if contract.min is None else contract.min)
        outside |= numbers > (np.inf if contract.max is None else contract.max)
    if contract.categories:
        allowed = {(isinstance(value, bool), value) for value in contract.categories}
        outside |= np.array(
            [(isinstance(value, bool), value) not in allowed for value in present.tolist()], dtype=np.bool_
        )
    return outside


def _as_floats(numbers: Array) -> NDArray[np.float64]:
    """Return numbers (k,) as floats; integers beyond the range of float64 become infinite."""
    try:
        return numbers.astype(np.float64)
    except OverflowError:
        most = float(np.finfo(np.float64).max)
        return np.array([float(value) if abs(value) <= most else np.inf for value in numbers.tolist()])
