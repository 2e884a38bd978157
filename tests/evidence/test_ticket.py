"""Tickets: what is let in, what is kept of it, and that nothing unforeseen lets anything in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.evidence.demands import tightened
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


def test_the_record_of_another_model_is_refused_even_with_its_own_bytes(scene: Scene) -> None:
    version = scene.record().model_version
    assert version is not None
    scene.model_id = version.model_id
    assert scene.examine().refusal is None
    scene.model_id = "another"
    refusal = scene.examine().refusal
    assert refusal is not None
    assert (refusal.check, "production here is for another" in refusal.message) == ("model", True)


def test_a_run_that_was_set_to_take_claims_without_numbers_is_held_to_them_here(scene: Scene) -> None:
    record = scene.record()
    gate = record.policy.gate.model_copy(update={"require_evidence": False})
    tests = tuple(test.model_copy(update={"evidence": {}}) for test in record.test_results.results)
    scene.unsigned()
    scene.forge(
        policy=record.policy.model_copy(update={"gate": gate, "rules": ()}),
        test_results=record.test_results.model_copy(update={"results": tests}),
        measurements=(),
        arrays=(),
    )
    scene.demand(require_evidence=False)
    loose = scene.examine().refusal
    assert loose is None or loose.check != "verdict"
    scene.demand(require_evidence=True)
    strict = scene.examine().refusal
    assert strict is not None
    assert strict.check == "verdict"


def test_more_examples_may_be_asked_of_a_slice_than_the_run_asked(scene: Scene) -> None:
    scene.demand(min_n=10**6)
    refusal = scene.examine().refusal
    assert refusal is not None
    assert refusal.check in {"verdict", "required set"}
    assert tightened(scene.record().policy, scene.policy, "production").gate.min_n == 10**6
    scene.demand(min_n=1)
    assert tightened(scene.record().policy, scene.policy, "production").gate.min_n >= 30
