"""Entries of ``mlops.yaml`` whose classes are imported when one is written: checks and environments.

A gate that names neither loads none of their models, which take as long to build as all others together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import PlainValidator, ValidationError, ValidationInfo
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

from pytest_mlops.checks.catalog import BUILT_IN, built_in_checks, find_check

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

    from pytest_mlops.checks.base import Check
    from pytest_mlops.config.environment_settings import EnvironmentSettings
    from pytest_mlops.records.base import Record

__all__ = ["EXTRA_CHECKS", "CheckEntry", "EnvironmentEntry", "check_class", "entry_class"]

EXTRA_CHECKS = "checks"
"""Key of the validation context under which plugins' checks are passed, by name."""


class _CheckSchema:
    """Describes an entry of ``checks`` to editors: one of the checks of this package."""

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        classes = built_in_checks().values()
        schemas = [(cls, cls.__pydantic_core_schema__) for cls in classes]
        return {"oneOf": [cls.__get_pydantic_json_schema__(schema, handler) for cls, schema in schemas]}


class _EnvironmentSchema:
    """Describes an entry of ``environments`` to editors."""

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        from pytest_mlops.config.environment_settings import EnvironmentSettings  # noqa: PLC0415 -- see above

        # Wrapped, the record gets a definition of its own; by itself it would be written out here.
        return handler(core_schema.definitions_schema(EnvironmentSettings.__pydantic_core_schema__, []))


def check_class(value: object, extra: Mapping[str, type[Check]] | None = None) -> type[Check] | None:
    """Return the class that an entry names; ``None`` where it names none that there is."""
    name = value.get("check") if isinstance(value, Mapping) else None
    return find_check(name, extra) if isinstance(name, str) else None


def entry_class(section: object, value: object, extra: Mapping[str, type[Check]]) -> type[Record]:
    """Return the class of an entry of ``checks`` or ``environments``, wrong as the entry may be.

    Args:
        section: The section's name.
        value: The entry, as it is written.
        extra: Checks that plugins bring along, by name.
    """
    if section == "environments":
        from pytest_mlops.config.environment_settings import EnvironmentSettings  # noqa: PLC0415 -- see above

        return EnvironmentSettings
    from pytest_mlops.checks.base import Check  # noqa: PLC0415 -- see above

    return check_class(value, extra) or Check


def _known_checks(extra: Mapping[str, type[Check]] | None = None) -> list[str]:
    """Return the names of all checks, sorted."""
    return sorted({*BUILT_IN, *(extra or {})})


def _read_check(value: Any, info: ValidationInfo) -> Check:
    from pytest_mlops.checks.base import Check  # noqa: PLC0415 -- see above

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
            "literal_error", "", {"expected": " or ".join(f"'{name}'" for name in _known_checks(extra))}
        ),
        ("check",),
        value["check"],
    )


def _mistake(kind: Any, key_path: tuple[str, ...], value: Any) -> ValidationError:
    details = InitErrorDetails(type=kind, loc=key_path, input=value)
    if kind == "model_type":
        details["ctx"] = {"class_name": "Check"}
    return ValidationError.from_exception_data("Check", [details])


def _read_environment(value: Any) -> EnvironmentSettings:
    from pytest_mlops.config.environment_settings import EnvironmentSettings  # noqa: PLC0415 -- see above

    return EnvironmentSettings.model_validate(value)


if TYPE_CHECKING:
    CheckEntry = Check
    EnvironmentEntry = EnvironmentSettings
else:
    CheckEntry = Annotated[Any, PlainValidator(_read_check), _CheckSchema()]
    EnvironmentEntry = Annotated[Any, PlainValidator(_read_environment), _EnvironmentSchema()]
