"""A worker config: one configuration, as the process that runs its tests knows it.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_mlops.checks.base import Check
    from pytest_mlops.records.model import ModelVersion

__all__ = ["WorkerConfig", "WorkerSettings", "nearest"]


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerSettings:
    """What the process that runs tests needs of one configuration, in JSON types."""

    folder: str
    """Where arrays and artifacts are kept."""
    gates: str | None = None
    """Folder whose tests it gates; ``None`` where it is the only configuration and gates them all."""
    cells: tuple[tuple[str, str | None], ...] = ()
    gate_decides: bool = False
    """Whether any failed model test is left to the gate, since ``min_pass_rate`` is below 1."""
    waived: tuple[str, ...] = ()
    """Tests that waivers name: their failures are left to the gate."""
    workers: int = 0
    config: str | None = None
    """``mlops.yaml``, where it declares checks."""
    checks: tuple[tuple[dict[str, Any], int | None], ...] = ()
    """Each declared check, and its 1-based line."""
    model_version: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> WorkerSettings:
        """Read what :meth:`to_json` wrote; xdist turns tuples into lists on the way or not."""
        cells = tuple((name, dataset) for name, dataset in data["cells"])
        checks = tuple((entry, line) for entry, line in data["checks"])
        return cls(**{**data, "cells": cells, "waived": tuple(data["waived"]), "checks": checks})


class WorkerConfig:
    """One configuration in the process that runs its tests, with the keys that were recorded.

    Args:
        settings: The configuration, as the controller sent it.
        extra_checks: Checks that plugins provide, by name.
    """

    def __init__(
        self, settings: WorkerSettings, extra_checks: Mapping[str, type[Check]] | None = None
    ) -> None:
        self.settings = settings
        self.folder = Path(settings.folder)
        self.owners: dict[tuple[str, str, str | None], str] = {}
        """Key (name, slice, dataset) -> node id of the test that recorded it."""
        self._extra_checks = extra_checks

    @property
    def checks(self) -> list[tuple[Check, int | None]]:
        """The declared checks, each with its 1-based line."""
        from pytest_mlops.checks.catalog import find_check  # noqa: PLC0415 -- where there are checks only

        extra = self._extra_checks
        classes = [(find_check(entry["check"], extra), entry, line) for entry, line in self.settings.checks]
        return [(cls.model_validate(entry), line) for cls, entry, line in classes if cls is not None]

    def model_version(self) -> ModelVersion | None:
        """Return the version under test, its ``artifact_path`` absolute."""
        if self.settings.model_version is None:
            return None
        from pytest_mlops.records.model import ModelVersion  # noqa: PLC0415 -- pydantic only when needed

        return ModelVersion.model_validate(self.settings.model_version)


def nearest(path: Path, folders: Sequence[Path]) -> int | None:
    """Return the position of the deepest of ``folders`` at or above ``path``; ``None`` if there is none."""
    above = [index for index, folder in enumerate(folders) if path.is_relative_to(folder)]
    return max(above, key=lambda index: len(folders[index].parts), default=None)
