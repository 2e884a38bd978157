"""The base class and the field types of records."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

__all__ = [
    "Count",
    "Digest",
    "Flag",
    "Label",
    "NonNegative",
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
    """Base class of records: immutable, unknown fields forbidden, NaN and infinity refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Use the docstring below each field as the description of its property.

        pydantic can do this when it builds the class, but then parses the sources in every run.
        """
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, text in _attribute_docstrings(cls).items():
            if name in properties:
                properties[name].setdefault("description", text)
        return schema


def _attribute_docstrings(record: type[Record]) -> dict[str, str]:
    """Return field -> docstring below it, for a record and its base classes."""
    import ast  # noqa: PLC0415 -- only needed to build a schema
    import inspect  # noqa: PLC0415
    import textwrap  # noqa: PLC0415

    found: dict[str, str] = {}
    for cls in reversed(record.__mro__):
        if cls is Record or not issubclass(cls, Record):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
        statements = body.body if isinstance(body, ast.ClassDef) else []
        for field, below in itertools.pairwise(statements):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                match below:
                    case ast.Expr(value=ast.Constant(value=str(text))):
                        found[field.target.id] = inspect.cleandoc(text)
    return found


def _as_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


# Scalars are strict: "0.9" is not a number, True is not 1, and 2026.10 is not a version.
Text = Annotated[str, StringConstraints(strict=True, min_length=1)]
Label = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)]
Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Seconds = NonNegative
Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Digest = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9a-f]{64}$")]
Timestamp = Annotated[AwareDatetime, AfterValidator(_as_utc)]
Severity = Literal["block", "report"]
