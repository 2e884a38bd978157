"""What evidence says: its verdict, the model it is of, the set that was tested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.policies.content import MODEL, REQUIRED, SCHEMA, VERDICT
from pytest_mlops.records.policy import Requirement

if TYPE_CHECKING:
    from tests.evidence.conftest import Scene


def session(scene: Scene, **changes: Any) -> None:
    """Change what the record states of the session, so that everything else fits."""
    results = scene.record().test_results
    facts = results.session.model_copy(update=changes)
    scene.forge(test_results=results.model_copy(update={"session": facts}))


def test_the_whole_required_set_holds(scene: Scene) -> None:
    assert REQUIRED.check(scene.case()) == "all 3 declared cells were tested"


@pytest.mark.parametrize("field", ["narrowed_by", "uncollected"])
def test_a_run_that_was_narrowed_is_refused(scene: Scene, field: str) -> None:
    session(scene, **{field: ("-k rank",)})
    with pytest.raises(EvidenceError, match=r"narrowed to a subset of the tests \(-k rank\)"):
        REQUIRED.check(scene.case())


def test_a_narrowed_run_is_refused_though_every_cell_is_covered(scene: Scene) -> None:
    session(scene, narrowed_by=("tests/a.py", "-m fast", "-x", "--lf"))
    case = scene.case()
    assert all(cell.share == 1 for cell in case.judgement.coverage_cells)
    with pytest.raises(EvidenceError, match=r"\(tests/a.py, -m fast, -x"):
        REQUIRED.check(case)


def test_a_record_without_requirements_is_not_deployable(scene: Scene) -> None:
    scene.forge(policy=scene.record().policy.model_copy(update={"requirements": ()}))
    with pytest.raises(EvidenceError, match="not deployable"):
        REQUIRED.check(scene.case())


def test_a_cell_that_only_the_environment_demands_has_to_be_covered(scene: Scene) -> None:
    scene.demand(requirements=(Requirement(capability="calibration"),))
    with pytest.raises(EvidenceError, match="no conclusive test covers calibration"):
        REQUIRED.check(scene.case())


def test_a_model_has_to_be_presented(scene: Scene) -> None:
    scene.model = None
    with pytest.raises(EvidenceError, match="no model was presented"):
        MODEL.check(scene.case())


def test_every_byte_of_the_model_counts(scene: Scene) -> None:
    assert MODEL.check(scene.case()).startswith("4 files, ")
    assert scene.model is not None
    (scene.model / "tokens.txt").write_text("a\nc\n", encoding="utf-8")
    with pytest.raises(EvidenceError, match="the record is of"):
        MODEL.check(scene.case())


def test_the_verdict_is_reached_again(scene: Scene) -> None:
    assert "PASS for production" in VERDICT.check(scene.case())
    scene.edit(lambda data: data.update(pass_rate=0.5))
    with pytest.raises(EvidenceError, match="pass_rate"):
        VERDICT.check(scene.case())


def test_what_is_no_record_has_no_schema(scene: Scene) -> None:
    assert SCHEMA.check(scene.case()).endswith("run r")
    scene.path.write_bytes(b"{}")
    with pytest.raises(EvidenceError):
        SCHEMA.check(scene.case())
