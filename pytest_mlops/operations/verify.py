"""Verifying a record: by its own evidence, its run and model, signatures, and an environment's demands."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlops.ci.context import context_of
from pytest_mlops.decision.judge import judge_again
from pytest_mlops.errors import EvidenceError, refuse
from pytest_mlops.evidence.attest import check_attestations
from pytest_mlops.evidence.cached import digest_cached
from pytest_mlops.evidence.digest import digest_artifact
from pytest_mlops.evidence.verify import parse_record, read_record, verify_record
from pytest_mlops.files import read_bytes
from pytest_mlops.operations.project import find_environment
from pytest_mlops.records.codec import MAX_RECORD_BYTES
from pytest_mlops.verdict import strictest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.evidence.verify import Verified
    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.verdict import Context

__all__ = [
    "locate_model",
    "verify",
    "verify_file",
    "verify_for_environment",
    "verify_model_signature",
    "verify_signature",
]

CACHE = "digests.json"
"""Beside the record: what is known of the model's files from the last time."""


def verify(
    path: Path,
    *,
    run_id: str | None = None,
    model: Path | None = None,
    cached: bool = False,
    keys: Sequence[Path] = (),
    model_signature: Path | None = None,
    model_key: Path | None = None,
    context: Context | None = None,
) -> Verified:
    """Verify the record at ``path`` by itself, and what is signed about it.

    The returned record is judged for the strictest of its own context, ``context`` and that of the CI event.

    Args:
        path: As in :func:`verify_file`.
        run_id: As in :func:`verify_file`.
        model: As in :func:`verify_file`.
        cached: As in :func:`verify_file`.
        keys: Public keys, one of which must have signed the record; empty: no signature is needed.
        model_signature: OpenSSF bundle that the model must match.
        model_key: Public key of that bundle.
        context: Where the verdict is needed.

    Raises:
        ConfigError: a key or a bundle cannot be used.
        EvidenceError: a check does not hold.
    """
    verified = verify_file(path, run_id=run_id, model=model, cached=cached)
    checks = list(verified.checks)
    if model_signature is not None or model_key is not None:
        files = model if model is not None else locate_model(verified.record, Path.cwd())
        checks.append(verify_model_signature(files, bundle=model_signature, key=model_key))
    if keys:
        checks.append(verify_signature(path, keys))
    return replace(verified, checks=tuple(checks), record=_in_context(verified.record, context))


def _in_context(record: IntegrationResult, named: Context | None) -> IntegrationResult:
    """Return a record judged for the context it is used in, which can only be stricter than its own."""
    context = strictest(record.context, context_of(named, os.environ))
    if context is record.context:
        return record
    return record.model_copy(update={**dict(judge_again(record, context)), "context": context})


def verify_file(
    path: Path, *, run_id: str | None = None, model: Path | None = None, cached: bool = False
) -> Verified:
    """Verify the record at ``path`` by itself.

    Args:
        path: The record.
        run_id: The run that it has to be of.
        model: The model's files; by default where the record says they are, relative to the current folder.
        cached: Read only those files of the model whose stamp changed since the last time.

    Raises:
        EvidenceError: a check does not hold, or an attestation beside the record is about another one.
    """
    data = read_bytes(path, limit=MAX_RECORD_BYTES)
    record = parse_record(data, str(path))
    files = model if model is not None else locate_model(record, Path.cwd())
    digest = partial(digest_cached, cache=path.parent / CACHE) if cached else digest_artifact
    verified = verify_record(record, folder=path.parent, run_id=run_id, model=files, digest=digest)
    return replace(verified, checks=verified.checks + check_attestations(path, data))


def locate_model(record: IntegrationResult, folder: Path) -> Path | None:
    """Return where the record's model should lie, seen from ``folder``; ``None`` if it names no bytes."""
    version = record.model_version
    if version is None or version.digest is None or version.artifact_path is None:
        return None
    config = record.provenance.config
    project = folder if config is None else (folder / config).parent
    return project / version.artifact_path


def verify_signature(path: Path, keys: Sequence[Path]) -> str:
    """Verify that one of several keys signed the envelope beside a record; return which.

    Raises:
        ConfigError: a key cannot be read.
        EvidenceError: none of them signed these bytes.
    """
    from pytest_mlops.evidence.case import Evidence, open_case  # noqa: PLC0415 -- of the ops extra
    from pytest_mlops.evidence.policies.origin import SIGNATURE  # noqa: PLC0415
    from pytest_mlops.records.ticket import TicketPolicy, TrustedKey  # noqa: PLC0415

    trusted = tuple(
        TrustedKey(name=f"{number}. {key.name}"[:200], file=str(key)) for number, key in enumerate(keys, 1)
    )
    case = open_case(
        Evidence(record=path, model=None),
        environment="--key",
        policy=TicketPolicy(trusted_keys=trusted),
        keys_folder=Path.cwd(),
        now=datetime.now(UTC),
    )
    return SIGNATURE.check(case)


def verify_for_environment(
    path: Path, environment: str, *, config: Path | None, model: Path | None
) -> tuple[str, ...]:
    """Verify everything that a deployment of a record into an environment would verify; return the checks.

    Args:
        path: The record.
        environment: Name of the environment.
        config: The configuration that declares it; by default the nearest one, upward. It is never the one
            that the record names, which is what is being verified.
        model: As in :func:`verify_file`.

    Raises:
        ConfigError: the configuration is wrong or declares no such environment.
        TicketRefused: a check does not hold.
    """
    from pytest_mlops.evidence.case import Evidence, open_case  # noqa: PLC0415 -- of the ops extra
    from pytest_mlops.evidence.ticket import examine  # noqa: PLC0415

    where = find_environment(environment, config=config)
    files = model if model is not None else locate_model(read_record(path), Path.cwd())
    case = open_case(
        Evidence(record=path, model=files, model_id=where.model_id),
        environment=where.name,
        policy=where.environment.policy,
        keys_folder=where.project.folder,
        now=datetime.now(UTC),
    )
    examined = examine(case)
    if examined.refusal is not None:
        raise examined.refusal
    return tuple(f"{check.name}: {check.message}" for check in examined.checks)


def verify_model_signature(model: Path | None, *, bundle: Path | None, key: Path | None) -> str:
    """Verify a model by an OpenSSF model-signing bundle; return what was found.

    Raises:
        ConfigError: the bundle or its key is not named, or the key cannot be used.
        EvidenceError: the model does not match the bundle.
    """
    from pytest_mlops.evidence.model_signing import verify_model_signature as found_in  # noqa: PLC0415

    if bundle is None or key is None:
        refuse("the model's signature", "give both --model-signature and --model-key")
    if model is None:
        raise EvidenceError("there is no model to verify the signature of; pass it with --model")
    found = found_in(model, bundle=bundle, key=key)
    left_out = f", {len(found.ignored)} left out by it" if found.ignored else ""
    return f"model signature over {found.files} files{left_out}"
