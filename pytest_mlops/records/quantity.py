"""CPU and memory quantities in the notation of Kubernetes: ``500m``, ``1.5``, ``512Mi``, ``2G``."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

__all__ = ["Bytes", "Cores", "in_bytes", "in_cores"]

_CORES = re.compile(r"(?P<number>\d{1,6}(?:\.\d{1,3})?)(?P<milli>m?)")
_BYTES = re.compile(r"(?P<number>\d{1,15}(?:\.\d{1,3})?)(?P<unit>[kMGT]i?|)")
_UNITS = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "ki": 2**10,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}


def in_cores(text: str) -> float:
    """Return a CPU quantity in cores; ``500m`` is 0.5.

    Raises:
        ValueError: ``text`` is not a CPU quantity above 0.
    """
    found = _CORES.fullmatch(text)
    cores = float(found["number"]) / (1000 if found["milli"] else 1) if found else 0.0
    if not cores:
        raise ValueError(f"got {text!r}; expected a CPU quantity above 0, such as 500m or 1.5")
    return cores


def in_bytes(text: str) -> int:
    """Return a memory quantity in bytes; ``1Mi`` is 1,048,576.

    Raises:
        ValueError: ``text`` is not a memory quantity above 0.
    """
    found = _BYTES.fullmatch(text.replace("Ki", "ki"))
    size = int(Decimal(found["number"]) * _UNITS[found["unit"]]) if found else 0
    if not size:
        raise ValueError(f"got {text!r}; expected a memory quantity above 0, such as 512Mi or 2G")
    return size


def _cores(text: str) -> str:
    in_cores(text)
    return text


def _bytes(text: str) -> str:
    in_bytes(text)
    return text


Cores = Annotated[str, StringConstraints(strict=True), AfterValidator(_cores)]
Bytes = Annotated[str, StringConstraints(strict=True), AfterValidator(_bytes)]
