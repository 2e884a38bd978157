"""Tickets: what is let in, what is kept of it, and that nothing unforeseen lets anything in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.evidence.ticket import POLICIES

if TYPE_CHECKING:
    from tests.evidence.conftest import Scene


def test_the_untouched_record_is_let_in(scene: Scene) -> None:
    examined = scene.examine()
    assert examined.refusal is None
    assert [check.name for check in examined.checks] == [policy.name for policy in POLICIES]
    assert examined.ticket is not None
    assert examined.ticket.signers == (("ci", scene.keys["ci"].public.id),)
    record = scene.record().model_version
    assert record is not None
    assert examined.ticket.model_digest == record.digest


def test_the_checks_are_asked_in_the_order_of_the_design() -> None:
    assert [policy.name for policy in POLICIES] == [
        "signature",
        "schema",
        "verdict",
        "model",
        "required set",
        "age",
        "trust level",
    ]
