"""The runnable examples that come with the package."""

from __future__ import annotations

import shutil
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlops.errors import IoError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Example", "copy_examples", "needed"]

PACKAGE = Path(__file__).resolve().parents[1]
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*")


class Example(StrEnum):
    """The examples there are."""

    BREAST_CANCER = "breast_cancer"
    BREAST_CANCER_REGRESSED = "breast_cancer_regressed"
    CHAMPION_CHALLENGER = "champion_challenger"
    REGRESSION = "regression"
    CUSTOM_PLUGIN = "custom_plugin"
    SERVING = "serving"


def needed(example: Example) -> tuple[Example, ...]:
    """Return the examples that must be copied side by side for one to run, itself last."""
    if example is Example.BREAST_CANCER_REGRESSED:
        return Example.BREAST_CANCER, example
    return (example,)


def copy_examples(examples: Sequence[Example], folder: Path) -> list[Path]:
    """Copy examples into ``folder``, over what is there, and return where they lie.

    Raises:
        IoError: they could not be copied.
    """
    copied = []
    for example in examples:
        target = folder / example.value
        try:
            shutil.copytree(_home() / example.value, target, ignore=LEFT_OUT, dirs_exist_ok=True)
        except OSError as error:
            raise IoError(f"cannot copy the example to {target}: {error}") from error
        copied.append(target)
    return copied


def _home() -> Path:
    """Return where the examples are: inside an installed package, beside it in a checkout."""
    inside = PACKAGE / "examples"
    return inside if inside.is_dir() else PACKAGE.parent / "examples"
