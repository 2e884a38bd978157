"""What all records share: frozen, keyword-only, nothing unknown, no NaN."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

__all__ = [
    "Count",
    "Digest",
    "Flag",
    "Label",
    "Number",
    "Positive",
    "Record",
    "Seconds",
    "Severity",
    "Share",
    "Text",
    "Timestamp",
]


class Record(BaseModel):
    """Base of all records: a value that cannot be changed and cannot hold what its type does not name."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


def _as_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


# Scalars are strict: "0.9" is not a number, True is not 1, and 2026.10 is not a version.
Text = Annotated[str, StringConstraints(strict=True, min_length=1)]
Label = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)]
Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Digest = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9a-f]{64}$")]
Timestamp = Annotated[AwareDatetime, AfterValidator(_as_utc)]
Severity = Literal["block", "report"]
