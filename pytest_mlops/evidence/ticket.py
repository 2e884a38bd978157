"""The ticket: what a version must show before it is deployed, verified as a chain of small policies."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.errors import ConfigError, EvidenceError, MLOpsError, StoreError, TicketRefused
from pytest_mlops.evidence.dsse import MAX_ENVELOPE_BYTES
from pytest_mlops.evidence.policies.age import AGE
from pytest_mlops.evidence.policies.case import Case
from pytest_mlops.evidence.policies.model import MODEL
from pytest_mlops.evidence.policies.required import REQUIRED
from pytest_mlops.evidence.policies.schema import SCHEMA
from pytest_mlops.evidence.policies.signature import SIGNATURE
from pytest_mlops.evidence.policies.trust import TRUST
from pytest_mlops.evidence.policies.verdict import VERDICT
from pytest_mlops.evidence.statement import envelope_path
from pytest_mlops.evidence.verify import read_bytes
from pytest_mlops.records.codec import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from pytest_mlops.evidence.policies.case import TicketCheck
    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.records.ticket import TicketPolicy

__all__ = ["POLICIES", "Examined", "HeldCheck", "Ticket", "examine", "open_case", "verify_ticket"]

POLICIES: tuple[TicketCheck, ...] = (SIGNATURE, SCHEMA, VERDICT, MODEL, REQUIRED, AGE, TRUST)
"""In the order in which they are asked; the first refusal is the last word."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldCheck:
    """A check that held, and the sentence it held with."""

    name: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """A version's way into one environment: nothing makes one but :func:`examine`, after every check held.

    Attributes:
        record: The evidence.
        model_digest: Digest of the model that was verified.
        signers: (name, key id) of the keys whose signatures counted.
    """

    environment: str
    record: IntegrationResult
    model_digest: str
    signers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Examined:
    """What became of a case: a ticket or a refusal, with all that is worth keeping of it.

    Attributes:
        environment: Name of the environment.
        at: When it was examined.
        record_digest: SHA-256 of the record's bytes.
        envelope_digest: SHA-256 of the envelope's bytes, where there was one.
        policy_digest: SHA-256 over the environment's demands, the model it is for and the ids of its keys.
        record: The record, where its bytes are one.
        checks: Those that held, in order.
        ticket: Where all held.
        refusal: Where one did not.
    """

    environment: str
    at: datetime
    record_digest: str
    envelope_digest: str | None
    policy_digest: str
    record: IntegrationResult | None
    checks: tuple[HeldCheck, ...]
    ticket: Ticket | None
    refusal: TicketRefused | None


def open_case(
    path: Path,
    *,
    model: Path | None,
    environment: str,
    policy: TicketPolicy,
    keys_folder: Path,
    now: datetime,
    envelope: Path | None = None,
    model_id: str | None = None,
) -> Case:
    """Read what is presented.

    Args:
        path: The record.
        model: The model's files.
        environment: Name of the environment.
        policy: What it demands.
        keys_folder: Folder that the files of trusted keys are relative to, that of ``mlops.yaml``.
        now: The time, aware.
        envelope: The signed envelope; by default the one beside the record, if there is one.
        model_id: The model that the environment is for; ``None`` where it names none.

    Raises:
        EvidenceError: the record, or the envelope that was named, cannot be read.
    """
    signed = envelope if envelope is not None else envelope_path(path)
    present = envelope is not None or signed.exists()
    return Case(
        data=read_bytes(path, limit=MAX_RECORD_BYTES),
        envelope=read_bytes(signed, limit=MAX_ENVELOPE_BYTES) if present else None,
        folder=path.parent,
        model=model,
        environment=environment,
        policy=policy,
        keys_folder=keys_folder,
        now=now,
        model_id=model_id,
    )


def examine(case: Case, policies: Sequence[TicketCheck] = POLICIES) -> Examined:
    """Ask every policy; refuse at the first that does not hold, or that cannot be carried out.

    Args:
        case: The case.
        policies: The checks, in order; at least one.
    """
    checks: list[HeldCheck] = []
    refusal = None
    for policy in policies:
        try:
            checks.append(HeldCheck(name=policy.name, message=policy.check(case)))
        except EvidenceError as error:
            refusal = _refusal(policy, str(error))
        except ConfigError as error:
            problems = "; ".join(str(problem) for problem in error.problems)
            refusal = _refusal(policy, f"it could not be carried out: {error.source}: {problems}")
        except StoreError:
            raise  # a check that asks the store says nothing of the version where the store fails
        except Exception as error:  # noqa: BLE001 -- whatever goes wrong in a check, nothing is let through
            refusal = _refusal(policy, f"it could not be carried out: {type(error).__name__}: {error}")
        if refusal is not None:
            break
    return Examined(
        environment=case.environment,
        at=case.now,
        record_digest=case.record_digest,
        envelope_digest=None if case.envelope is None else hashlib.sha256(case.envelope).hexdigest(),
        policy_digest=_policy_digest(case),
        record=_record_of(case),
        checks=tuple(checks),
        ticket=_ticket(case) if refusal is None and checks else None,
        refusal=refusal,
    )


def verify_ticket(case: Case) -> Ticket:
    """Return the ticket of a case.

    Raises:
        TicketRefused: a check did not hold; which one, why, and the honest way past it.
    """
    examined = examine(case)
    if examined.ticket is None:
        raise examined.refusal or _refusal(POLICIES[0], "nothing was checked")
    return examined.ticket


def _refusal(policy: TicketCheck, message: str) -> TicketRefused:
    return TicketRefused(check=policy.name, message=message, remedy=policy.remedy)


def _ticket(case: Case) -> Ticket:
    version = case.record.model_version
    return Ticket(
        environment=case.environment,
        record=case.record,
        model_digest="" if version is None else version.digest or "",
        signers=tuple((signer.name, signer.key.id) for signer in case.signers),
    )


def _record_of(case: Case) -> IntegrationResult | None:
    try:
        return case.record
    except Exception:  # noqa: BLE001 -- the schema check has said what is wrong with it
        return None


def _policy_digest(case: Case) -> str:
    """Digest the demands and the keys themselves, since the file of a key may change under its name."""
    try:
        keys = [held.key.id for held in case.keys]
    except MLOpsError as error:
        keys = [str(error)]
    data = {"policy": case.policy.model_dump(mode="json"), "keys": keys, "model": case.model_id}
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
