"""The comparison with a baseline, as Markdown and on the page."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import plotly.graph_objects
import pytest

from pytest_mlops.records.comparison import BaselineRef, Comparison, Delta
from pytest_mlops.records.policy import Policy
from pytest_mlops.records.rule import Rule
from pytest_mlops.report import html
from pytest_mlops.report.changes import all_changes, by_metric
from pytest_mlops.report.figures import SLICES_DRAWN, forest_figure
from pytest_mlops.report.html import to_html
from pytest_mlops.report.markdown import to_markdown
from pytest_mlops.report.messages import describe_comparison
from pytest_mlops.report.series import all_series
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from pytest_mlops.records.integration import IntegrationResult
    from tests.report.conftest import MakeRecord

HOSTILE = "</script><img src=x onerror=alert(1)> | `a` **b** @team http://e.example"


def delta(metric: str, slice_: str = "all", by: float = 0.0, **fields: Any) -> Delta:
    """Return a difference known to a point up or down, which is a regression where it goes down."""
    numbers = {
        "candidate": 0.8 + by,
        "baseline": 0.8,
        "delta": by,
        "lower": by - 0.01,
        "upper": by + 0.01,
        "p_decrease": 0.5 if by >= 0 else 1e-6,
        "p_increase": 0.5,
    }
    return Delta(metric=metric, slice=slice_, n=1200, **{**numbers, **fields})


def undefined(metric: str, why: str, **fields: Any) -> Delta:
    return Delta(metric=metric, n=3, undefined=why, **fields)


def compared(*deltas: Delta, **fields: Any) -> Comparison:
    reference = BaselineRef(source="file:old.json", model_id="credit", version_id="1.4")
    known = {"baseline": reference, "paired": 1200, "added": 3, "removed": 0}
    return Comparison(status="compared", deltas=deltas, **{**known, **fields})


@pytest.fixture
def record(make_record: MakeRecord) -> IntegrationResult:
    """Return a record with a regression, a change within its margin, one without a rule, one undefined."""
    return make_record(
        shares=[("recall", "all", 90), ("recall", "young", 60)],
        policy=Policy(
            rules=(
                Rule(metric="recall", min_delta=-0.05, max_delta=0.2),
                Rule(metric="recall", slice="young", min_delta=-0.05, min_rel_delta=-0.05),
                Rule(metric="auc", min_delta=-0.1),
            )
        ),
        comparison=compared(
            delta("accuracy", by=0.02),
            delta("recall", by=-0.01),
            delta("recall", "young", by=-0.2),
            undefined("auc", "one class only", dataset="holdout"),
        ),
    )


def forests(text: str) -> list[dict[str, Any]]:
    found = re.findall(r'<script type="application/json" id="forest-\d+">(.*?)</script>', text, re.DOTALL)
    return [json.loads(body) for body in found]


def traces(figure: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {trace["name"]: trace for trace in figure["data"]}


def rows_of(text: str, heading: str) -> list[str]:
    part = text.partition(f"### {heading}\n")[2].partition("\n### ")[0]
    return [line for line in part.splitlines() if line.startswith("|")][2:]


def test_markdown_lists_changes_whose_rules_did_not_pass_first(record: IntegrationResult) -> None:
    text = to_markdown(record)
    assert rows_of(text, "Changes against the baseline") == [
        "| auc@&#8203;holdout | INCOMPLETE | undefined |  |  | one class only | 3 | at least -0.1 |",
        "| recall&#91;young&#93; | FAIL | -0.2 | 0.8 | 0.6 | -0.21 to -0.19 | 1,200 | at least -0.04 |",
        "| recall | PASS | -0.01 | 0.8 | 0.79 | -0.02 to +0 | 1,200 | at least -0.05, at most +0.2 |",
        "| accuracy |  | +0.02 | 0.8 | 0.82 | +0.01 to +0.03 | 1,200 |  |",
    ]
    assert "Compared with credit 1.4 (file:old.json) on 1,200 examples; 3 only in the candidate" in text
    assert "a one-sided bound with 95 % confidence" in text
    order = ["### Rules that did not pass", "### Changes against", "### Recorded metrics"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_page_has_the_same_numbers_in_its_table(record: IntegrationResult) -> None:
    text = to_html(record, arrays=None)
    table = re.sub(r"<[^>]+>", " ", text.partition('<table id="all-changes">')[2].partition("</table>")[0])
    said = " ".join(table.split())
    for words in (
        "recall[young] ✗ FAIL 0.8 0.6 -0.2 -0.21 to -0.19 1,200 at least -0.04",
        "accuracy 0.8 0.82 +0.02 +0.01 to +0.03 1,200",
        "auc@holdout ∅ INCOMPLETE undefined one class only 3 at least -0.1",
    ):
        assert words in said
    assert "Compared with credit 1.4 (file:old.json) on 1,200 examples" in text
    assert '<a href="#changes">' in text


def test_forest_shows_difference_interval_margin_and_no_change(record: IntegrationResult) -> None:
    recall, accuracy = forests(to_html(record, arrays=None))
    plotly.graph_objects.Figure(recall)
    assert recall["layout"]["yaxis"]["ticktext"] == ["all", "young"]
    drawn = traces(recall)
    assert (drawn["fail"]["x"], drawn["fail"]["y"]) == ([-0.2], [1])
    assert drawn["fail"]["error_x"]["array"] == [pytest.approx(0.01)]
    assert drawn["fail"]["marker"]["symbol"] != drawn["pass"]["marker"]["symbol"]
    assert drawn["margin"]["x"] == [-0.05, -0.05, None, 0.2, 0.2, None, *[pytest.approx(-0.04)] * 2, None]
    assert drawn["margin"]["y"] == [-0.5, 0.5, None, -0.5, 0.5, None, 0.5, 1.5, None]
    assert drawn["margin"]["line"]["dash"] == "dash"
    assert len(drawn["margin"]["text"]) == len(drawn["margin"]["x"])
    assert (drawn["no change"]["x"], drawn["no change"]["y"]) == ([0, 0], [-0.5, 1.5])
    assert drawn["fail"]["text"] == [
        "young: -0.2, interval -0.21 to -0.19, n 1,200, allowed at least -0.04, FAIL"
    ]
    assert set(traces(accuracy)) == {"no change", "no rule"}


def test_verdict_on_a_change_is_not_shown_on_the_value(record: IntegrationResult) -> None:
    (recall,) = all_series(record)
    assert recall.verdict is None
    assert [series.verdict for series in by_metric(all_changes(record))] == [
        Verdict.INCOMPLETE,
        Verdict.FAIL,
        None,
    ]


@pytest.mark.parametrize(
    ("status", "message", "sentence"),
    [
        ("first_run", "there is no baseline yet", "Not compared: there is no baseline yet."),
        ("refused", "it is <b>the same</b> model", "Refused: it is <b>the same</b> model."),
    ],
)
def test_without_a_comparison_the_reports_say_why(
    make_record: MakeRecord, status: Any, message: str, sentence: str
) -> None:
    comparison = Comparison(status=status, message=message)
    assert describe_comparison(comparison) == sentence
    record = make_record(comparison=comparison)
    text, page = to_markdown(record), to_html(record, arrays=None)
    escaped = sentence.replace("<", "&lt;").replace(">", "&gt;")
    assert f"<p>{escaped}</p>" in page
    assert f"### Changes against the baseline\n\n{sentence.partition('<')[0]}" in text
    assert "<b>" not in text
    assert forests(page) == []
    assert 'id="all-changes"' not in page


def test_a_run_that_wanted_no_comparison_has_no_section(make_record: MakeRecord) -> None:
    record = make_record()
    assert all_changes(record) == []
    assert "Changes against" not in to_markdown(record)
    assert "Changes against" not in to_html(record, arrays=None)
    assert "#changes" not in to_html(record, arrays=None)


def test_a_baseline_without_a_version_is_named_by_its_source() -> None:
    sentence = describe_comparison(compared(baseline=BaselineRef(source="run"), confidence=0.975))
    assert sentence.startswith("Compared with run on ")
    assert "97.5 % confidence" in sentence


def test_hostile_names_stay_text(make_record: MakeRecord) -> None:
    reference = BaselineRef(source=HOSTILE, version_id=HOSTILE)
    record = make_record(
        policy=Policy(rules=(Rule(metric=HOSTILE, slice=HOSTILE, min_delta=0.0, better="higher"),)),
        comparison=compared(delta(HOSTILE, HOSTILE, by=-0.1), undefined("auc", HOSTILE), baseline=reference),
    )
    text, page = to_markdown(record), to_html(record, arrays=None)
    assert not re.search(r"[<`]|(?<!\w)@\w|://", text)
    assert {line.count("|") for line in rows_of(text, "Changes against the baseline")} == {9}
    assert "<img" not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    (figure,) = forests(page)
    shown = [*figure["layout"]["yaxis"]["ticktext"], figure["layout"]["xaxis"]["title"]["text"]]
    shown += [words for trace in figure["data"] for words in trace.get("text", [])]
    assert not any("<" in words for words in shown)


def test_a_figure_draws_the_first_slices_and_the_table_has_all(make_record: MakeRecord) -> None:
    slices = [f"s{index:03}" for index in range(60)]
    deltas = [delta("recall", name, by=-0.2 if name == "s059" else 0.0) for name in slices]
    policy = Policy(rules=(Rule(metric="recall", slice="s059", min_delta=-0.05),))
    record = make_record(policy=policy, comparison=compared(*deltas))
    page = to_html(record, arrays=None)
    (figure,) = forests(page)
    assert len(figure["layout"]["yaxis"]["ticktext"]) == SLICES_DRAWN
    assert figure["layout"]["yaxis"]["ticktext"][0] == "s059"
    assert f"The figure shows {SLICES_DRAWN} slices" in page
    assert all(f"recall[{name}]" in page for name in slices)


def test_rows_and_metrics_beyond_the_limits_are_counted(
    make_record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "ROW_LIMIT", 2)
    monkeypatch.setattr(html, "FIGURE_LIMIT", 1)
    page = to_html(make_record(comparison=compared(*map(delta, ("a", "b", "c")))), arrays=None)
    assert "1 more changes in the record" in page
    assert "2 more metrics appear only in the table" in page
    assert len(forests(page)) == 1


def test_thousands_of_changes_keep_the_budget_and_are_counted(make_record: MakeRecord) -> None:
    deltas = [delta("recall", f"slice{index}") for index in range(3000)]
    text = to_markdown(make_record(comparison=compared(*deltas)))
    assert len(text) <= 60_000
    found = re.search(r"([\d,]+) more changes", text.splitlines()[-1])
    assert found is not None
    assert int(found[1].replace(",", "")) + len(rows_of(text, "Changes against the baseline")) == 3000
    assert "### Provenance" in text


def test_slices_without_a_difference_are_left_to_the_table(make_record: MakeRecord) -> None:
    record = make_record(comparison=compared(delta("auc"), undefined("auc", "one class", slice="s")))
    (series,) = by_metric(all_changes(record))
    assert forest_figure(series)["layout"]["yaxis"]["ticktext"] == ["all"]


def test_a_rule_on_another_data_set_bounds_nothing_here(make_record: MakeRecord) -> None:
    rules = (
        Rule(metric="mae", dataset="old", max_delta=0.1),
        Rule(metric="mae", dataset="new", max_delta=0.3),
    )
    deltas = (delta("mae", dataset="old"), delta("mae", dataset="new"))
    changes = all_changes(make_record(policy=Policy(rules=rules), comparison=compared(*deltas)))
    assert {change.measured.dataset: change.most for change in changes} == {"old": 0.1, "new": 0.3}
