"""The ``model_test`` marker and how it is read.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pytest_mlops.text import cut

if TYPE_CHECKING:
    import pytest

__all__ = ["ModelTestMark", "read_mark", "undeclared"]

MAX_NAME = 200
"""Characters of a cell or a data set."""

SIGNATURE = 'model_test(covers=["capability:slice"], dataset="name")'


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelTestMark:
    """The content of the marker: the cells a test claims, and the data set it measures on."""

    covers: tuple[str, ...] = ()
    dataset: str | None = None


def read_mark(mark: pytest.Mark) -> ModelTestMark | str:
    """Read one marker, or return what is wrong with it."""
    if mark.args:
        return f"got a positional argument {mark.args[0]!r}; write {SIGNATURE}"
    unknown = sorted(set(mark.kwargs) - {"covers", "dataset"})
    if unknown:
        return f"got an unknown argument {unknown[0]!r}; expected {SIGNATURE}"
    covers, dataset = mark.kwargs.get("covers", ()), mark.kwargs.get("dataset")
    if isinstance(covers, str):
        covers = (covers,)
    if not isinstance(covers, Sequence) or not all(isinstance(cell, str) and cell for cell in covers):
        return f"covers is {covers!r}; expected a list of cells, as in {SIGNATURE}"
    if dataset is not None and not (isinstance(dataset, str) and dataset):
        return f"dataset is {dataset!r}; expected the name of a data set"
    # A capability alone means its slice of every example.
    named = [cell if ":" in cell else f"{cell}:all" for cell in covers]
    for name in (*named, dataset or ""):
        if len(name) > MAX_NAME:
            return f"names {cut(name, 40)!r}, of {len(name)} characters; expected at most {MAX_NAME}"
    return ModelTestMark(covers=tuple(dict.fromkeys(named)), dataset=dataset)


def undeclared(mark: ModelTestMark, cells: Sequence[tuple[str, str | None]]) -> str | None:
    """Return which claimed cell ``mlops.yaml`` does not declare; ``None`` if all are declared.

    Args:
        mark: The marker of one test.
        cells: (name, data set) of every declared cell; with none declared every claim is accepted.
    """
    if not cells:
        return None
    names = sorted({name for name, _ in cells})
    for claim in mark.covers:
        datasets = [dataset for name, dataset in cells if name == claim]
        if not datasets:
            near = get_close_matches(claim, names, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]!r}?" if near else f"Declared are: {', '.join(names)}."
            return f"covers {claim!r}, a cell that mlops.yaml does not declare. {hint}"
        if mark.dataset not in datasets and None not in datasets:
            known = ", ".join(str(dataset) for dataset in datasets)
            got = "names no data set" if mark.dataset is None else f"names the data set {mark.dataset!r}"
            return f"covers {claim!r}, which is required on the data sets {known}, but the marker {got}"
    return None
