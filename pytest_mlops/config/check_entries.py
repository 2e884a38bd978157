"""The entries of ``checks:``, each read by the class of the check it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import PlainValidator, SerializeAsAny, ValidationError, ValidationInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from pytest_mlops.checks.base import Check
from pytest_mlops.checks.catalog import BUILT_IN, built_in_checks, find_check

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

__all__ = ["EXTRA_CHECKS", "CheckEntry", "check_class", "known_checks"]

EXTRA_CHECKS = "checks"
"""Key of the validation context under which plugins' checks are handed in, by name."""


class _EntrySchema:
    """Describes an entry to editors: one of the checks of this package."""

    def __get_pydantic_json_schema__(
        self, _core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        classes = built_in_checks().values()
        schemas = [(cls, cls.__pydantic_core_schema__) for cls in classes]
        return {"oneOf": [cls.__get_pydantic_json_schema__(schema, handler) for cls, schema in schemas]}


def check_class(value: object, extra: Mapping[str, type[Check]] | None = None) -> type[Check] | None:
    """Return the class that an entry names; ``None`` where it names none that there is."""
    name = value.get("check") if isinstance(value, Mapping) else None
    return find_check(name, extra) if isinstance(name, str) else None


def known_checks(extra: Mapping[str, type[Check]] | None = None) -> list[str]:
    """Return the names of all checks, sorted."""
    return sorted({*BUILT_IN, *(extra or {})})


def _read_entry(value: Any, info: ValidationInfo) -> Check:
    if isinstance(value, Check):
        return value
    extra = (info.context or {}).get(EXTRA_CHECKS)
    cls = check_class(value, extra)
    if cls is not None:
        return cls.model_validate(value)
    if not isinstance(value, Mapping):
        raise _mistake("model_type", (), value)
    if "check" not in value:
        raise _mistake("missing", ("check",), value)
    raise _mistake(
        PydanticCustomError(
            "literal_error", "", {"expected": " or ".join(f"'{name}'" for name in known_checks(extra))}
        ),
        ("check",),
        value["check"],
    )


def _mistake(kind: Any, place: tuple[str, ...], value: Any) -> ValidationError:
    details = InitErrorDetails(type=kind, loc=place, input=value)
    if kind == "model_type":
        details["ctx"] = {"class_name": "Check"}
    return ValidationError.from_exception_data("Check", [details])


CheckEntry = Annotated[SerializeAsAny[Check], PlainValidator(_read_entry), _EntrySchema()]
