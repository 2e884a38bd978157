"""Checks against what is known elsewhere: what the deployment began with, and later runs in the history."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.case import TicketCheck
from pytest_mlops.store.history import later_failure

if TYPE_CHECKING:
    from pytest_mlops.evidence.case import Case
    from pytest_mlops.store.engine import Store

__all__ = ["digests_check", "history_check"]


def digests_check(*, model: str, record: str) -> TicketCheck:
    """Return the check that model and record are those that a deployment began with.

    Args:
        model: Digest of the model.
        record: SHA-256 of the record's bytes.
    """
    return TicketCheck(
        name="deployment",
        check=partial(_check_digests, expected={"model": model, "record": record}),
        remedy="Deploy it again if the change was meant",
    )


def history_check(store: Store) -> TicketCheck:
    """Return the check that no later run of the same bytes is known to have failed."""
    return TicketCheck(
        name="history",
        check=partial(_check_history, store=store),
        remedy="Find out which of the two is right, and run the gate again",
    )


def _check_digests(case: Case, *, expected: dict[str, str]) -> str:
    version = case.record.model_version
    found = {"model": None if version is None else version.digest, "record": case.record_digest}
    for what, digest in expected.items():
        if found[what] != digest:
            raise EvidenceError(
                f"the {what} has the digest {found[what]}; the deployment began with {digest}"
            )
    return "model and record are those that the deployment began with"


def _check_history(case: Case, *, store: Store) -> str:
    record, version = case.record, case.record.model_version
    if version is None or version.digest is None:
        raise EvidenceError("the record names no model, so later runs cannot be found")
    with store.read() as connection:
        failed = later_failure(
            connection,
            model_id=version.model_id,
            digest=version.digest,
            after=record.timestamp.timestamp(),
        )
    if failed is not None:
        raise EvidenceError(f"run {failed} of the same bytes ended in FAIL after run {record.run_id}")
    return "no later run of the same bytes is known to have failed"
