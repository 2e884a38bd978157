"""Limits on YAML, checked on its events before anything is built from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    NodeEvent,
    ScalarEvent,
)

from pytest_mlops.errors import refuse

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "check_events"]

MAX_BYTES = 1024 * 1024
"""A thousand rules take about 100 kB, so a larger file is not a configuration."""

MAX_DEPTH = 32
"""The format nests five deep; what builds the data recurses once a level."""

MAX_NODES = 20_000
"""A thousand rules have about 8,000 values; ten lines of nested aliases can stand for billions."""


def check_events(text: str, source: str) -> None:
    """Refuse a document too deep, too large once its aliases are followed, tagged, or not alone in its file.

    Raises:
        ConfigError: naming the line.
        yaml.YAMLError: the text is not YAML.
    """
    guard = _Guard(source)
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        guard.take(event)


@dataclass(kw_only=True, slots=True)
class _Open:
    """A list or mapping whose end has not been seen."""

    anchor: str | None
    before: int
    """Nodes ahead of it."""
    height: int = 1
    """Levels from it down to the deepest seen inside it, itself included."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Extent:
    """How much an anchor stands for, aliases inside it followed."""

    nodes: int
    height: int


class _Guard:
    """Counts nodes and levels as if each alias were written out."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._documents = 0
        self._nodes = 0
        self._open: list[_Open] = []
        self._anchors: dict[str, _Extent] = {}

    def take(self, event: Event) -> None:
        if isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._refuse(event, "a second document starts here; expected one, so remove the line ---")
        elif isinstance(event, CollectionEndEvent):
            self._close()
        elif isinstance(event, NodeEvent):
            self._node(event)

    def _node(self, event: NodeEvent) -> None:
        if isinstance(event, AliasEvent):
            self._grow(event, self._extent_of(event))
            return
        if isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag is not None:
            self._refuse(
                event, f"the tag {_tag(event.tag)} is not supported; remove it (to write text, use quotes)"
            )
        if isinstance(event, CollectionStartEvent):
            self._open.append(_Open(anchor=event.anchor, before=self._nodes))
            self._grow(event, _Extent(nodes=1, height=0))
        else:
            self._grow(event, _Extent(nodes=1, height=0))
            self._remember(event.anchor, _Extent(nodes=1, height=0))

    def _extent_of(self, event: AliasEvent) -> _Extent:
        if any(item.anchor == event.anchor for item in self._open):
            self._refuse(
                event, f"the alias *{event.anchor} is inside the value of its anchor; write the value out"
            )
        if event.anchor not in self._anchors:
            self._refuse(event, f"the alias *{event.anchor} has no anchor above it; write its value out")
        return self._anchors[event.anchor]

    def _grow(self, event: Event, extent: _Extent) -> None:
        self._nodes += extent.nodes
        if self._nodes > MAX_NODES:
            self._refuse(event, f"more than {MAX_NODES:,} values, aliases followed; split the file")
        if len(self._open) + extent.height > MAX_DEPTH:
            self._refuse(event, f"nested more than {MAX_DEPTH} levels deep; the format needs five")
        if self._open:
            self._open[-1].height = max(self._open[-1].height, 1 + extent.height)

    def _close(self) -> None:
        closed = self._open.pop()
        if self._open:
            self._open[-1].height = max(self._open[-1].height, 1 + closed.height)
        self._remember(closed.anchor, _Extent(nodes=self._nodes - closed.before, height=closed.height))

    def _remember(self, anchor: str | None, extent: _Extent) -> None:
        if anchor is not None:
            self._anchors[anchor] = extent

    def _refuse(self, event: Event, message: str) -> NoReturn:
        mark = event.start_mark
        refuse(self._source, message, mark.line + 1 if mark is not None else None)


def _tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!", 1)
