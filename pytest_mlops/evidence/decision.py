"""Decisions about tickets, kept in the log in the shape of a SLSA Verification Summary Attestation v1."""

from __future__ import annotations

from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pytest_mlops.errors import TicketRefused
from pytest_mlops.evidence.statement import STATEMENT_TYPE, model_subject
from pytest_mlops.evidence.ticket import POLICIES, examine
from pytest_mlops.store.log import append

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.evidence.case import Case, TicketCheck
    from pytest_mlops.evidence.ticket import Examination, Ticket
    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.store.engine import Store
    from pytest_mlops.store.log import LogEntry

__all__ = ["DECISION_KIND", "LEVELS", "issue_ticket", "log_decision", "summarize"]

VSA = "https://slsa.dev/verification_summary/v1"
EXTENSION = "urn:pytest-mlops:ticket:1"
"""Field of the predicate that holds what a VSA has no field for."""

DECISION_KIND = "ticket"
"""Kind of the log's entries."""

LEVELS = {False: "MLOPS_TICKET", True: "MLOPS_TICKET_SIGNED"}
"""Whether a trusted key signed the evidence -> the level that a ticket stands for."""

MAX_SUBJECT = 500


def issue_ticket(
    store: Store, case: Case, *, actor: str, policies: Sequence[TicketCheck] = POLICIES
) -> Ticket:
    """Examine a case, log the decision whichever it is, and return the ticket.

    Args:
        store: The store whose log the decision goes to.
        case: The case.
        actor: Who asks, for the log.
        policies: The checks, in order.

    Raises:
        TicketRefused: a check did not hold. The refusal is in the log.
        StoreError: the decision could not be logged, so there is none.
    """
    examined = examine(case, policies)
    log_decision(store, examined, actor=actor)
    if examined.ticket is None:
        raise examined.refusal or TicketRefused(
            check="ticket", message="nothing was checked", remedy="Request at least one check"
        )
    return examined.ticket


def log_decision(store: Store, examined: Examination, *, actor: str) -> LogEntry:
    """Append a decision to the log.

    Raises:
        StoreError: it could not be written.
    """
    with store.write() as connection:
        return append(
            connection,
            kind=DECISION_KIND,
            subject=_subject(examined)[:MAX_SUBJECT],
            body=summarize(examined),
            actor=actor,
            at=examined.at,
        )


def summarize(examined: Examination) -> dict[str, Any]:
    """Return the decision as an in-toto statement with the predicate of a VSA."""
    record = examined.record
    evidence = [{"uri": _run_uri(record), "digest": {"sha256": examined.record_digest}}]
    if examined.envelope_digest is not None:
        evidence.append(
            {"uri": f"{_run_uri(record)}:envelope", "digest": {"sha256": examined.envelope_digest}}
        )
    passed = examined.ticket is not None
    signed = examined.ticket is not None and bool(examined.ticket.signers)
    return {
        "_type": STATEMENT_TYPE,
        "subject": (model_subject(record) if record is not None else [])
        or [{"name": "integration result", "digest": {"sha256": examined.record_digest}}],
        "predicateType": VSA,
        "predicate": {
            "verifier": {
                "id": "urn:pytest-mlops:verifier",
                "version": {"pytest-mlops": installed_version("pytest-mlops")},
            },
            "timeVerified": examined.at.isoformat(),
            "resourceUri": _model_uri(record) or _run_uri(record),
            "policy": {
                "uri": f"urn:pytest-mlops:environment:{quote(examined.environment, safe='')}",
                "digest": {"sha256": examined.policy_digest},
            },
            "inputAttestations": evidence,
            "verificationResult": "PASSED" if passed else "FAILED",
            "verifiedLevels": [LEVELS[signed] if passed else "FAILED"],
            EXTENSION: _details(examined),
        },
    }


def _details(examined: Examination) -> dict[str, Any]:
    ticket, refusal = examined.ticket, examined.refusal
    return {
        "environment": examined.environment,
        "run": None if examined.record is None else examined.record.run_id,
        "checks": [{"name": check.name, "sentence": check.message} for check in examined.checks],
        "signers": [{"name": name, "keyid": key} for name, key in (ticket.signers if ticket else ())],
        "refusal": None
        if refusal is None
        else {"check": refusal.check, "sentence": refusal.message, "remedy": refusal.remedy},
    }


def _subject(examined: Examination) -> str:
    record = examined.record
    if record is None or record.model_version is None:
        return f"record {examined.record_digest}"
    return f"{record.model_version.model_id}@{record.model_version.version_id}"


def _run_uri(record: IntegrationResult | None) -> str:
    name = "unreadable" if record is None else quote(record.run_id, safe="")
    return f"urn:pytest-mlops:run:{name}"


def _model_uri(record: IntegrationResult | None) -> str | None:
    if record is None or record.model_version is None:
        return None
    version = record.model_version
    return f"urn:pytest-mlops:model:{quote(version.model_id, safe='')}:{quote(version.version_id, safe='')}"
