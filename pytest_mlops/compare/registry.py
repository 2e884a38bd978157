"""A baseline from the registry: the evidence of the version that an alias points to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.compare.baseline import NoBaseline, read_baseline
from pytest_mlops.errors import EvidenceError, NotRegistered, StoreError
from pytest_mlops.verdict import Context

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.compare.baseline import Baseline, Candidate
    from pytest_mlops.registry.entries import VersionEntry
    from pytest_mlops.registry.registry import Registry

__all__ = ["RegistrySource"]


@dataclass(frozen=True, slots=True)
class RegistrySource:
    """The evidence of the version that an alias of the candidate's model points to."""

    alias: str

    def find(self, candidate: Candidate) -> Baseline | NoBaseline:
        """Return the record of that version, verified, with a copy of its arrays.

        In a pull request and for a release the store has to be one that ``$MLOPS_STORE_URL`` names: the
        change under review could have written the one in its checkout.

        Raises:
            EvidenceError: there is such a version, and its evidence cannot be had or trusted; or the store
                cannot be read, which is no proof that there is none, or is part of the checkout under review.
            IoError: the copy could not be written.
        """
        if candidate.version is None:
            raise EvidenceError(
                f"registry:{self.alias} is an alias of a model, and no model is named; set model.id"
            )
        try:
            return self._read(candidate, candidate.version.model_id)
        except (StoreError, NotRegistered) as error:
            raise EvidenceError(f"registry:{self.alias} cannot be read: {error}") from error

    def _read(self, candidate: Candidate, model_id: str) -> Baseline | NoBaseline:
        from pytest_mlops.registry.registry import open_registry  # noqa: PLC0415 -- of the ops extra
        from pytest_mlops.store.engine import store_exists  # noqa: PLC0415

        if not store_exists(folder=candidate.folder):
            return self._none()
        if candidate.context is not Context.LOCAL and not candidate.environ.get("MLOPS_STORE_URL"):
            raise EvidenceError(
                f"registry:{self.alias} would be read from the store in the checkout, which the change under "
                "review can have written; set MLOPS_STORE_URL to a store that it cannot have written"
            )
        with open_registry(candidate.folder) as registry:
            entry = _entry(registry, model_id, self.alias)
            if entry is None:
                return self._none()
            folder = _fetch(registry, entry, candidate.arrays.parent / "baselines")
        return _verified(f"registry:{self.alias}", entry, folder)

    def _none(self) -> NoBaseline:
        return NoBaseline(why=(f"there is no registry:{self.alias}",))


def _entry(registry: Registry, model_id: str, alias: str) -> VersionEntry | None:
    try:
        return registry.get_by_alias(model_id, alias)
    except NotRegistered:
        return None


def _fetch(registry: Registry, entry: VersionEntry, kept: Path) -> Path:
    """Write the record that a version rests on, and what lies beside it, to a folder below ``kept``."""
    from pytest_mlops.registry.lineage import EVIDENCE  # noqa: PLC0415 -- as above

    links = registry.links(entry)
    digests = [link.digest for link in links if (link.relation, link.target) == (EVIDENCE, entry.run_id)]
    if not digests or digests[0] is None or registry.artifacts is None:
        raise EvidenceError(
            f"{entry.model_id} {entry.version_id} was registered without its record and arrays; register it "
            "again from the record of its run"
        )
    return registry.artifacts.get(digests[0], kept / digests[0])


def _verified(source: str, entry: VersionEntry, folder: Path) -> Baseline:
    from pytest_mlops.registry.proof import UNTRUSTED  # noqa: PLC0415 -- as above
    from pytest_mlops.registry.submission import RECORD_NAME  # noqa: PLC0415 -- as above

    found = read_baseline(source, folder / RECORD_NAME, run_id=entry.run_id)
    record = found.record
    if record is None or record.provenance.trust == UNTRUSTED:
        raise EvidenceError(
            f"{entry.model_id} {entry.version_id} is from a run of an untrusted pull request, which "
            "may be forged; register it again from a run of a trusted branch"
        )
    tested = None if record.model_version is None else record.model_version.digest
    if tested is None or tested != entry.digest:
        raise EvidenceError(
            f"the record of {entry.model_id} {entry.version_id} is of a model with the digest {tested}; the "
            f"registry has {entry.digest}"
        )
    return found
