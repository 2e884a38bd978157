"""Data contract: the columns of the data are of the kinds, ranges and categories that the model was made for.

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
"""What the values of a column are, however they are stored; whole floats are integers, integers numbers."""

_SHOWN = 8
"""Breaches that the sentence names."""


class ColumnContract(Record):
    """What the values of one column must be."""

    kind: Kind | None = None
    """What they are, however they are stored; every integer is a number too."""
    max_missing: Share = 0.0
    """Share of rows that may have no value."""
    min: Number | None = None
    """Least value."""
    max: Number | None = None
    """Greatest value."""
    categories: tuple[Label | int | bool, ...] = ()
    """The values there may be; by default any."""
    max_outside: Share = 0.0
    """Share of the values that may lie outside ``min``, ``max`` or ``categories``."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min is {self.min:g} and max is {self.max:g}; no value lies between")
        ranged = self.min is not None or self.max is not None
        if ranged and self.kind not in {None, "integer", "number"}:
            raise ValueError(f"min and max need numbers, and kind is {self.kind}; remove one of them")
        return self


class DataContract(Check):
    """The columns of the data are there, and of the kinds, missing rates, ranges and categories stated.

    PASS where every column keeps its contract, else FAIL with each breach named: a census of all rows, never
    UNDECIDED. Infinite numbers lie outside of every contract. ``min`` and ``max`` are for numbers: text,
    dates and booleans break them, whatever they say.
    """

    check: Literal["data_contract"] = "data_contract"
    of: FixtureName
    """Fixture with ``X``, or a data frame, a mapping of columns, or an array (columns ``"0"``, ``"1"``)."""
    columns: dict[Label, ColumnContract] = Field(min_length=1)
    """Column -> its contract."""
    extra_columns: Flag = True
    """Whether there may be other columns."""

    def evaluate(self, context: CheckContext) -> CheckResult:
        """Reach the verdict."""
        table = table_of(context, self.of)
        rows = len(next(iter(table.values())))
        breaches = [f"the column {name} is not there" for name in self.columns if name not in table]
        if not self.extra_columns:
            breaches += [f"the column {name} is not in the contract" for name in table.keys() - self.columns]
        measured = []
        for name, contract in self.columns.items():
            if name not in table:
                continue
            missing = missing_in(table[name])
            breaches += [f"{name}: {breach}" for breach in _breaches(contract, table[name], missing)]
            share = Estimate.share(int(missing.sum()), rows)
            measured.append((f"{self.title()}.{name}.missing", ALL, share))
        return CheckResult(
            verdict=Verdict.FAIL if breaches else Verdict.PASS,
            message=self._sentence(breaches, rows),
            measurements=tuple(measured),
        )

    def _sentence(self, breaches: list[str], rows: int) -> str:
        if not breaches:
            return f"{plural(len(self.columns), 'column')} of {rows:,} rows keep the contract"
        number_of = plural(len(breaches), "breach", "breaches")
        return f"{number_of} in {rows:,} rows: {list_some(breaches, _SHOWN, separator='; ')}"


def _breaches(contract: ColumnContract, column: Array, missing: NDArray[np.bool_]) -> list[str]:
    """Return in what ways a column (n,) breaks its contract."""
    found = []
    share = float(missing.mean())
    if not at_most(share, contract.max_missing):
        found.append(f"{share:.4g} missing, at most {contract.max_missing:g} may be")
    present = column[~missing]
    kinds = _kinds(present)
    if contract.kind is not None and contract.kind not in kinds and present.size:
        found.append(f"holds {kinds[0]}, expected {contract.kind}")
        return found
    ranged = contract.min is not None or contract.max is not None
    if ranged and "number" not in kinds and present.size:
        return [*found, f"holds {kinds[0]}, which min and max cannot be compared with"]
    outside = _outside(contract, present, numeric="number" in kinds)
    if outside.any() and not at_most(float(outside.mean()), contract.max_outside):
        bad, first = int(outside.sum()), describe(present[outside.argmax()])
        found.append(
            f"{plural(bad, 'value')} not allowed, as {first}; at most a share of "
            f"{contract.max_outside:g} may be"
        )
    return found


def _kinds(present: Array) -> tuple[str, ...]:
    """Return every kind that the values (k,) without gaps are of, the narrowest first."""
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
    # NumPy calls a duration an integer.
    if not isinstance(value, np.timedelta64) and isinstance(value, Real | Decimal):
        whole = isinstance(value, Integral) or float(value).is_integer()
        return "integer" if whole else "number"
    return "datetime" if hasattr(value, "isoformat") else type(value).__name__


def _outside(contract: ColumnContract, present: Array, *, numeric: bool) -> NDArray[np.bool_]:
    """Tell which values (k,) are not allowed."""
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
    """Return numbers (k,) as floats; whole ones that are beyond all floats become infinite."""
    try:
        return numbers.astype(np.float64)
    except OverflowError:
        most = float(np.finfo(np.float64).max)
        return np.array([float(value) if abs(value) <= most else np.inf for value in numbers.tolist()])
