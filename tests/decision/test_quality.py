"""Quality score: the weighted mean of what was measured."""

from __future__ import annotations

import pytest

from pytest_mlops.decision.lookup import Measurements
from pytest_mlops.decision.quality import Quality, measure_quality
from pytest_mlops.records.integration import CodeQuality
from pytest_mlops.records.measurement import Measurement, Origin
from pytest_mlops.records.policy import Policy
from pytest_mlops.verdict import Verdict


def measurement(name: str, value: float | None, dataset: str | None = None) -> Measurement:
    return Measurement(
        name=name,
        dataset=dataset,
        value=value,
        undefined="one class only" if value is None else None,
        origin=Origin.METRIC,
        test="t",
    )


def measure(
    settings: dict[str, object] | None = None,
    *,
    numbers: dict[str, float | None] | None = None,
    pass_rate: float | None = 1.0,
    by_dataset: dict[str, float | None] | None = None,
    code: CodeQuality | None = None,
    code_problems: dict[str, str] | None = None,
    declared: dict[str, float] | None = None,
    release: bool = False,
    unsettled: bool = False,
    least: float = 0.7,
) -> Quality:
    policy = Policy.model_validate({"quality": settings or {}, "gate": {"min_quality_score": least}})
    measured = [measurement(name, value) for name, value in (numbers or {}).items()]
    measured += [measurement("mae", value, dataset=dataset) for dataset, value in (by_dataset or {}).items()]
    return measure_quality(
        policy,
        Measurements(measured),
        pass_rate=pass_rate,
        code=code or CodeQuality(),
        code_problems=code_problems or {},
        declared=declared or {},
        release=release,
        unsettled=unsettled,
    )


def verdicts(quality: Quality) -> set[Verdict]:
    return {finding.verdict for finding in quality.findings}


FOUR = {"accuracy": 0.9, "precision": 0.8, "recall": 0.7, "f1": 0.6}


def test_the_default_weights_are_those_of_the_document() -> None:
    quality = measure(numbers=dict(FOUR), pass_rate=0.5, code=CodeQuality(line_coverage=0.8))
    metrics = 0.4 * 0.9 + 0.2 * (0.8 + 0.7 + 0.6)
    assert quality.value == pytest.approx(0.4 * metrics + 0.3 * 0.5 + 0.3 * 0.8)


def test_an_unconfigured_component_that_was_not_measured_does_not_count() -> None:
    quality = measure(numbers={"accuracy": 0.9})
    assert quality.value == pytest.approx((0.4 * 0.9 + 0.3 * 1.0) / 0.7)
    (absent,) = (part for part in quality.report.components if part.status == "absent")
    assert absent.name == "code"
    assert "rescaled" in absent.note


def test_nothing_measured_at_all_is_incomplete() -> None:
    quality = measure(pass_rate=None)
    assert quality.value is None
    assert verdicts(quality) == {Verdict.INCOMPLETE}


@pytest.mark.parametrize(
    ("least", "verdict"), [(0.85, Verdict.PASS), (0.8500001, Verdict.FAIL), (0.0, Verdict.PASS)]
)
def test_the_threshold_is_inclusive(least: float, verdict: Verdict) -> None:
    assert verdicts(measure(pass_rate=0.85, least=least)) == {verdict}


@pytest.mark.parametrize("component", ["metrics", "code"])
def test_a_component_that_is_named_and_absent_is_incomplete(component: str) -> None:
    quality = measure({"weights": {"tests": 1.0, component: 1.0}})
    assert Verdict.INCOMPLETE in verdicts(quality)


def test_a_metric_that_is_named_and_absent_is_incomplete() -> None:
    quality = measure({"metrics": {"accuracy": 1, "f1": 1}}, numbers={"accuracy": 1.0})
    assert Verdict.INCOMPLETE in verdicts(quality)


def test_a_named_metric_that_is_undefined_is_incomplete() -> None:
    quality = measure({"metrics": {"accuracy": 1}}, numbers={"accuracy": None})
    assert Verdict.INCOMPLETE in verdicts(quality)


