"""``pytest-mlops explain`` says what a configuration means."""

from __future__ import annotations

import io
from datetime import date
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from typer.testing import CliRunner

from pytest_mlops.cli.app import app
from pytest_mlops.cli.explain import explain_config
from pytest_mlops.cli.output import Section, Table, print_sections
from pytest_mlops.config.load import load_config

if TYPE_CHECKING:
    from pathlib import Path

TODAY = date(2026, 11, 23)

FULL = """\
model: {id: credit-risk, version: "2026.11.0", artifact: model/, algorithm: gradient boosting}
requirements:
  - {capability: ranking, slices: [all, "age<40"], weight: 2}
  - {capability: calibration, datasets: [holdout]}
gate:
  min_coverage: 0.9
  on_undecided: block
  estimand: sample
  min_bound: 0.75
  require_evidence: true
quality:
  weights: {metrics: 3, code: 1}
  metrics: {f1: 1, mae: {weight: 3, best: 0, worst: 60, dataset: holdout}}
  code: {ruff: ruff.json, coverage: coverage.json}
rules:
  - {metric: recall, slice: "age<40", min: 0.93, confidence: 0.95}
  - {metric: p99_ms, max: 20, severity: report}
  - {id: bias, metric: b, min: -1, max: 1, confidence: 0.99}
  - {metric: mae, dataset: holdout, max: 4, confidence: 0.975}
waivers:
  - {rule: bias, scope: "*", reason: one odd branch, approver: Ada, expires: 2026-12-31}
  - {test: "m.py::x", scope: 2026.*, reason: odd, approver: Bo, expires: 2026-11-22}
  - {test: "m.py::y", scope: 2026.*, reason: late data, approver: Cy, expires: 2026-11-23}
  - {test: "m.py::z", scope: 2026.*, reason: late data, approver: Cy, expires: 2026-11-24}
environments: {staging: {accept_waived: true}, production: {}}
"""


def sections(folder: Path, text: str) -> dict[str, Section]:
    """Return the sections that explain ``text``, by title; the first by the empty title."""
    path = folder / "mlops.yaml"
    path.write_text(text, encoding="utf-8")
    first, *others = explain_config(load_config(path), today=TODAY)
    assert first.title == f"What {path} means"
    return {"": first, **{section.title: section for section in others}}


def rows(section: Section) -> dict[str, tuple[str, ...]]:
    assert section.table is not None
    return {row[0]: row[1:] for row in section.table.rows}


def test_the_model_is_named_with_its_files(tmp_path: Path) -> None:
    assert sections(tmp_path, FULL)[""].lines == (
        "Model credit-risk, version 2026.11.0 (gradient boosting)",
        "The model's files: model/",
    )


def test_without_a_model_or_its_files_nothing_is_deployable(tmp_path: Path) -> None:
    assert sections(tmp_path, "")[""].lines == ("It names no model, so nothing is deployable.",)
    assert sections(tmp_path, "model: {id: a, version: b}")[""].lines == (
        "Model a, version b",
        "It does not name the model's files, so nothing is deployable.",
    )


def test_each_threshold_has_its_value_and_where_it_comes_from(tmp_path: Path) -> None:
    found = rows(sections(tmp_path, FULL)["Thresholds"])
    assert {name: row[:2] for name, row in found.items()} == {
        "min_pass_rate": ("1", "default"),
        "min_coverage": ("0.9", "line 6"),
        "min_quality_score": ("0.7", "default"),
        "on_undecided": ("block", "line 7"),
        "estimand": ("sample", "line 8"),
        "min_n": ("30", "default"),
        "require_evidence": ("always", "line 10"),
        "min_bound": ("0.75", "line 9"),
    }


@pytest.mark.parametrize(
    ("written", "word"), [("", "in a release"), ("gate: {require_evidence: false}", "never")]
)
def test_when_evidence_is_required_is_said_in_words(tmp_path: Path, written: str, word: str) -> None:
    found = rows(sections(tmp_path, written)["Thresholds"])
    assert found["require_evidence"][0] == word
    assert "min_bound" not in found


def test_decisions_are_spelled_out_for_each_context_and_environment(tmp_path: Path) -> None:
    decisions = sections(tmp_path, FULL)["Decisions"]
    assert decisions.table is not None
    assert decisions.table.columns == ("", "PASS", "WAIVED", "UNDECIDED", "FAIL", "INCOMPLETE")
    assert rows(decisions) == {
        "local": ("allow", "allow", "allow", "block", "block"),
        "pull request": ("allow", "allow", "block", "block", "block"),
        "release": ("allow", "block", "block", "block", "block"),
        "release to staging": ("allow", "allow", "block", "block", "block"),
    }


