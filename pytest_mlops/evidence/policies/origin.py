"""Checks of where evidence comes from: who signed it, in which run and where it was made, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.case import TicketCheck
from pytest_mlops.evidence.dsse import read_envelope
from pytest_mlops.evidence.statement import read_test_result
from pytest_mlops.evidence.trust import accepted_signers

if TYPE_CHECKING:
    from pytest_mlops.evidence.case import Case

__all__ = ["AGE", "CLOCK_SKEW", "RUN", "SIGNATURE", "TRUST"]

CLOCK_SKEW = timedelta(minutes=5)
"""How far the clocks of two machines may be apart."""


def _check_signature(case: Case) -> str:
    policy = case.policy
    if case.envelope is None:
        if policy.demands_signature:
            raise EvidenceError(
                f"{case.environment} requires a signed record, but there is no envelope beside it"
            )
        return "not required, and there is no signature"
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
        return "not required; the envelope is about this record, but there is no key to check it with"
    return "signed by " + ", ".join(signer.title for signer in case.signers)


def _check_run(case: Case) -> str:
    got, expected = case.record.run_id, case.evidence.run_id
    if expected is None:
        return f"run {got}; no run id was given to expect"
    if got != expected:
        raise EvidenceError(f"the record is of run {got}; expected run {expected}")
    return f"run {got}, as expected"


def _check_trust(case: Case) -> str:
    made = case.record.provenance.trust
    if made == "untrusted-pr":
        raise EvidenceError("the evidence is from an untrusted pull request, which is never accepted")
    if made not in case.policy.trust:
        expected = " or ".join(case.policy.trust)
        raise EvidenceError(
            f"the evidence is from {made}; {case.environment} accepts evidence from {expected}"
        )
    return f"from {made}"


def _check_age(case: Case) -> str:
    age = case.now - case.record.timestamp
    if age < -CLOCK_SKEW:
        raise EvidenceError(f"the record is dated {-age} in the future; clocks may differ by {CLOCK_SKEW}")
    longest = case.policy.max_age
    if longest is not None and age.total_seconds() > longest:
        hours = f"{longest / 3600:g} hours"
        raise EvidenceError(f"the evidence is {age} old; {case.environment} accepts at most {hours}")
    return f"{max(age, timedelta())} old"


SIGNATURE = TicketCheck(
    name="signature",
    check=_check_signature,
    remedy="Have the record signed where it was made (--mlops-sign-key, or `pytest-mlops sign`), by a key "
    "among the environment's trusted_keys",
)
"""A key that the environment trusts signed the statement, and the statement is about these bytes."""

RUN = TicketCheck(name="run", check=_check_run, remedy="Present the record that this run wrote")
"""The record is of the run that was asked for."""

TRUST = TicketCheck(
    name="trust level",
    check=_check_trust,
    remedy="Gate the version where the environment takes evidence from, as on the merged commit in CI",
)
"""The evidence was made where the environment takes evidence from."""

AGE = TicketCheck(
    name="age",
    check=_check_age,
    remedy="Run the gate again on today's data, with a clock that is right",
)
"""The evidence is neither too old nor from the future."""
