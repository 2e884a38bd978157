"""A baseline from the registry: the evidence of the version that an alias points to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError, NotRegistered, StoreError
from pytest_mlops.evidence.verify import read_record, verify_record
from pytest_mlops.verdict import Context

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.registry.entries import VersionEntry
    from pytest_mlops.registry.registry import Registry

__all__ = ["find_registered"]


def find_registered(
    alias: str, model_id: str, *, folder: Path, kept: Path, context: Context = Context.LOCAL
) -> Path | None:
    """Return where the record of the version that ``alias`` points to was put, verified, with its arrays.

    Args:
        alias: The alias, as ``champion``.
        model_id: The model.
        folder: Folder of ``mlops.yaml``, below which the store lies unless the environment says otherwise.
        kept: Where to put the record and its arrays.
        context: Where the question is asked. In a pull request and for a release the store has to be one that
            ``$MLOPS_STORE_URL`` names: the change under review could have written the one in its checkout.

    Returns:
        ``None`` where there is no store yet, or the alias points nowhere.

    Raises:
        EvidenceError: there is such a version, and its evidence cannot be had or trusted; or the store
            cannot be read, which is no proof that there is none, or is part of the checkout under review.
    """
    try:
        from pytest_mlops.registry.registry import open_registry  # noqa: PLC0415 -- of the ops extra
        from pytest_mlops.store.engine import store_exists  # noqa: PLC0415

        if not store_exists(folder=folder):
            return None
        if context is not Context.LOCAL and not os.environ.get("MLOPS_STORE_URL"):
            raise EvidenceError(
                f"registry:{alias} would be read from the store in the checkout, which the change under "
                "review can have written; set MLOPS_STORE_URL to a store that it cannot have written"
            )
        with open_registry(folder) as registry:
            entry = _entry(registry, model_id, alias)
            if entry is None:
                return None
            place = _fetch(registry, entry, kept)
    except (StoreError, NotRegistered) as error:
        raise EvidenceError(f"registry:{alias} cannot be read: {error}") from error
    return _verified(entry, place)


def _entry(registry: Registry, model_id: str, alias: str) -> VersionEntry | None:
    try:
        return registry.get_by_alias(model_id, alias)
    except NotRegistered:
        return None


def _fetch(registry: Registry, entry: VersionEntry, kept: Path) -> Path:
    """Write the record that a version rests on, and what lies beside it, to a folder below ``kept``."""
    from pytest_mlops.registry.retention import EVIDENCE  # noqa: PLC0415 -- as above

    links = registry.links(entry)
    digests = [link.digest for link in links if (link.relation, link.target) == (EVIDENCE, entry.run_id)]
    if not digests or digests[0] is None or registry.artifacts is None:
        raise EvidenceError(
            f"{entry.model_id} {entry.version_id} was registered without its record and arrays; register it "
            "again from the record of its run"
        )
    return registry.artifacts.get(digests[0], kept / digests[0])


def _verified(entry: VersionEntry, place: Path) -> Path:
    from pytest_mlops.registry.proof import UNTRUSTED  # noqa: PLC0415 -- as above
    from pytest_mlops.registry.submission import RECORD_NAME  # noqa: PLC0415 -- as above

    path = place / RECORD_NAME
    record = read_record(path)
    verify_record(record, folder=place, run_id=entry.run_id)
    if record.provenance.trust == UNTRUSTED:
        raise EvidenceError(
            f"{entry.model_id} {entry.version_id} rests on a run that the code of an untrusted pull request "
            "made, which could state anything; register it again from a run of a branch of yours"
        )
    tested = None if record.model_version is None else record.model_version.digest
    if tested is None or tested != entry.digest:
        raise EvidenceError(
            f"the record of {entry.model_id} {entry.version_id} is of a model with the digest {tested}; the "
            f"registry has {entry.digest}"
        )
    return path
