"""Policy: a key that the environment trusts signed the statement, and the statement is about these bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.dsse import read_envelope
from pytest_mlops.evidence.policies.case import TicketCheck
from pytest_mlops.evidence.statement import read_test_result
from pytest_mlops.evidence.trust import accepted_signers

if TYPE_CHECKING:
    from pytest_mlops.evidence.policies.case import Case

__all__ = ["SIGNATURE"]


def _check(case: Case) -> str:
    policy = case.policy
    if case.envelope is None:
        if policy.demands_signature:
            raise EvidenceError(f"{case.environment} demands a signed record; there is no envelope beside it")
        return "not demanded, and there is none"
    envelope = read_envelope(case.envelope)
    # The signature comes before anything is believed of what was signed.
    if policy.trusted_keys or policy.demands_signature:
        case.signers = accepted_signers(envelope, case.keys, threshold=policy.min_signatures)
    statement = read_test_result(envelope.payload)
    if statement.record_digest != case.record_digest:
        raise EvidenceError(
            f"the envelope is about another record (run {statement.run_id:.80}, sha256 "
            f"{statement.record_digest:.12}…); this one has sha256 {case.record_digest:.12}…"
        )
    if not case.signers:
        return "not demanded; the envelope is about this record, and no key was there to check it with"
    return "signed by " + ", ".join(signer.title for signer in case.signers)


SIGNATURE = TicketCheck(
    name="signature",
    check=_check,
    remedy="Have the record signed where it was made (--mlops-sign-key, or `pytest-mlops sign`), by a key "
    "among the environment's trusted_keys",
)
