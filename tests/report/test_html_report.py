"""The page: whole, closed to everything outside, and in the order in which it is read."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects
import pytest

from pytest_mlops.errors import MLOpsError
from pytest_mlops.evidence.arrays import save_arrays
from pytest_mlops.records.integration import Provenance, QualityPart, QualityReport
from pytest_mlops.records.measurement import ArrayRef, Measurement, Origin
from pytest_mlops.records.policy import Policy, Requirement, Waiver
from pytest_mlops.records.results import OrdinaryTests, Outcome, TestResult
from pytest_mlops.records.rule import Rule
from pytest_mlops.report import html
from pytest_mlops.report.figures import SLICES_DRAWN
from pytest_mlops.report.html import coverage_matrix, to_html

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult
    from tests.report.conftest import MakeRecord

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'{{ 7*7 }}"
VOID = {"meta", "link", "input", "br", "img"}


class Page(HTMLParser):
    """Elements of a page, their attributes, and the text of scripts and headings."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.stack: list[str] = []
        self.feed(text)
        assert self.stack == [], "elements left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack:
            self.texts.append((self.stack[-1], data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.elements if found == tag]

    def headings(self) -> list[int]:
        return [int(tag[1]) for tag, _ in self.elements if re.fullmatch(r"h[1-6]", tag)]

    def text(self) -> str:
        return " ".join(data for tag, data in self.texts if tag not in {"script", "style"})

    def scripts(self) -> list[str]:
        kinds = [attributes.get("type") for attributes in self.all("script")]
        bodies = [data for tag, data in self.texts if tag == "script"]
        assert len(kinds) == len(bodies)
        return [body for kind, body in zip(kinds, bodies, strict=True) if kind is None]


def figures(text: str) -> dict[str, Any]:
    found = re.findall(r'<script type="application/json" id="([^"]+)">(.*?)</script>', text, re.DOTALL)
    return {name: json.loads(body) for name, body in found}


@pytest.fixture
def full(make_record: MakeRecord) -> IntegrationResult:
    """Return a record with something in every section, hostile names throughout."""
    policy = Policy(
        configured=True,
        requirements=(
            Requirement(capability="rank", slices=("all", HOSTILE), weight=2.0),
            Requirement(capability="fit", datasets=("holdout",)),
        ),
        rules=(
            Rule(metric="recall", slice=HOSTILE, min=0.9),
            Rule(metric="recall", min=0.1, max=0.99),
            Rule(id=HOSTILE, metric="absent", min=0.5, severity="report"),
        ),
        waivers=(Waiver(test="t*", scope="*", reason=HOSTILE, approver="A", expires="2026-12-31"),),  # type: ignore[arg-type]
    )
    bad = TestResult(
        test_name=f"test_bad[{HOSTILE}]",
        passed=False,
        outcome=Outcome.FAILED,
        conclusive=True,
        message=HOSTILE,
    )
    good = TestResult(
        test_name="test_good", passed=True, outcome=Outcome.PASSED, conclusive=True, covers=("rank:all",)
    )
    undefined = Measurement(
        name="auc", value=None, undefined="one class only", origin=Origin.METRIC, test="test_good"
    )
    return make_record(
        tests=[good, bad],
        shares=[("recall", "all", 90), ("recall", HOSTILE, 50), ("speed", "all", 30)],
        measurements=(undefined,),
        policy=policy,
        ordinary=OrdinaryTests(total=2, passed=1, failed=("test_helper",)),
        quality=QualityReport(
            components=(QualityPart(name="tests", weight=0.3, status="absent", note="none"),)
        ),
        provenance=Provenance(
            tool_version="1", pytest_version="9", python="3", platform="x", packages={"numpy": "2.4"}
        ),
    )


def test_nothing_out_of_the_record_becomes_an_element_or_a_script(full: IntegrationResult) -> None:
    text = to_html(full, arrays=None)
    page = Page(text)
    assert page.all("img") == []
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert "alert(1)" not in "".join(page.scripts())
    assert "{{ 7*7 }}" in page.text()
    assert "<img src=x" not in re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)