def test_a_pull_request_allows_undecided_by_default(tmp_path: Path) -> None:
    assert rows(sections(tmp_path, "")["Decisions"])["pull request"][2] == "allow"


def test_cells_have_weight_share_and_line(tmp_path: Path) -> None:
    assert rows(sections(tmp_path, FULL)["Cells"]) == {
        "ranking:all": ("2", "40.0%", "line 3"),
        "ranking:age<40": ("2", "40.0%", "line 3"),
        "calibration:all@holdout": ("1", "20.0%", "line 4"),
    }


def test_without_cells_it_says_what_coverage_is(tmp_path: Path) -> None:
    cells = sections(tmp_path, "")["Cells"]
    assert cells.table is None
    assert "nothing is deployable" in cells.lines[0]


def test_each_rule_is_a_sentence(tmp_path: Path) -> None:
    assert sections(tmp_path, FULL)["Rules"].lines == (
        "recall on slice age<40 must be at least 0.93; the 95 % lower bound decides (line 16)",
        "p99_ms must be at most 20; the estimate decides; it is reported and blocks nothing (line 17)",
        "bias: b must be at least -1 and at most 1; the 99 % lower and upper bounds decide (line 18)",
        "mae of data set holdout must be at most 4; the 97.5 % upper bound decides (line 19)",
    )


def test_components_with_a_weight_must_be_there(tmp_path: Path) -> None:
    found = sections(tmp_path, FULL)
    components = rows(found["Quality score"])
    assert {name: (row[0], row[2]) for name, row in components.items()} == {
        "metrics": ("75.0%", "INCOMPLETE"),
        "code": ("25.0%", "INCOMPLETE"),
    }
    assert found["Quality score"].lines == (
        "Code is read from coverage.json, ruff.json; a report that cannot be used is INCOMPLETE.",
    )
    assert rows(found["Metrics of the quality score"]) == {
        "f1": ("25.0%", "as it is, 0 to 1", "INCOMPLETE"),
        "mae": ("75.0%", "60 is 0, 0 is 1, on holdout", "INCOMPLETE"),
    }


def test_by_default_what_is_absent_drops_out_of_quality(tmp_path: Path) -> None:
    found = sections(tmp_path, "")
    components = rows(found["Quality score"])
    assert [row[0] for row in components.values()] == ["40.0%", "30.0%", "30.0%"]
    metrics = rows(found["Metrics of the quality score"])
    assert list(metrics) == ["accuracy", "precision", "recall", "f1"]
    assert {row[2] for row in [*components.values(), *metrics.values()]} == {"drops out"}
    assert found["Quality score"].lines == ("No report on the code is named.",)


def test_waivers_are_told_with_the_days_they_have_left(tmp_path: Path) -> None:
    assert sections(tmp_path, FULL)["Waivers"].lines == (
        "rule bias, for every version, until 2026-12-31 (38 days left); approved by Ada: one odd branch",
        "test m.py::x, for versions 2026.*, expired on 2026-11-22, which is a FAIL; approved by Bo: odd",
        "test m.py::y, for versions 2026.*, until 2026-11-23 (its last day); approved by Cy: late data",
        "test m.py::z, for versions 2026.*, until 2026-11-24 (1 day left); approved by Cy: late data",
    )


def test_an_empty_file_says_that_it_has_no_rules_and_waivers(tmp_path: Path) -> None:
    found = sections(tmp_path, "")
    assert found["Rules"].lines == ("No rule is declared.",)
    assert found["Waivers"].lines == ("Nothing is waived.",)


def test_the_command_prints_every_section_within_80_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "mlops.yaml").write_text(FULL, encoding="utf-8")
    result = CliRunner().invoke(app, ["explain"])
    assert result.exit_code == 0
    titles = {"Thresholds", "Decisions", "Cells", "Rules", "Quality score", "Waivers"}
    lines = result.output.splitlines()
    assert titles <= set(lines)
    assert "What mlops.yaml means" in lines
    assert max(map(len, lines)) <= 80


def printed(section: Section, *, terminal: bool) -> str:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=80, highlight=False)
    print_sections([section], console)
    return stream.getvalue()


SECTION = Section(
    title="A title",
    table=Table(
        columns=("cell", "weight"), rows=(("recall[bold]", "allow"), ("b", "block")), numeric=("weight",)
    ),
    lines=("rule recall[red] holds",),
)


def test_square_brackets_in_names_are_no_markup() -> None:
    text = printed(SECTION, terminal=False)
    assert "recall[bold]" in text
    assert "- rule recall[red] holds" in text


def test_a_log_gets_no_colour() -> None:
    assert "\x1b" not in printed(SECTION, terminal=False)


def test_a_terminal_gets_colour_unless_it_asks_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[32m allow" in printed(SECTION, terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "[32m" not in printed(SECTION, terminal=True)