@pytest.mark.parametrize(
    ("value", "score"), [(0.0, 1.0), (60.0, 0.0), (15.0, 0.75), (90.0, 0.0), (-5.0, 1.0)]
)
def test_a_metric_with_a_scale_is_mapped_and_clipped(value: float, score: float) -> None:
    quality = measure({"metrics": {"mae": {"weight": 1, "best": 0, "worst": 60}}}, numbers={"mae": value})
    assert quality.report.metrics[0].score == pytest.approx(score)


def test_a_metric_beyond_0_to_1_needs_a_scale() -> None:
    quality = measure({"metrics": {"mae": 1}}, numbers={"mae": 12.0})
    assert Verdict.INCOMPLETE in verdicts(quality)
    assert any("best: and worst:" in finding.text for finding in quality.findings)


def test_a_metric_that_is_only_declared_is_shown_and_does_not_count() -> None:
    quality = measure({"metrics": {"accuracy": 1}}, declared={"accuracy": 0.99}, pass_rate=0.8)
    assert quality.value == pytest.approx(0.8)
    assert quality.report.metrics[0].status == "declared"
    assert verdicts(quality) == {Verdict.PASS}


def test_under_release_a_metric_that_is_only_declared_is_refused() -> None:
    quality = measure({"metrics": {"accuracy": 1}}, declared={"accuracy": 0.99}, release=True)
    assert Verdict.INCOMPLETE in verdicts(quality)


def test_code_is_the_mean_of_what_its_reports_say() -> None:
    code = CodeQuality(line_coverage=0.9, findings_per_kloc=5.0, simple_functions=0.6)
    quality = measure({"weights": {"code": 1.0}}, code=code)
    assert quality.value == pytest.approx((0.9 + 0.75 + 0.6) / 3)


def test_more_findings_than_the_scale_has_are_worth_nothing() -> None:
    assert measure({"weights": {"code": 1.0}}, code=CodeQuality(findings_per_kloc=400.0)).value == 0.0


def test_a_code_report_that_cannot_be_used_is_incomplete() -> None:
    quality = measure(code_problems={"ruff": "reports/ruff.json is not JSON"})
    assert Verdict.INCOMPLETE in verdicts(quality)
    assert any("reports/ruff.json is not JSON" in finding.text for finding in quality.findings)


def test_more_than_two_labels_count_by_their_averages_under_their_names() -> None:
    averages: dict[str, float | None] = {"precision_macro": 0.8, "recall_macro": 0.7, "f1_macro": 0.6}
    quality = measure(numbers={"accuracy": 0.9, **averages})
    assert quality.value == measure(numbers=dict(FOUR)).value
    names = [part.name for part in quality.report.metrics]
    assert names == ["accuracy", "f1_macro", "precision_macro", "recall_macro"]
    named = measure({"metrics": {"recall": 1}}, numbers={"recall_macro": 0.7})
    assert [part.name for part in named.report.metrics] == ["recall_macro"]
    assert Verdict.INCOMPLETE not in verdicts(named)


MAE = {"weights": {"metrics": 1}, "metrics": {"mae": {"weight": 1, "best": 0, "worst": 10}}}


@pytest.mark.parametrize("by_dataset", [{"a": 1.0, "b": 6.0, "c": 3.0}, {"c": 3.0, "b": 6.0, "a": 1.0}])
def test_of_several_data_sets_the_worst_score_counts(by_dataset: dict[str, float | None]) -> None:
    quality = measure(MAE, by_dataset=by_dataset, least=0.5)
    (part,) = quality.report.metrics
    assert part.value == 6.0
    assert part.score == pytest.approx(0.4)
    assert part.note.endswith("the lowest over the data sets a, b, c")
    assert verdicts(quality) == {Verdict.FAIL}


def test_a_data_set_on_which_a_metric_is_undefined_is_the_worst() -> None:
    quality = measure(MAE, by_dataset={"a": 1.0, "b": None}, least=0.5)
    (part,) = quality.report.metrics
    assert part.score is None
    assert "undefined" in part.note
    assert verdicts(quality) == {Verdict.INCOMPLETE}


def test_a_data_set_that_a_metric_names_is_the_one_that_counts() -> None:
    metrics = {"mae": {"weight": 1, "best": 0, "worst": 10, "dataset": "a"}}
    quality = measure({**MAE, "metrics": metrics}, by_dataset={"a": 1.0, "b": 6.0}, least=0.5)
    assert quality.value == pytest.approx(0.9)
    assert verdicts(quality) == {Verdict.PASS}
