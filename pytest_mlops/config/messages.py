"""Messages about what pydantic found wrong with a configuration."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import AliasChoices

from pytest_mlops.config.entries import entry_class
from pytest_mlops.config.models import Config
from pytest_mlops.config.problems import KeyPath, Mistake
from pytest_mlops.records.base import Record
from pytest_mlops.text import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pydantic import ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    from pytest_mlops.checks.base import Check
    from pytest_mlops.config.yaml import Document

__all__ = ["nearest", "schema_mistakes"]

_SHOWN = 40
"""Characters of a value that a message repeats."""

_TYPES = {
    "string_type": "text",
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}
_BOUNDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "of at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "of at most"),
}


def schema_mistakes(
    error: ValidationError, document: Document, checks: Mapping[str, type[Check]] | None = None
) -> list[Mistake]:
    """Return one mistake for each of pydantic's errors, placed where the document has it.

    Args:
        error: What validation raised.
        document: What was validated.
        checks: Checks that plugins bring along, by name.
    """
    return [_mistake(detail, document, checks or {}) for detail in error.errors(include_url=False)]


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean "min"?`` for the known word closest to ``word``, or nothing."""
    by_lower = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), by_lower, n=1)
    return f"; did you mean {_quoted(by_lower[close[0]])}?" if close else ""


def _mistake(detail: ErrorDetails, document: Document, checks: Mapping[str, type[Check]]) -> Mistake:
    key_path: KeyPath = detail["loc"]
    if detail["type"] == "missing":
        return Mistake(key_path=key_path, message=f"is missing; add `{key_path[-1]}:` with a value")
    # A shorthand like `mae: 0.5` stands for {weight: 0.5}, which the document does not have.
    while key_path and key_path not in document.lines:
        key_path = key_path[:-1]
    fault = _Fault(
        kind=detail["type"],
        value=detail["input"],
        context=detail.get("ctx", {}),
        key_path=key_path,
        spelling=document.spellings.get(key_path),
        data=document.data,
        checks=checks,
    )
    describe = _MESSAGES.get(fault.kind)
    message = describe(fault) if describe is not None else f"{detail['msg']}, got {fault.got}"
    return Mistake(key_path=key_path, message=message)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fault:
    """One of pydantic's errors, in the terms of the document."""

    kind: str
    value: Any
    context: Mapping[str, Any]
    key_path: KeyPath
    spelling: str | None
    data: Any
    checks: Mapping[str, type[Check]]

    @property
    def got(self) -> str:
        return _shown(self.value, self.spelling)


def _wrong_type(fault: _Fault) -> str:
    return f"expected {_TYPES[fault.kind]}, got {fault.got}{_type_hint(fault)}"


def _type_hint(fault: _Fault) -> str:
    kind, value = fault.kind, fault.value
    if value is None:
        return "; give it a value, or remove the key"
    if kind == "string_type" and isinstance(value, bool | int | float):
        return f"; write it in quotes: {_quoted(fault.spelling or str(value))}"
    if kind in {"float_type", "int_type"}:
        return _number_hint(value)
    if kind == "tuple_type" and not isinstance(value, dict):
        return f"; write it in brackets: [{fault.spelling or value}]"
    if kind == "model_type":
        return f"; its keys are {', '.join(_known_keys(fault.key_path, fault))}"
    return ""


def _number_hint(value: object) -> str:
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return ""
        return "; remove the quotes"
    if isinstance(value, int) and not isinstance(value, bool):
        return ", which is too large"
    return ""


def _out_of_bounds(fault: _Fault) -> str:
    name, word = _BOUNDS[fault.kind]
    bound = fault.context[name]
    hint = ""
    if name == "le" and bound == 1 and fault.value <= 100:
        hint = f"; it is a share, so {fault.value:g} % is {fault.value / 100:g}"
    return f"expected a number {word} {bound:g}, got {fault.got}{hint}"


def _not_a_choice(fault: _Fault) -> str:
    choices = re.findall(r"'([^']*)'", fault.context["expected"])
    return f"expected {' or '.join(choices)}, got {fault.got}{nearest(str(fault.value), choices)}"


def _unknown_key(fault: _Fault) -> str:
    known = _known_keys(fault.key_path[:-1], fault)
    if not known:
        return f"is not available yet; leave `{fault.key_path[-2]}: {{}}` empty"
    hint = nearest(str(fault.key_path[-1]), known)
    return f"is not a known key{hint or '.'} Known here: {', '.join(known)}"


def _too_long(fault: _Fault) -> str:
    return f"has {len(fault.value):,} characters; expected at most {fault.context['max_length']:,}"


_MESSAGES: Mapping[str, Callable[[_Fault], str]] = {
    **dict.fromkeys(_TYPES, _wrong_type),
    **dict.fromkeys(_BOUNDS, _out_of_bounds),
    **dict.fromkeys(("literal_error", "enum"), _not_a_choice),
    **dict.fromkeys(
        ("string_too_short", "too_short"), lambda _: "is empty; give it a value, or remove the key"
    ),
    "extra_forbidden": _unknown_key,
    "finite_number": lambda fault: f"expected a finite number, got {fault.got}",
    "string_too_long": _too_long,
    "string_pattern_mismatch": lambda fault: f"expected a plain name, as Python's are, got {fault.got}",
    "value_error": lambda fault: str(fault.context["error"]),
}


def _known_keys(key_path: KeyPath, fault: _Fault) -> list[str]:
    """Return the keys of the record at ``key_path``; that of a check depends on which it names."""
    annotation: Any = Config
    if len(key_path) >= 2 and key_path[0] in {"checks", "environments"}:
        section, key, *rest = key_path
        annotation, key_path = entry_class(section, fault.data[section][key], fault.checks), tuple(rest)
    for part in key_path:
        record = _find(annotation, Record)
        if _find(annotation, dict) is not None or isinstance(part, int):
            annotation = record
        else:
            annotation = _fields(record)[part].annotation
    record = _find(annotation, Record)
    return list(_fields(record)) if record is not None else []


def _fields(record: type[Record]) -> dict[str, FieldInfo]:
    """Return the fields of a record by the keys that the document has for them."""
    return {_key(name, field): field for name, field in record.model_fields.items()}


def _key(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else name


def _find(annotation: Any, kind: type) -> Any:
    """Return the first type in ``annotation`` that is a ``kind``, looking into unions, lists and mappings."""
    origin = get_origin(annotation)
    if isinstance(origin, type) and issubclass(origin, kind):
        return origin
    if origin is None:
        return annotation if isinstance(annotation, type) and issubclass(annotation, kind) else None
    found = (_find(argument, kind) for argument in get_args(annotation))
    return next((item for item in found if item is not None), None)


def _shown(value: object, spelling: str | None) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"the text {_quoted(cut(value, _SHOWN))}"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    text = spelling if spelling is not None else str(value)
    return cut(text, _SHOWN)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
