"""Mistakes that only several entries of a configuration show together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from pytest_mlops.config.problems import KeyPath, Mistake
from pytest_mlops.records.base import Record
from pytest_mlops.records.policy import Requirement, Waiver
from pytest_mlops.records.rule import Rule
from pytest_mlops.text import render_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


__all__ = ["cross_mistakes"]

_R = TypeVar("_R", bound=Record)


def cross_mistakes(data: Mapping[str, Any]) -> list[Mistake]:
    """Return duplicate cells and rules, blank names, and waivers of rules that do not exist.

    Entries that are wrong by themselves are left out, so that one mistake is not named twice.
    """
    requirements = _valid(data.get("requirements"), Requirement)
    rules = _valid(data.get("rules"), Rule)
    waivers = _valid(data.get("waivers"), Waiver)
    written = data.get("rules")
    all_rules_known = written is None or (isinstance(written, list) and len(rules) == len(written))
    return [
        *_blank_names("requirements", requirements, ("capability", "slices", "datasets")),
        *_repeated_entries(requirements),
        *_repeated_cells(requirements),
        *_blank_names("rules", rules, ("id", "metric", "slice", "dataset")),
        *_repeated_rules(rules),
        *(_unmatched_waivers(waivers, rules) if all_rules_known else ()),
    ]


def _valid(entries: object, record: type[_R]) -> dict[int, _R]:
    found = {}
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        try:
            found[index] = record.model_validate(entry)
        except ValidationError:
            continue
    return found


def _blank_names(section: str, entries: Mapping[int, Record], fields: Sequence[str]) -> Iterator[Mistake]:
    for index, entry in entries.items():
        for field in fields:
            for key_path, name in _names((section, index, field), getattr(entry, field)):
                if name and not name.strip():
                    yield Mistake(key_path=key_path, message="is nothing but white space; give it a name")


def _names(key_path: KeyPath, value: str | tuple[str, ...] | None) -> Iterable[tuple[KeyPath, str]]:
    if isinstance(value, tuple):
        return [((*key_path, index), name) for index, name in enumerate(value)]
    return [(key_path, value or "")]


def _repeated_entries(requirements: Mapping[int, Requirement]) -> Iterator[Mistake]:
    for index, requirement in requirements.items():
        for field in ("slices", "datasets"):
            names = getattr(requirement, field)
            for position, name in enumerate(names):
                if name in names[:position]:
                    key_path = ("requirements", index, field, position)
                    yield Mistake(key_path=key_path, message=f'"{name}" is in this list already; remove one')


def _repeated_cells(requirements: Mapping[int, Requirement]) -> Iterator[Mistake]:
    owner: dict[str, int] = {}
    for index, requirement in requirements.items():
        titles = dict.fromkeys(cell.title for cell in requirement.cells())
        taken = [title for title in titles if title in owner]
        if taken:
            where = render_path(("requirements", owner[taken[0]]))
            noun = "the cell" if len(taken) == 1 else "the cells"
            message = f"declares {noun} {', '.join(taken)} that {where} declares already; remove one"
            yield Mistake(key_path=("requirements", index), message=message)
        for title in titles:
            owner.setdefault(title, index)


def _repeated_rules(rules: Mapping[int, Rule]) -> Iterator[Mistake]:
    owner: dict[str, int] = {}
    for index, rule in rules.items():
        if rule.name in owner:
            where = render_path(("rules", owner[rule.name]))
            message = f"has the name {rule.name}, as {where} has; give one of them an id of its own"
            yield Mistake(key_path=("rules", index), message=message)
        owner.setdefault(rule.name, index)


def _unmatched_waivers(waivers: Mapping[int, Waiver], rules: Mapping[int, Rule]) -> Iterator[Mistake]:
    known = [rule.name for rule in rules.values()]
    for index, waiver in waivers.items():
        if waiver.rule is not None and waiver.rule not in known:
            from pytest_mlops.config.messages import nearest  # noqa: PLC0415 -- as all mistakes

            hint = nearest(waiver.rule, known) or f"; rules here: {', '.join(known) or 'none'}"
            message = f'"{waiver.rule}" is not the name of a rule{hint}'
            yield Mistake(key_path=("waivers", index, "rule"), message=message)
