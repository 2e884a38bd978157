"""A baseline from a CI run of another branch, fetched before the tests and listed in a receipt."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from pytest_mlops.ci.context import on_github
from pytest_mlops.compare.baseline import NoBaseline, read_baseline
from pytest_mlops.errors import EvidenceError
from pytest_mlops.files import OsErrorsAs, write_atomically
from pytest_mlops.records.base import Digest, Record, Text

if TYPE_CHECKING:
    from pytest_mlops.compare.baseline import Baseline, Candidate

__all__ = ["FOLDER_VARIABLE", "ArtifactSource", "Fetched", "Receipt", "read_receipt", "write_receipt"]

FOLDER_VARIABLE = "MLOPS_BASELINES"
"""Environment variable that names the folder of the fetched baselines."""

RECEIPT = "baselines.json"
MAX_RECEIPT_BYTES = 1024 * 1024


class Fetched(Record):
    """What looking for one source came to."""

    status: Literal["found", "none", "failed"]
    message: Text
    """Where it came from, or why there is none."""
    record: Text | None = None
    """Path of the record, relative to the receipt."""
    digest: Digest | None = None
    """SHA-256 of the record's bytes as they were fetched."""
    history: tuple[Text, ...] = ()
    """Paths of good records before it, the newest first."""


class Receipt(Record):
    """Every source that was looked for."""

    sources: dict[str, Fetched] = {}


@dataclass(frozen=True, slots=True)
class ArtifactSource:
    """The record of the last good run of a branch, as ``artifact:main``."""

    name: str

    def find(self, candidate: Candidate) -> Baseline | NoBaseline:
        """Return what was fetched before the tests, which therefore need no token.

        Raises:
            EvidenceError: on GitHub it was not fetched, fetching failed, or it was changed since.
        """
        folder = candidate.environ.get(FOLDER_VARIABLE)
        if not folder:
            if on_github(candidate.environ):
                raise EvidenceError(
                    f"{self.name} was not fetched: run `pytest-mlops github baseline` first, as the action "
                    f"does, and name its folder in {FOLDER_VARIABLE}"
                )
            return NoBaseline(why=(f"{self.name} is available only on GitHub Actions",))
        return self._received(Path(folder))

    def _received(self, folder: Path) -> Baseline | NoBaseline:
        found = read_receipt(folder).sources.get(self.name)
        if found is None:
            raise EvidenceError(f"{folder / RECEIPT} does not list {self.name}; fetch it before the tests")
        if found.status == "failed":
            raise EvidenceError(f"{self.name} could not be fetched: {found.message}")
        if found.status == "none" or found.record is None:
            return NoBaseline(why=(f"{self.name}: {found.message}",))
        path = (folder / found.record).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise EvidenceError(f"{folder / RECEIPT} names a record outside its folder: {found.record}")
        if _digest(path) != found.digest:
            raise EvidenceError(f"{path} was changed after it was fetched; fetch it again")
        return read_baseline(self.name, path)


def read_receipt(folder: Path) -> Receipt:
    """Read what was fetched.

    Raises:
        EvidenceError: there is no receipt, or it has another format.
    """
    path = folder / RECEIPT
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_RECEIPT_BYTES)
        return Receipt.model_validate_json(text)
    except OSError as error:
        raise EvidenceError(f"cannot read {path}: {error.strerror or error}") from error
    except ValidationError as error:
        raise EvidenceError(f"{path} is not a receipt of fetched baselines") from error


def write_receipt(folder: Path, receipt: Receipt) -> None:
    """Note what was fetched.

    Raises:
        IoError: it could not be written.
    """
    data = receipt.model_dump(mode="json", exclude_none=True)
    write_atomically(folder / RECEIPT, json.dumps(data, indent=1, sort_keys=True).encode())


def _digest(path: Path) -> str:
    with OsErrorsAs(EvidenceError, f"cannot read {path}"), path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