def test_policy_lets_in_exactly_the_scripts_that_are_there(full: IntegrationResult) -> None:
    page = Page(to_html(full, arrays=None))
    (policy,) = [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    there = {base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in page.scripts()}
    assert allowed == there
    assert len(there) == 2
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]


def test_no_attribute_leads_out_of_the_page(full: IntegrationResult) -> None:
    for tag, attributes in Page(to_html(full, arrays=None)).elements:
        for name in ("src", "href", "action", "srcset", "data", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:,")), f"{tag} {name}={value}"


def test_the_page_can_be_read_by_its_structure(full: IntegrationResult) -> None:
    page = Page(to_html(full, arrays=None))
    assert page.all("html") == [{"lang": "en"}]
    assert ("title", "FAIL") in [(tag, data.split(":")[0]) for tag, data in page.texts]
    levels = page.headings()
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for attributes in page.all("a"):
        assert str(attributes["href"])[1:] in ids
    assert {label["for"] for label in page.all("label")} == {field["id"] for field in page.all("input")}
    assert all(cell.get("scope") in {"row", "col"} for cell in page.all("th"))
    for _, attributes in page.elements:
        if attributes.get("role") in {"region", "img"}:
            assert attributes.get("aria-label")


def test_sections_come_in_the_order_of_the_question(full: IntegrationResult) -> None:
    text = to_html(full, arrays=None)
    sections = ("scores", "rules", "coverage", "metrics", "quality", "tests", "waivers", "provenance")
    order = ["<h1>", 'class="reasons"', *(f'<h2 id="{name}"' for name in sections)]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_verdicts_of_cells_rules_and_tests_are_words_and_not_colours_alone(full: IntegrationResult) -> None:
    said = Page(to_html(full, arrays=None)).text()
    for words in (
        "not declared",
        "no test",
        "report only",
        "FAIL",
        "INCOMPLETE",
        "undefined",
        "one class only",
        "absent",
    ):
        assert words in said


def test_figures_are_such_as_plotly_takes(full: IntegrationResult) -> None:
    drawn = figures(to_html(full, arrays=None))
    assert set(drawn) == {"series-0"}
    for figure in drawn.values():
        plotly.graph_objects.Figure(figure)
    traces = {trace["name"]: trace for trace in drawn["series-0"]["data"]}
    assert traces["fail"]["x"] == [0.5]
    assert traces["fail"]["error_x"]["array"][0] == pytest.approx(0.602 - 0.5, abs=0.001)
    assert sorted(traces["threshold"]["x"]) == [0.1, 0.9, 0.99]
    # Plotly would take these for markup.
    assert all("<" not in label for label in drawn["series-0"]["layout"]["yaxis"]["ticktext"])
    assert all("<" not in text for trace in traces.values() for text in trace["text"])


def test_a_page_without_figures_does_not_carry_plotly(make_record: MakeRecord) -> None:
    text = to_html(make_record(tests=[], quality=QualityReport()), arrays=None)
    assert len(text) < 30_000
    said = Page(text).text()
    for words in (
        "No rules are declared",
        "No metrics were recorded",
        "There is no quality score",
        "No requirements",
    ):
        assert words in said


def test_a_version_that_nothing_speaks_against_says_so(make_record: MakeRecord) -> None:
    said = Page(to_html(make_record(), arrays=None)).text()
    assert "There are no reasons against this version" in said
    assert "cannot be used to deploy" in said


def test_a_partial_run_is_not_shown_as_a_pass(make_record: MakeRecord) -> None:
    text = to_html(make_record().model_copy(update={"partial": "1 of 2"}), arrays=None)
    assert '<header class="undecided">' in text
    assert "<h1>" in text
    assert "partial: 1 of 2 model tests ran, no verdict" in text


def test_long_lists_are_cut_and_what_is_left_is_counted(
    make_record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "ROW_LIMIT", 30)
    slices = [f"s{index:03}" for index in range(40)]
    policy = Policy(rules=tuple(Rule(metric="recall", slice=name, min=0.9) for name in slices))
    text = to_html(make_record(shares=[("recall", name, 50) for name in slices], policy=policy), arrays=None)
    said = Page(text).text()
    assert "10 more rules in the record" in said
    assert "10 more metrics in the record" in said
    assert "30 more reasons" in said
    (figure,) = figures(text).values()
    assert sum(len(trace["x"]) for trace in figure["data"] if trace["name"] == "fail") == SLICES_DRAWN
    assert f"The figure shows {SLICES_DRAWN} slices" in said


def test_numbers_beyond_the_limit_drop_whole_metrics_and_are_counted(
    make_record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "ROW_LIMIT", 2)
    record = make_record(shares=[(name, "all", 50) for name in ("a", "b", "c")])
    assert "1 more metrics in the record" in Page(to_html(record, arrays=None)).text()


def test_slices_whose_rules_failed_come_before_the_others(make_record: MakeRecord) -> None:
    policy = Policy(rules=(Rule(metric="recall", slice="z", min=0.9), Rule(metric="f1", slice="y", min=0.9)))
    shares = [
        ("acc", "x", 95),
        ("recall", "a", 95),
        ("recall", "z", 50),
        ("recall", "all", 95),
        ("f1", "y", 95),
    ]
    drawn = figures(to_html(make_record(shares=shares, policy=policy), arrays=None))
    assert drawn["series-0"]["layout"]["yaxis"]["ticktext"] == ["all", "z", "a"]
    assert [figure["layout"]["xaxis"]["title"]["text"] for figure in drawn.values()] == [
        "recall",
        "f1",
        "acc",
    ]


@pytest.mark.parametrize("module", ["jinja2", "plotly.offline"])
def test_without_the_extra_one_sentence_says_how_to_get_it(
    make_record: MakeRecord, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    html._environment.cache_clear()
    html._plotly.cache_clear()
    with pytest.raises(MLOpsError, match=r"pip install 'pytest-mlops\[report\]'"):
        to_html(make_record(), arrays=None)


def scored(make_record: MakeRecord, folder: Path, **columns: Any) -> IntegrationResult:
    digest, size = save_arrays(columns, folder)
    ref = ArrayRef(
        digest=digest, size=size, n=4, fields=tuple(columns), data="0" * 64, test="test_model.py::test_one"
    )
    return make_record(arrays=(ref,))


def test_reliability_curve_is_drawn_from_the_arrays(make_record: MakeRecord, tmp_path: Path) -> None:
    score = np.linspace(0.01, 0.99, 200)
    record = scored(
        make_record, tmp_path, y_true=(score > 0.5).astype(int), y_pred=(score > 0.5) * 1, y_score=score
    )
    text = to_html(record, arrays=tmp_path)
    figure = figures(text)["curve-0"]
    plotly.graph_objects.Figure(figure)
    assert sum(figure["data"][2]["y"]) == 200
    assert figure["data"][1]["y"] == [0.0] * 5 + [1.0] * 5
    assert "Predicted probability of label 1" in Page(text).text()


def test_arrays_that_cannot_be_used_leave_a_note_and_the_rest(
    make_record: MakeRecord, tmp_path: Path
) -> None:
    record = scored(make_record, tmp_path, y_true=np.zeros(3), y_pred=np.zeros(3), y_score=np.ones(3) / 2)
    (path,) = tmp_path.iterdir()
    path.unlink()
    said = Page(to_html(record, arrays=tmp_path)).text()
    assert "no reliability curve: cannot read" in said


def test_slices_go_down_capabilities_across_and_gaps_are_undeclared(make_record: MakeRecord) -> None:
    policy = Policy(
        requirements=(
            Requirement(capability="rank", slices=("all", "young")),
            Requirement(capability="fit", datasets=("holdout",)),
        )
    )
    matrix = coverage_matrix(make_record(policy=policy))
    assert matrix.capabilities == ("rank", "fit")
    found = [(row.slice, row.dataset, [cell and cell.cell for cell in row.cells]) for row in matrix.rows]
    assert found == [
        ("all", None, ["rank:all", None]),
        ("young", None, ["rank:young", None]),
        ("all", "holdout", [None, "fit:all@holdout"]),
    ]


def test_a_cell_that_the_record_does_not_report_is_left_out(make_record: MakeRecord) -> None:
    policy = Policy(requirements=(Requirement(capability="rank"),))
    record = make_record(policy=policy).model_copy(update={"coverage_cells": ()})
    assert coverage_matrix(record).rows == ()
