"""Trends: which runs and metrics they show, in which order, and how they are drawn."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.records.model import ModelVersion
from pytest_mlops.records.policy import GateSettings, Policy
from pytest_mlops.records.rule import Rule
from pytest_mlops.report.figures import trend_figure
from pytest_mlops.report.trends import METRICS_DRAWN, all_trends, ruled_keys, run_point
from tests.report.conftest import ENDED

if TYPE_CHECKING:
    from pytest_mlops.records.integration import IntegrationResult
    from tests.report.conftest import MakeRecord

POLICY = Policy(
    configured=True,
    gate=GateSettings(min_coverage=0.5),
    rules=(Rule(metric="f1", min=0.5, max=0.99), Rule(metric="recall", slice="young", min=0.8)),
)


def a_run(make_record: MakeRecord, run_id: str, day: int, *, recall: int = 90) -> IntegrationResult:
    return make_record(
        shares=[("recall", "young", recall), ("f1", "all", 80), ("mae", "all", 10)],
        policy=POLICY,
        model=ModelVersion(model_id="credit", version_id=str(day)),
        run_id=run_id,
        timestamp=ENDED + timedelta(days=day),
    )


def test_runs_are_in_their_order_and_this_one_is_among_them_once(make_record: MakeRecord) -> None:
    old, own, new = (a_run(make_record, name, day) for name, day in (("a", 1), ("b", 2), ("c", 3)))
    keys = ruled_keys(own)
    points = [point for one in (new, own, old) if (point := run_point(one, keys)) is not None]
    for history in (points, points[:1] + points[2:]):
        trend = all_trends(own, history)[0]
        assert [point.run_id for point in trend.points] == ["a", "b", "c"]
        assert [point.version for point in trend.points] == ["1", "2", "3"]
        assert trend.runs == 3


def test_scores_come_first_then_ruled_metrics_the_worst_first(make_record: MakeRecord) -> None:
    record = a_run(make_record, "a", 1, recall=20)
    trends = all_trends(record, [])
    titles = [trend.title for trend in trends]
    assert titles == ["coverage", "pass rate", "quality score", "recall[young]", "f1"]
    assert trends[0].limits == (0.5,)
    assert trends[4].limits == (0.5, 0.99)
    point = trends[3].points[0]
    assert point.value == 0.2
    assert point.lower is not None
    assert point.upper is not None
    assert point.lower < 0.2 < point.upper
    assert point.verdict == "fail"


def test_a_metric_that_older_runs_did_not_measure_has_fewer_points(make_record: MakeRecord) -> None:
    own = a_run(make_record, "b", 2)
    old = make_record(model=ModelVersion(model_id="credit", version_id="1"), run_id="a", timestamp=ENDED)
    point = run_point(old, ruled_keys(own))
    assert point is not None
    trends = all_trends(own, [point])
    assert [len(trend.points) for trend in trends] == [2, 2, 2, 1, 1]


@pytest.mark.parametrize("fields", [{"partial": "1 of 2"}, {"model_version": None}])
def test_a_run_without_a_verdict_or_a_model_has_no_trend(
    make_record: MakeRecord, fields: dict[str, object]
) -> None:
    record = a_run(make_record, "a", 1).model_copy(update=fields)
    assert run_point(record, ruled_keys(record)) is None
    assert all_trends(record, []) == []


def test_metrics_are_bounded_in_number(make_record: MakeRecord) -> None:
    names = [f"m{index}" for index in range(METRICS_DRAWN + 5)]
    record = make_record(
        shares=[(name, "all", 90) for name in names],
        policy=Policy(configured=True, rules=tuple(Rule(metric=name, min=0.5) for name in names)),
    )
    assert len(ruled_keys(record)) == METRICS_DRAWN


def test_rules_on_changes_are_no_bounds_of_the_metric(make_record: MakeRecord) -> None:
    record = make_record(
        shares=[("f1", "all", 90), ("recall", "all", 90)],
        policy=Policy(
            configured=True,
            rules=(
                Rule(metric="recall", min_delta=-0.1),
                Rule(metric="f1", min=0.5),
                Rule(metric="none", min=1),
            ),
        ),
    )
    assert ruled_keys(record) == (("f1", "all", None),)


def test_the_figure_has_a_line_the_runs_by_verdict_and_the_bounds(make_record: MakeRecord) -> None:
    own = a_run(make_record, "b", 2, recall=20)
    old = run_point(a_run(make_record, "a", 1), ruled_keys(own))
    assert old is not None
    figure = trend_figure(all_trends(own, [old])[3])
    line, passed, failed, limit = figure["data"]
    assert line["x"] == ["2026-06-16 12:00:00", "2026-06-17 12:00:00"]
    assert line["y"] == [0.9, 0.2]
    assert (passed["meta"], failed["meta"]) == ("pass", "fail")
    assert failed["error_y"]["array"][0] > 0
    assert failed["error_y"]["arrayminus"][0] > 0
    assert "95 % interval" in failed["text"][0]
    assert (limit["meta"], limit["y"]) == ("limit", [0.8, 0.8])


def test_a_score_shows_runs_between_0_and_1_and_the_table_what_they_came_to(make_record: MakeRecord) -> None:
    trend = all_trends(a_run(make_record, "a", 1, recall=20), [])[1]
    assert [point.verdict for point in trend.points] == ["fail"]
    figure = trend_figure(trend)
    assert [trace.get("name") for trace in figure["data"]] == [None, "run", "threshold 1"]
    assert figure["layout"]["yaxis"]["range"] == [-0.04, 1.04]


def test_what_is_unknown_in_every_run_is_not_drawn(make_record: MakeRecord) -> None:
    record = a_run(make_record, "a", 1).model_copy(update={"quality_score": None})
    trend = all_trends(record, [])[2]
    assert trend.title == "quality score"
    assert not trend.drawn


def test_names_from_a_record_are_no_markup_in_a_figure(make_record: MakeRecord) -> None:
    record = make_record(
        shares=[("<b>f1", "all", 90)],
        policy=Policy(configured=True, rules=(Rule(metric="<b>f1", min=0.5),)),
        model=ModelVersion(model_id="credit", version_id="<i>1"),
    )
    text = str(trend_figure(all_trends(record, [])[3]))
    assert "<b>" not in text
    assert "<i>" not in text
