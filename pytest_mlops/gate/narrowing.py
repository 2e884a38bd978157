"""How the person at the keyboard narrowed a run to a part of its tests.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

__all__ = ["Narrowing", "narrowing_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Narrowing:
    """Options that can leave tests out, sorted by how one learns that they did.

    Attributes:
        deselecting: Left-out tests are seen as deselected (``-k``, ``-m``, ``--deselect``).
        stopping: Left-out tests are seen as never run (``-x``, ``--maxfail``).
        resuming: Left-out tests are deselected or not even collected (``--lf``, ``--sw``).
        hiding: Left-out tests are not even collected (``--ignore``, node ids, paths).
    """

    deselecting: tuple[str, ...] = ()
    stopping: tuple[str, ...] = ()
    resuming: tuple[str, ...] = ()
    hiding: tuple[str, ...] = ()

    def effective(self, *, deselected: bool, stopped: bool, left_out: bool) -> tuple[str, ...]:
        """Return what did narrow this run."""
        options = (
            *(self.deselecting if deselected else ()),
            *(self.stopping if stopped else ()),
            *(self.resuming if deselected or left_out else ()),
            *(self.hiding if left_out else ()),
        )
        return tuple(dict.fromkeys(options))


def narrowing_of(config: pytest.Config) -> Narrowing:
    """Read the narrowing options of a run."""
    option = config.option
    deselecting = []
    if option.keyword:
        deselecting.append(f"-k {option.keyword!r}")
    if option.markexpr:
        deselecting.append(f"-m {option.markexpr!r}")
    if option.deselect:
        deselecting.append("--deselect")
    limit = option.maxfail
    stopping = ["-x" if limit == 1 else f"--maxfail={limit}"] if limit else []
    hiding = list(getattr(option, "file_or_dir", None) or ())
    if option.ignore:
        hiding.append("--ignore")
    if option.ignore_glob:
        hiding.append("--ignore-glob")
    return Narrowing(
        deselecting=tuple(deselecting),
        stopping=tuple(stopping),
        resuming=tuple(_from_cache(config)),
        hiding=tuple(map(str, hiding)),
    )


def _from_cache(config: pytest.Config) -> list[str]:
    """Return the options that run only what failed before, where something had."""
    option, cache = config.option, getattr(config, "cache", None)  # absent under -p no:cacheprovider
    if cache is None:
        return []
    found = []
    if getattr(option, "lf", False) and cache.get("cache/lastfailed", {}):
        found.append("--lf")
    if getattr(option, "stepwise", False):
        found.append("--stepwise")
    return found
