"""The text of a first ``mlops.yaml``, each line explained."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_mlops.operations.scan import Found

__all__ = ["measures_size", "model_id", "starter_config"]

HEAD = """\
# What this model must show before it may ship. `pytest --mlops-gate` judges it,
# `pytest-mlops explain` explains it, `pytest-mlops validate` lists every mistake.
version: 1                    # of this format

"""
MODEL = """\
# The model version under test.
model:
  id: {id}
  version: "1"                # quote it: YAML reads 2026.10 as the number 2026.1
"""
ARTIFACT = """\
  artifact: {artifact}   # its bytes: a file or folder at or below this one
"""
NO_ARTIFACT = """\
  # artifact: model/          # its bytes: a file or folder at or below this one; needed for a deployment
"""
REQUIREMENTS = """
# What the model has to do: capabilities, and the slices of the data on which each is tested. Coverage is
# measured on this list. Tests declare what they cover: @pytest.mark.model_test(covers=["capability:slice"]).
"""
NO_REQUIREMENTS = """\
# requirements:
#   - {capability: ranking, slices: [all, "age<40"], weight: 2}
#   - {capability: calibration}           # slices: [all]
"""
COMPUTED = """\
# Some tests compute the cells that they cover; declare those here, and all the others:
"""
GATE = """
gate:
  min_pass_rate: 1.0          # share of the model tests that must pass
  min_coverage: 0.8           # weighted share of the requirements that conclusive tests must exercise
  min_quality_score: 0.7      # weighted mean of metrics, pass rate and code quality: can block, never rescue
  on_undecided: allow         # what a pull request does when the evidence does not suffice: allow or block

# Bounds on what the tests record: the numbers below which you would not ship.
# rules:
#   - {metric: accuracy, min: 0.9}
#   - {metric: recall, slice: "age<40", min: 0.8, confidence: 0.95}   # the lower bound must keep 0.8
#   - {metric: latency_p99_ms, max: 50}

# Ready-made model tests; `of` names a fixture in the conftest.py beside this file.
"""
CHECKS = """\
# checks:
#   - {check: metric_floor, of: holdout, model: model, metric: accuracy, min: 0.9}
"""
SIZE_CHECK = """\
checks:
  # The artifact exists, is not empty and stays below a size; this says nothing about the model's answers.
  - {{check: model_size, max_mb: {max_mb}}}   # twice what it has now, or 1
  # - {{check: metric_floor, of: holdout, model: model, metric: accuracy, min: 0.9}}
"""
MEGABYTE = 1_000_000
"""Bytes, as for the check."""


def starter_config(found: Found, *, folder_name: str) -> str:
    """Return a configuration that is valid, and demands no more than the tests there claim to show.

    Where there is a model and no model test, it names a check of the model's size, the one thing that can be
    measured about a model without calling it.
    """
    parts = [HEAD, MODEL.format(id=_quoted(model_id(folder_name)))]
    parts.append(NO_ARTIFACT if found.artifact is None else ARTIFACT.format(artifact=_quoted(found.artifact)))
    parts.append(REQUIREMENTS)
    if found.covers and not found.computed:
        parts.append("requirements:\n")
        parts += _requirements(found.covers)
    else:
        parts += [COMPUTED] if found.computed else []
        parts += [f"# {line}" for line in _requirements(found.covers)] or [NO_REQUIREMENTS]
    max_mb = max(1, -(-2 * found.artifact_bytes // MEGABYTE))
    return "".join([*parts, GATE, SIZE_CHECK.format(max_mb=max_mb) if measures_size(found) else CHECKS])


def measures_size(found: Found) -> bool:
    """Tell whether the configuration measures the model's size, since nothing else would be measured."""
    return found.artifact is not None and not found.marked


def model_id(folder_name: str) -> str:
    """Return a model's name, made from that of its folder."""
    return re.sub(r"[^\w.-]+", "-", folder_name).strip("-.")[:100] or "my-model"


def _requirements(covers: Iterable[str]) -> Iterator[str]:
    slices: dict[str, list[str]] = {}
    for cell in covers:
        capability, _, part = cell.partition(":")
        slices.setdefault(capability, []).append(part)
    for capability, parts in slices.items():
        listed = ", ".join(map(_quoted, parts))
        yield f"  - {{capability: {_quoted(capability)}, slices: [{listed}]}}\n"


def _quoted(text: str) -> str:
    """Write a text so that YAML reads it back: as it is where that is safe, else in quotes."""
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_./-]*", text) and text.lower() not in {
        *("true", "false", "yes", "no", "on", "off", "null", "y", "n"),
    }
    return text if plain else json.dumps(text, ensure_ascii=False)
