"""YAML text as plain data, with the line of every value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError

from pytest_mlops.config.guard import MAX_BYTES, check_events
from pytest_mlops.config.problems import KeyPath, Mistake
from pytest_mlops.errors import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Document", "parse_yaml"]

_TAG = "tag:yaml.org,2002:"
# What is not named here, dates among it, stays the text it was written as.
_KINDS = {
    f"{_TAG}bool": "true or false",
    f"{_TAG}int": "a number",
    f"{_TAG}float": "a number",
    f"{_TAG}null": "nothing",
}
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]*|[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|nan)", re.IGNORECASE)
_MAX_DIGITS = 100
"""No number of a configuration is longer, and Python reads huge ones in quadratic time."""


class _Loader(yaml.SafeLoader):
    """YAML 1.1 as PyYAML reads it, except that 1e-3 is a number, as in YAML 1.2 and JSON."""


_Loader.add_implicit_resolver(
    f"{_TAG}float",
    re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+0123456789."),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A document as it was read.

    Attributes:
        data: Mappings, lists, text, numbers, true, false and ``None``.
        lines: Key path -> 1-based line, in the order of the document.
        spellings: Key path -> the text of an unquoted value, so that messages show 2026.10 and not 2026.1.
        mistakes: What is wrong with the YAML itself. The data hold what is left without it.
    """

    data: dict[str, Any]
    lines: Mapping[KeyPath, int]
    spellings: Mapping[KeyPath, str]
    mistakes: tuple[Mistake, ...]


def parse_yaml(content: bytes, source: str) -> Document:
    """Read one YAML document whose top level is a mapping; an empty one is an empty mapping.

    Args:
        content: The bytes of the file.
        source: Name of the file, for messages.

    Raises:
        ConfigError: not UTF-8, not YAML, past a limit of ``guard.py``, or no mapping at its top.
    """
    if len(content) > MAX_BYTES:
        refuse(source, f"the file is larger than the limit of {MAX_BYTES:,} bytes")
    text = _decode(content, source)
    try:
        check_events(text, source)
        root = yaml.compose(text, Loader=_Loader)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        refuse(source, f"contains the control character U+{ord(text[error.position]):04X}; remove it", line)
    except yaml.MarkedYAMLError as error:
        _refuse_syntax(error, source)
    builder = _Builder()
    data = builder.build(root, (), 1) if root is not None else {}
    if data is None:
        data = {}
    if not isinstance(data, dict):
        kind = "a list" if isinstance(data, list) else "a single value"
        refuse(source, f"the file contains {kind}; expected a mapping such as `version: 1`", 1)
    return Document(
        data=data, lines=builder.lines, spellings=builder.spellings, mistakes=tuple(builder.mistakes)
    )


def _decode(content: bytes, source: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        refuse(source, f"byte {error.start:,} is not UTF-8; save the file as UTF-8", line)


def _refuse_syntax(error: yaml.MarkedYAMLError, source: str) -> None:
    mark = error.problem_mark or error.context_mark
    found = " ".join(part for part in (error.context, error.problem) if part)
    found = found.replace("'<stream end>'", "the end of the file").replace(
        "<block end>", "the end of the block"
    )
    hint = ". Indent with spaces, not tabs" if "'\\t'" in found else ""
    column = f", column {mark.column + 1}" if mark is not None else ""
    refuse(source, f"not valid YAML: {found}{hint}{column}", mark.line + 1 if mark is not None else None)


class _Builder:
    """Builds data out of nodes; recursion is bounded by the guard."""

    def __init__(self) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.spellings: dict[KeyPath, str] = {}
        self.mistakes: list[Mistake] = []

    def build(self, node: Node, key_path: KeyPath, line: int) -> Any:
        self.lines[key_path] = line
        if isinstance(node, MappingNode):
            return self._mapping(node, key_path)
        if isinstance(node, SequenceNode):
            return [
                self.build(item, (*key_path, index), _line(item)) for index, item in enumerate(node.value)
            ]
        return self._scalar(node, key_path)

    def _mapping(self, node: MappingNode, key_path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = _line(key_node)
            wrong = _wrong_key(key_node)
            if wrong is not None:
                self.mistakes.append(
                    Mistake(key_path=(*key_path, _spelling(key_node)), message=wrong, line=line)
                )
                continue
            key = key_node.value
            if key in data:
                message = f"this key is on line {self.lines[*key_path, key]} already; keep one of the two"
                self.mistakes.append(Mistake(key_path=(*key_path, key), message=message, line=line))
                continue
            data[key] = self.build(value_node, (*key_path, key), line)
        return data

    def _scalar(self, node: Node, key_path: KeyPath) -> object:
        if node.tag not in _KINDS:
            return node.value
        self.spellings[key_path] = node.value
        wrong = _wrong_number(node) if _KINDS[node.tag] == "a number" else None
        if wrong is not None:
            self.mistakes.append(Mistake(key_path=key_path, message=wrong))
            return node.value
        return SafeConstructor().construct_object(node)


def _wrong_key(node: Node) -> str | None:
    if not isinstance(node, ScalarNode):
        return "a key must be text, got a list or mapping"
    if node.tag == f"{_TAG}merge":
        return "merge keys are not read; write the entries out here"
    if node.tag in _KINDS:
        return f'YAML reads this key as {_KINDS[node.tag]}, not as text; write it in quotes: "{node.value}"'
    return None


def _wrong_number(node: Node) -> str | None:
    if len(node.value) > _MAX_DIGITS:
        return f"a number of {len(node.value):,} characters; expected at most {_MAX_DIGITS}"
    if _DECIMAL.fullmatch(node.value) or _NOT_FINITE.fullmatch(node.value):
        return None
    return (
        f"{node.value} is read as different numbers by different YAML readers; "
        "write it in plain decimals, or in quotes where text is meant"
    )


def _spelling(node: Node) -> str:
    return node.value if isinstance(node, ScalarNode) else "?"


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1
