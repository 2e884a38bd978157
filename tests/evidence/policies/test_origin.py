"""Where evidence comes from: who signed it, in which run and where it was made, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.case import Case, Evidence, open_case
from pytest_mlops.evidence.policies.origin import AGE, CLOCK_SKEW, RUN, SIGNATURE, TRUST
from pytest_mlops.evidence.statement import envelope_path

if TYPE_CHECKING:
    from tests.evidence.conftest import Scene


def aged(scene: Scene, age: timedelta) -> Case:
    """Return the scene's case, its record being so old."""
    scene.now = scene.record().timestamp + age
    return scene.case()


def test_evidence_counts_to_the_last_second_of_its_age(scene: Scene) -> None:
    scene.demand(max_age=3600.0)
    assert AGE.check(aged(scene, timedelta(hours=1))) == "1:00:00 old"
    with pytest.raises(EvidenceError, match=r"1:00:01 old; production accepts at most 1 hours"):
        AGE.check(aged(scene, timedelta(hours=1, seconds=1)))


def test_evidence_may_be_as_old_as_it_likes_where_no_age_is_demanded(scene: Scene) -> None:
    scene.demand(max_age=None)
    assert AGE.check(aged(scene, timedelta(days=4000))).startswith("4000 days")


def test_clocks_may_differ_a_little_and_no_more(scene: Scene) -> None:
    assert AGE.check(aged(scene, -CLOCK_SKEW)) == "0:00:00 old"
    with pytest.raises(EvidenceError, match=r"dated 0:05:01 in the future; clocks may differ by 0:05:00"):
        AGE.check(aged(scene, -CLOCK_SKEW - timedelta(seconds=1)))


def test_evidence_of_the_future_is_refused_where_no_age_is_demanded_too(scene: Scene) -> None:
    scene.demand(max_age=None)
    with pytest.raises(EvidenceError, match="in the future"):
        AGE.check(aged(scene, -timedelta(days=1)))


def test_an_envelope_about_this_record_by_a_trusted_key_holds(scene: Scene) -> None:
    case = scene.case()
    assert SIGNATURE.check(case).startswith("signed by ci (")
    assert [signer.name for signer in case.signers] == ["ci"]


def test_a_good_envelope_about_another_record_is_refused(scene: Scene) -> None:
    envelope = envelope_path(scene.path).read_bytes()
    scene.forge(run_id="other")
    envelope_path(scene.path).write_bytes(envelope)
    with pytest.raises(EvidenceError, match=r"the envelope is about another record \(run r, sha256"):
        SIGNATURE.check(scene.case())


def test_an_envelope_is_held_against_the_record_where_no_signature_is_demanded_too(scene: Scene) -> None:
    scene.demand(trusted_keys=())
    assert "no key to check it with" in SIGNATURE.check(scene.case())
    scene.path.write_bytes(scene.path.read_bytes() + b"\n")
    with pytest.raises(EvidenceError, match="about another record"):
        SIGNATURE.check(scene.case())


def test_what_a_stranger_signed_is_not_even_read(scene: Scene) -> None:
    """The envelope is about another record as well; what is said of that comes from a stranger."""
    scene.sign("stranger")
    scene.path.write_bytes(scene.path.read_bytes() + b"\n")
    with pytest.raises(EvidenceError, match="not trusted here"):
        SIGNATURE.check(scene.case())


def test_without_an_envelope_a_demanded_signature_is_missing(scene: Scene) -> None:
    envelope_path(scene.path).unlink()
    with pytest.raises(EvidenceError, match="production requires a signed record"):
        SIGNATURE.check(scene.case())
    scene.demand(trusted_keys=())
    assert SIGNATURE.check(scene.case()) == "not required, and there is no signature"


@pytest.mark.parametrize(("run_id", "message"), [("r", "run r, as expected"), (None, "no run id was given")])
def test_the_run_that_was_asked_for_holds(scene: Scene, run_id: str | None, message: str) -> None:
    assert message in RUN.check(case_of_run(scene, run_id))


def test_the_record_of_another_run_is_refused(scene: Scene) -> None:
    with pytest.raises(EvidenceError, match="the record is of run r; expected run last-night"):
        RUN.check(case_of_run(scene, "last-night"))


def case_of_run(scene: Scene, run_id: str | None) -> Case:
    """Return the scene's case where the record has to be of a run."""
    return open_case(
        Evidence(record=scene.path, model=scene.model, run_id=run_id),
        environment="production",
        policy=scene.policy,
        keys_folder=scene.folder,
        now=scene.now,
    )


@pytest.mark.parametrize(
    ("made", "message"),
    [("local", "from local; production accepts evidence from ci"), ("untrusted-pr", "never accepted")],
)
def test_evidence_made_elsewhere_is_refused(scene: Scene, made: str, message: str) -> None:
    scene.demand(trust=("ci",))
    provenance = scene.record().provenance
    scene.forge(provenance=provenance.model_copy(update={"trust": made}))
    with pytest.raises(EvidenceError, match=message):
        TRUST.check(scene.case())
