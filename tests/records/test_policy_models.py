"""What the records of a policy accept, and what they say of what they refuse."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from pytest_mlops.records.policy import (
    Cell,
    CodeReports,
    GateSettings,
    Policy,
    QualityMetric,
    QualitySettings,
    QualityWeights,
    Requirement,
    Waiver,
)
from pytest_mlops.records.rule import Rule


def waiver(**changes: Any) -> Waiver:
    values = {"rule": "a", "scope": "*", "reason": "r", "approver": "m", "expires": "2026-12-31", **changes}
    return Waiver.model_validate(values)


def test_a_cell_is_named_by_capability_and_slice() -> None:
    cell = Cell(capability="ranking", slice="age<40", dataset="holdout")
    assert (cell.name, cell.title) == ("ranking:age<40", "ranking:age<40@holdout")
    assert Cell(capability="ranking").title == "ranking:all"


def test_a_requirement_owes_every_combination_in_order() -> None:
    requirement = Requirement(capability="a", slices=("x", "y"), datasets=("d", "e"), weight=2)
    assert [cell.title for cell in requirement.cells()] == ["a:x@d", "a:x@e", "a:y@d", "a:y@e"]
    assert {cell.weight for cell in requirement.cells()} == {2}


def test_a_requirement_without_slices_is_owed_on_all_examples() -> None:
    assert [cell.title for cell in Requirement(capability="a").cells()] == ["a:all"]


def test_a_capability_with_a_colon_is_refused() -> None:
    with pytest.raises(ValidationError, match="expected a name without ':'"):
        Requirement(capability="a:b")


def test_a_slice_may_have_a_colon() -> None:
    assert Requirement(capability="a", slices=("time:night",)).cells()[0].name == "a:time:night"


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf"), True, "1"])
def test_a_weight_is_a_finite_number_above_zero(weight: Any) -> None:
    with pytest.raises(ValidationError):
        Requirement(capability="a", weight=weight)


def test_the_cells_of_a_policy_stand_in_the_order_of_its_requirements() -> None:
    policy = Policy(requirements=(Requirement(capability="b"), Requirement(capability="a")))
    assert [cell.name for cell in policy.cells()] == ["b:all", "a:all"]


def test_a_sample_needs_a_bound_and_a_census_takes_none() -> None:
    with pytest.raises(ValidationError, match="min_bound is missing"):
        GateSettings(estimand="sample")
    with pytest.raises(ValidationError, match="applies only to estimand: sample"):
        GateSettings(min_bound=0.7)
    assert GateSettings(estimand="sample", min_bound=0.7).min_bound == 0.7


@pytest.mark.parametrize("value", [True, "0.9", 1.01, -0.01, float("nan")])
def test_a_threshold_is_a_share(value: Any) -> None:
    with pytest.raises(ValidationError):
        GateSettings(min_coverage=value)


@pytest.mark.parametrize("weight", [1, 0.4])
def test_a_bare_number_is_the_weight_of_a_metric(weight: float) -> None:
    settings = QualitySettings.model_validate({"metrics": {"f1": weight}})
    assert settings.metrics == {"f1": QualityMetric(weight=weight)}


def test_a_metric_record_is_taken_as_it_is() -> None:
    metric = QualityMetric(weight=1)
    assert QualitySettings(metrics={"f1": metric}).metrics == {"f1": metric}


@pytest.mark.parametrize("value", [True, "heavy", None, [1]])
def test_a_metric_is_a_weight_or_a_mapping(value: object) -> None:
    with pytest.raises(ValidationError, match=r"expected a weight such as 0\.4, or a mapping"):
        QualityMetric.model_validate(value)


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        ({"best": 1}, "only one of best and worst is set"),
        ({"worst": 1}, "only one of best and worst is set"),
        ({"best": 1, "worst": 1}, "expected different values"),
    ],
)
def test_a_scale_has_two_different_ends(scale: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        QualityMetric.model_validate({"weight": 1, **scale})


def test_a_scale_may_point_either_way() -> None:
    assert QualityMetric(weight=1, best=0, worst=60).worst == 60
    assert QualityMetric(weight=1, best=60, worst=0).best == 60


def test_weights_name_a_component_at_least() -> None:
    with pytest.raises(ValidationError, match="no component has a weight"):
        QualityWeights()
    assert QualityWeights(code=1).metrics is None


def test_code_reports_name_a_report_at_least() -> None:
    with pytest.raises(ValidationError, match="no report is set"):
        CodeReports(source=("src",))
    assert CodeReports(complexity="cc.json").source == (".",)


def test_metrics_left_empty_are_refused() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        QualitySettings(metrics={})


def test_a_rule_is_named_by_its_metric_slice_and_data_set_or_by_its_id() -> None:
    assert Rule(metric="recall", min=0).name == "recall"
    assert Rule(metric="recall", slice="age<40", dataset="holdout", min=0).name == "recall[age<40]@holdout"
    assert Rule(id="floor", metric="recall", min=0).name == "floor"


def test_a_rule_bounds_something_that_can_be_met() -> None:
    with pytest.raises(ValidationError, match="has no bound"):
        Rule(metric="a")
    with pytest.raises(ValidationError, match=r"min 0\.5 is above max 0\.4"):
        Rule(metric="a", min=0.5, max=0.4)
    assert Rule(metric="a", min=0.5, max=0.5).max == 0.5


@pytest.mark.parametrize("confidence", [0.5, 1, 95, True])
def test_a_confidence_lies_between_a_half_and_one(confidence: Any) -> None:
    with pytest.raises(ValidationError):
        Rule(metric="a", min=0, confidence=confidence)


def test_a_waiver_names_one_rule_or_one_test() -> None:
    assert waiver().subject == "rule a"
    assert waiver(rule=None, test="x::y").subject == "test x::y"
    with pytest.raises(ValidationError, match="got both"):
        waiver(test="x::y")
    with pytest.raises(ValidationError, match="got neither"):
        waiver(rule=None)


@pytest.mark.parametrize("day", ["2026-12-31", date(2026, 12, 31)])
def test_an_expiry_is_a_day(day: object) -> None:
    assert waiver(expires=day).expires == date(2026, 12, 31)


@pytest.mark.parametrize(
    "day",
    [
        0,
        1798675200,
        20261231,
        1.5,
        True,
        None,
        "20261231",
        "2026-W53-4",
        "1798675200",
        "2026-12-31T00:00:00",
        "31.12.2026",
        "soon",
        datetime(2026, 12, 31),  # noqa: DTZ001 -- what a YAML reader would hand over
    ],
)
def test_what_is_not_plainly_a_day_is_refused(day: object) -> None:
    with pytest.raises(ValidationError, match="expected a date such as 2026-12-31, got"):
        waiver(expires=day)


def test_a_day_that_the_calendar_lacks_is_refused() -> None:
    with pytest.raises(ValidationError, match="2026-02-29 is not a valid date"):
        waiver(expires="2026-02-29")


def test_a_policy_survives_its_own_json() -> None:
    policy = Policy(
        requirements=(Requirement(capability="a"),),
        quality=QualitySettings(metrics={"mae": QualityMetric(weight=1, best=0, worst=9)}),
        rules=(Rule(metric="a", min=0),),
        waivers=(waiver(),),
        configured=True,
    )
    assert Policy.model_validate_json(policy.model_dump_json()) == policy


def test_a_policy_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Policy().configured = True


@pytest.mark.parametrize("name", ["metrics", "code"])
def test_quality_component_that_is_named_without_weight_is_refused(name: str) -> None:
    named: dict[str, object] = {"metrics": {"accuracy": 1}, "code": {"ruff": "ruff.json"}}
    with pytest.raises(ValidationError, match=f"{name} is set, but has no weight"):
        QualitySettings.model_validate({"weights": {"tests": 1}, name: named[name]})
