"""The ticket: what a version must show before it is deployed, verified as a chain of small checks."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.errors import ConfigError, EvidenceError, MLOpsError, StoreError, TicketRefused
from pytest_mlops.evidence.policies.content import MODEL, REQUIRED, SCHEMA, VERDICT
from pytest_mlops.evidence.policies.origin import AGE, SIGNATURE, TRUST

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pytest_mlops.evidence.case import Case, TicketCheck
    from pytest_mlops.records.integration import IntegrationResult

__all__ = ["POLICIES", "Examination", "PassedCheck", "Ticket", "examine"]

POLICIES: tuple[TicketCheck, ...] = (SIGNATURE, SCHEMA, VERDICT, MODEL, REQUIRED, AGE, TRUST)
"""In the order in which they are asked; the first that refuses ends it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PassedCheck:
    """A check that held, and its message."""

    name: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """What lets a version into one environment: only :func:`examine` makes one, after every check held.

    Attributes:
        environment: Name of the environment.
        record: The integration result.
        record_digest: SHA-256 of the record's bytes.
        model_digest: Digest of the model that was verified.
        signers: (name, key id) of the keys whose signatures counted.
    """

    environment: str
    record: IntegrationResult
    record_digest: str
    model_digest: str
    signers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Examination:
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
    checks: tuple[PassedCheck, ...]
    ticket: Ticket | None
    refusal: TicketRefused | None


def examine(case: Case, policies: Sequence[TicketCheck] = POLICIES) -> Examination:
    """Ask every policy; refuse at the first that does not hold, or that cannot be carried out.

    Args:
        case: The case.
        policies: The checks, in order; at least one.
    """
    checks: list[PassedCheck] = []
    refusal = None
    for policy in policies:
        try:
            checks.append(PassedCheck(name=policy.name, message=policy.check(case)))
        except EvidenceError as error:
            refusal = _refusal(policy, str(error))
        except ConfigError as error:
            problems = "; ".join(str(problem) for problem in error.problems)
            refusal = _refusal(policy, f"it could not be carried out: {error.source}: {problems}")
        except StoreError:
            raise  # where the store fails, a check that asks it finds nothing about the version
        except Exception as error:  # noqa: BLE001 -- whatever goes wrong in a check, nothing is let through
            refusal = _refusal(policy, f"it could not be carried out: {type(error).__name__}: {error}")
        if refusal is not None:
            break
    return Examination(
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


def _refusal(policy: TicketCheck, message: str) -> TicketRefused:
    return TicketRefused(check=policy.name, message=message, remedy=policy.remedy)


def _ticket(case: Case) -> Ticket:
    version = case.record.model_version
    return Ticket(
        environment=case.environment,
        record=case.record,
        record_digest=case.record_digest,
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
    data = {"policy": case.policy.model_dump(mode="json"), "keys": keys, "model": case.evidence.model_id}
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
