"""Comparison under the gate, end to end: what each candidate comes to, and what cannot be compared."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from pytest_mlops.cli.app import app
from pytest_mlops.compare.versions import compare_versions, margin_rules
from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.verify import verify_record
from pytest_mlops.framework import MLOpsFramework
from pytest_mlops.records.comparison import Delta
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult
    from tests.conftest import Gate

RULES = """\
rules:
  - {metric: accuracy, min_delta: -0.02, max_delta: 0.08}
  - {metric: accuracy, slice: young, min_delta: -0.05, critical: false}
"""
# Errors are counted out and not drawn, so that candidates differ from the baseline by what their names say.
DATA = """\
import numpy as np

N = 3000
rng = np.random.default_rng(7)
IDS = np.arange(N)
TRUE = rng.integers(0, 2, N)
YOUNG = IDS % 10 == 0

def wrong(rows):
    answers = TRUE.copy()
    answers[rows] = 1 - answers[rows]
    return answers

MODELS = {
    "baseline": wrong(IDS[300:600]),
    "equal": wrong(np.r_[IDS[310:600], IDS[1000:1010]]),
    "slightly worse": wrong(IDS[285:600]),
    "worse": wrong(np.r_[IDS[300:600], IDS[1000:1200]]),
    "worse on a slice": wrong(np.r_[IDS[450:600], IDS[1000:2000][YOUNG[1000:2000]]]),
    "suspicious": TRUE,
}
"""
TEST = (
    DATA
    + """
import pytest

@pytest.mark.model_test
def test_it(mlops):
    mlops.predictions(TRUE, MODELS[NAME], ids=IDS, slices={"young": YOUNG}MORE)
"""
)


def write(
    gate: Gate, name: str, *, version: str, more: str = "", config: str = "", rules: str = RULES
) -> None:
    gate.write("mlops.yaml", f"version: 1\nmodel: {{id: m, version: '{version}'}}\n{config}{rules}")
    gate.write("test_model.py", TEST.replace("[NAME]", f"[{name!r}]").replace("MORE", more))


def keep_baseline(gate: Gate, name: str = "baseline", *, more: str = "") -> Path:
    """Run the baseline without rules and put its record where the candidate finds it."""
    write(gate, name, version="1", more=more, rules="")
    gate.run()
    assert gate.record().success
    kept = gate.folder / "baseline"
    shutil.copytree(gate.path.parent, kept)
    return kept / "integration-result.json"


FILE = 'baseline: {from: ["file:baseline/integration-result.json"]}\n'
IN_RUN = ', baseline=MODELS["baseline"]'


def run(
    gate: Gate, name: str, *arguments: str, more: str = "", config: str = FILE, rules: str = RULES
) -> IntegrationResult:
    write(gate, name, version="2", more=more, config=config, rules=rules)
    gate.run(*arguments)
    return gate.record()


EXPECTED = [
    ("equal", Verdict.PASS),
    ("slightly worse", Verdict.PASS),
    ("worse", Verdict.FAIL),
    ("worse on a slice", Verdict.FAIL),
    ("suspicious", Verdict.FAIL),
]


@pytest.mark.parametrize("in_run", [True, False], ids=["same run", "file"])
@pytest.mark.parametrize(("name", "verdict"), EXPECTED)
def test_what_each_candidate_comes_to(gate: Gate, name: str, verdict: Verdict, in_run: bool) -> None:
    if not in_run:
        keep_baseline(gate)
    more, config = (IN_RUN, "") if in_run else ("", FILE)
    record = run(gate, name, more=more, config=config)
    assert record.verdict is verdict, record.reasons
    assert record.comparison is not None
    assert (record.comparison.status, record.comparison.paired) == ("compared", 3000)
    verify_record(record, folder=gate.path.parent)


def test_better_overall_and_worse_on_a_slice_is_named_by_its_slice(gate: Gate) -> None:
    record = run(gate, "worse on a slice", more=IN_RUN, config="")
    overall, young = record.rules
    assert overall.estimate is not None
    assert overall.estimate > 0
    assert (overall.verdict, young.verdict) == (Verdict.PASS, Verdict.FAIL)
    assert "accuracy[young] went from" in record.reasons[0].text


def test_a_gain_too_good_to_be_true_says_what_to_look_for(gate: Gate) -> None:
    assert "leak" in run(gate, "suspicious", more=IN_RUN, config="").reasons[0].text


def test_the_baseline_of_a_file_is_named_in_the_record(gate: Gate) -> None:
    keep_baseline(gate)
    reference = run(gate, "equal").comparison.baseline  # type: ignore[union-attr]
    assert reference is not None
    assert (reference.source, reference.version_id) == ("file:baseline/integration-result.json", "1")


def test_every_change_is_listed_with_v(gate: Gate) -> None:
    write(gate, "worse", version="2", more=IN_RUN)
    result = gate.run("-v")
    result.stdout.fnmatch_lines(
        ["*Δaccuracy *-0.06667 *FAIL*", "*Compared with run on 3,000 examples*", "*f1?young? *"]
    )


@pytest.mark.parametrize(
    ("context", "extra", "verdict"),
    [
        ("local", "", Verdict.UNDECIDED),
        ("pull_request", "", Verdict.UNDECIDED),
        ("release", "", Verdict.INCOMPLETE),
        ("release", ", first_run_until: 2999-01-01", Verdict.PASS),
        ("release", ", first_run_until: 2020-01-01", Verdict.INCOMPLETE),
    ],
)
def test_a_first_run(gate: Gate, context: str, extra: str, verdict: Verdict) -> None:
    config = f"baseline: {{from: [run]{extra}}}\n"
    record = run(gate, "equal", f"--mlops-context={context}", config=config)
    assert {rule.verdict for rule in record.rules} == {verdict}
    assert record.comparison is not None
    assert record.comparison.status == "first_run"


def refusal(record: IntegrationResult) -> str:
    assert record.verdict is Verdict.INCOMPLETE
    assert record.comparison is not None
    assert record.comparison.status == "refused"
    return record.comparison.message


def test_a_tampered_record_is_incomplete(gate: Gate) -> None:
    kept = keep_baseline(gate)
    data = json.loads(kept.read_text())
    data["pass_rate"] = 0.5
    kept.write_text(json.dumps(data))
    assert "pass_rate" in refusal(run(gate, "equal"))


def test_a_baseline_that_contradicts_itself_is_incomplete(gate: Gate) -> None:
    kept = keep_baseline(gate)
    data = json.loads(kept.read_text())
    data["measurements"][0]["value"] = 0.1
    kept.write_text(json.dumps(data))
    assert "accuracy is 0.1, but its counts are 2700 of 3000" in refusal(run(gate, "equal"))


def test_tampered_arrays_are_incomplete(gate: Gate) -> None:
    kept = keep_baseline(gate)
    (array,) = (kept.parent / "arrays").iterdir()
    array.write_bytes(array.read_bytes()[:-1] + b"x")
    assert "its bytes were changed after the run" in refusal(run(gate, "equal"))


def test_missing_arrays_are_incomplete(gate: Gate) -> None:
    shutil.rmtree(keep_baseline(gate).parent / "arrays")
    assert "cannot read" in refusal(run(gate, "equal"))


def test_a_refused_baseline_counts_without_any_rule_on_changes(gate: Gate) -> None:
    shutil.rmtree(keep_baseline(gate).parent / "arrays")
    assert "cannot read" in refusal(run(gate, "equal", rules=""))


def test_a_version_compared_with_itself_is_refused(gate: Gate) -> None:
    keep_baseline(gate)
    write(gate, "equal", version="1", config=FILE)
    gate.run()
    assert "the same version as the candidate, 1" in refusal(gate.record())


def test_the_same_bytes_under_another_name_are_refused_and_other_bytes_are_not(gate: Gate) -> None:
    gate.write("weights", "w")
    model = "model: {id: m, version: '%s', artifact: weights}\n"
    write(gate, "baseline", version="1", rules="")
    gate.write("mlops.yaml", "version: 1\n" + model % "1")
    gate.run()
    shutil.copytree(gate.path.parent, gate.folder / "baseline")
    write(gate, "equal", version="2")
    gate.write("mlops.yaml", "version: 1\n" + model % "2" + FILE + RULES)
    gate.run()
    assert "the same bytes" in refusal(gate.record())
    gate.write("weights", "others")
    gate.write("mlops.yaml", "version: 1\n" + model % "1" + FILE + RULES)
    gate.run()
    assert gate.record().verdict is Verdict.PASS


def test_examples_that_one_run_alone_has_are_counted_and_may_be_forbidden(gate: Gate) -> None:
    keep_baseline(gate)
    write(gate, "equal", version="2", config=FILE)
    source = (gate.folder / "test_model.py").read_text()
    fewer = "TRUE[:2900], MODELS['equal'][:2900], ids=IDS[:2900], slices={\"young\": YOUNG[:2900]}"
    gate.write("test_model.py", source[: source.index("    mlops.")] + f"    mlops.predictions({fewer})\n")
    gate.run()
    found = gate.record().comparison
    assert found is not None
    assert (found.status, found.paired, found.added, found.removed) == ("compared", 2900, 0, 100)
    strict = FILE.replace("]}", "], removed_cases: fail}")
    gate.write("mlops.yaml", f"version: 1\nmodel: {{id: m, version: '2'}}\n{strict}{RULES}")
    gate.run()
    assert "removed_cases: fail" in refusal(gate.record())


def test_changed_truth_is_incomplete(gate: Gate) -> None:
    keep_baseline(gate)
    write(gate, "equal", version="2", config=FILE)
    source = (gate.folder / "test_model.py").read_text()
    gate.write("test_model.py", source.replace("predictions(TRUE", "predictions(1 - TRUE"))
    gate.run()
    assert "the true value of 3,000 of 3,000 common examples differs" in refusal(gate.record())


def test_without_ids_pairing_by_position_has_to_be_asked_for(gate: Gate) -> None:
    write(gate, "baseline", version="1", rules="")
    path = gate.folder / "test_model.py"
    gate.write("test_model.py", path.read_text().replace("ids=IDS, ", ""))
    gate.run()
    shutil.copytree(gate.path.parent, gate.folder / "baseline")
    for config, status in ((FILE, "refused"), (FILE.replace("]}", "], pair_by: position}"), "compared")):
        write(gate, "equal", version="2", config=config)
        gate.write("test_model.py", path.read_text().replace("ids=IDS, ", ""))
        gate.run()
        found = gate.record().comparison
        assert found is not None
        assert found.status == status


def test_another_task_or_positive_label_is_not_comparable(gate: Gate) -> None:
    keep_baseline(gate)
    assert "its task is classification" in refusal(run(gate, "equal", more=", task='regression'"))
    assert "its positive label is None" in refusal(run(gate, "equal", more=", positive=0"))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (", baseline=MODELS['baseline'][:5]", "baseline has length 5"),
        (", baseline=np.full(N, np.nan)", "baseline has 3000 NaN"),
        (", baseline=['a'] * N", "baseline is text"),
        (", baseline_score=np.zeros(N)", "baseline_score is given without baseline"),
        (", baseline=MODELS['baseline'], baseline_score=np.full(N, 2.0)", "baseline_score is 2"),
        (
            ", baseline=np.zeros(N), baseline_score=np.zeros(N), task='regression'",
            "baseline_score is given, but the task is regression",
        ),
        (", baseline=np.full(N, 1e99), task='regression'", "baseline is 1e+99"),
    ],
)
def test_what_cannot_be_a_baseline_is_said_where_it_is_recorded(gate: Gate, more: str, said: str) -> None:
    write(gate, "equal", version="2", more=more)
    result = gate.run()
    result.stdout.fnmatch_lines([f"*RecordingError: {said}*"])
    assert not gate.record().success


def test_scores_with_ids_are_compared_example_by_example(gate: Gate) -> None:
    source = """
        import numpy as np, pytest

        @pytest.mark.model_test
        def test_it(mlops):
            rng = np.random.default_rng(3)
            marks = rng.random(200)
            mlops.score("ndcg", marks - 0.02 * {worse} * rng.random(200), range=(-1, 1), scored_by="{judge}",
                        ids=[f"query {{k}}" for k in range(200)], slices={{"short": marks < 0.5}})
    """
    gate.write("mlops.yaml", "version: 1\nmodel: {id: m, version: '1'}\n")
    gate.write("test_model.py", source.format(worse=0, judge="judge 1"))
    gate.run()
    shutil.copytree(gate.path.parent, gate.folder / "baseline")
    rules = (
        "rules:\n  - {metric: ndcg, min_delta: -0.001}\n  - {metric: ndcg, slice: short, min_delta: -0.1}\n"
    )
    gate.write("mlops.yaml", f"version: 1\nmodel: {{id: m, version: '2'}}\n{FILE}{rules}")
    gate.write("test_model.py", source.format(worse=1, judge="judge 1"))
    gate.run()
    assert [rule.verdict for rule in gate.record().rules] == [Verdict.FAIL, Verdict.PASS]
    gate.write("test_model.py", source.format(worse=1, judge="judge 2"))
    gate.run()
    assert "its metric or judge is judge 1" in refusal(gate.record())


def test_changed_inputs_under_the_same_ids_are_incomplete(gate: Gate) -> None:
    keep_baseline(gate, more=", inputs=np.c_[IDS, YOUNG]")
    assert run(gate, "equal", more=", inputs=np.c_[IDS, YOUNG].astype(float)").success
    record = run(gate, "equal", more=", inputs=np.c_[IDS + (IDS == 7), YOUNG]")
    assert "the input of 1 of 3,000 common examples differs" in refusal(record)


def test_inputs_that_the_baseline_kept_hashes_of_have_to_be_given_again(gate: Gate) -> None:
    keep_baseline(gate, more=", inputs=np.c_[IDS, YOUNG]")
    assert "pass inputs= in this run too" in refusal(run(gate, "equal"))


def test_a_slice_that_holds_other_examples_is_incomplete(gate: Gate) -> None:
    keep_baseline(gate)
    write(gate, "equal", version="2", config=FILE)
    path = gate.folder / "test_model.py"
    gate.write("test_model.py", path.read_text().replace("IDS % 10 == 0", "IDS % 10 == 1"))
    gate.run()
    assert "the membership in the slice young of 600 of 3,000 common examples differs" in refusal(
        gate.record()
    )


def test_the_same_predictions_of_versions_that_nothing_tells_apart_are_refused(gate: Gate) -> None:
    write(gate, "baseline", version="1", rules="")
    gate.write("mlops.yaml", "version: 1\n")
    gate.run()
    shutil.copytree(gate.path.parent, gate.folder / "baseline")
    gate.write("mlops.yaml", f"version: 1\n{FILE}{RULES}")
    gate.run()
    assert "only model: artifact would distinguish the two" in refusal(gate.record())


def test_predictions_that_are_their_own_baseline_are_refused(gate: Gate) -> None:
    gate.write("mlops.yaml", f"version: 1\n{RULES}")
    gate.write(
        "test_model.py",
        """
        import pytest

        @pytest.mark.model_test
        def test_it(mlops):
            answers = [0, 1] * 20
            mlops.predictions([0, 1] * 20, answers, baseline=answers)
        """,
    )
    gate.run().stdout.fnmatch_lines(["*baseline is y_pred itself*"])


def test_examples_left_out_are_said_without_v(gate: Gate) -> None:
    keep_baseline(gate)
    write(gate, "equal", version="2", config=FILE)
    path = gate.folder / "test_model.py"
    few = "mlops.predictions(TRUE[:900], MODELS['equal'][:900], ids=IDS[:900], slices={'young': YOUNG[:900]})"
    text = path.read_text().partition("    mlops.predictions")[0]
    gate.write("test_model.py", f"{text}    {few}\n")
    gate.run().stdout.fnmatch_lines(["*2,100 of the 3,000 examples of the baseline are not in this run*"])


def test_a_baseline_that_is_not_there_is_named(gate: Gate) -> None:
    record = run(gate, "equal", config=FILE.replace("baseline/", "basline/"))
    assert "(first run); there is no file:basline/integration-result.json" in record.rules[0].message


METRIC = """
import numpy as np

def cost(true, pred):
    return float((true != pred).mean() * 3)

def pytest_mlops_metrics():
    return {"cost": cost}
"""


@pytest.mark.parametrize(("name", "verdict"), [("equal", Verdict.PASS), ("worse", Verdict.FAIL)])
def test_metrics_of_plugins_are_compared_by_resampling(gate: Gate, name: str, verdict: Verdict) -> None:
    gate.write("conftest.py", METRIC)
    keep_baseline(gate)
    rules = (
        "rules:\n  - {metric: cost, max_delta: 0.06, better: lower}\n"
        "  - {metric: cost, slice: young, max_delta: 0.3, better: lower}\n"
    )
    record = run(gate, name, rules=rules)
    assert [rule.verdict for rule in record.rules] == [verdict, Verdict.PASS]
    assert record.comparison is not None
    (overall,) = [one for one in record.comparison.deltas if (one.metric, one.slice) == ("cost", "all")]
    assert overall.delta == pytest.approx({"equal": 0.0, "worse": 0.2}[name])
    assert "2,000 replicates" in overall.method


def test_a_metric_whose_plugin_is_gone_is_incomplete(gate: Gate) -> None:
    gate.write("conftest.py", METRIC)
    keep_baseline(gate)
    gate.write("conftest.py", "")
    record = run(gate, "equal", rules="rules: [{metric: cost, max_delta: 0.1, better: lower}]\n")
    assert record.rules[0].verdict is Verdict.INCOMPLETE


def test_losses_of_both_models_are_compared_within_one_run(gate: Gate) -> None:
    gate.write("mlops.yaml", "version: 1\nrules: [{metric: hinge_loss, max_delta: 0.1}]\n")
    gate.write(
        "test_model.py",
        """
        import math, numpy as np, pytest

        @pytest.mark.model_test
        def test_it(mlops):
            loss = np.arange(100.0)
            mlops.score("hinge_loss", loss + 1, baseline=loss + np.arange(100) % 2, range=(0, math.inf))
        """,
    )
    gate.run()
    (rule,) = gate.record().rules
    assert (rule.verdict, rule.estimate) == (Verdict.FAIL, 0.5)


def test_a_slice_named_beside_ids_is_refused(gate: Gate) -> None:
    gate.write(
        "test_model.py",
        """
        import pytest

        @pytest.mark.model_test
        def test_it(mlops): mlops.score("s", [1, 0], slice="a", ids=[1, 2])
        """,
    )
    gate.run().stdout.fnmatch_lines(["*RecordingError: slice is 'a'*"])


def test_regression_is_compared_by_its_losses(gate: Gate) -> None:
    gate.write("mlops.yaml", "version: 1\nrules: [{metric: mae, max_delta: 0.01}]\n")
    gate.write(
        "test_model.py",
        """
        import numpy as np, pytest

        @pytest.mark.model_test
        def test_it(mlops):
            rng = np.random.default_rng(1)
            true = rng.normal(size=500)
            noise = rng.normal(size=500)
            mlops.predictions(true, true + 1.5 * noise, baseline=true + noise)
        """,
    )
    gate.run()
    (rule,) = gate.record().rules
    assert (rule.verdict, rule.n) == (Verdict.FAIL, 500)


def test_a_data_set_that_the_baseline_lacks_is_incomplete_for_its_rules_alone(gate: Gate) -> None:
    keep_baseline(gate)
    write(
        gate,
        "equal",
        version="2",
        config=FILE,
        rules=RULES + "  - {metric: f1, dataset: new, min_delta: -1}\n",
    )
    path = gate.folder / "test_model.py"
    more = "    mlops.predictions(TRUE, TRUE, ids=IDS, dataset='new')\n"
    gate.write("test_model.py", path.read_text().rstrip() + "\n" + more)
    gate.run()
    record = gate.record()
    assert [rule.verdict for rule in record.rules] == [Verdict.PASS, Verdict.PASS, Verdict.INCOMPLETE]


def test_a_baseline_without_predictions_is_incomplete(gate: Gate) -> None:
    gate.write("mlops.yaml", "version: 1\nmodel: {id: m, version: '1'}\n")
    gate.write(
        "test_model.py", "import pytest\n@pytest.mark.model_test\ndef test_it(mlops): mlops.metric('a', 1)\n"
    )
    gate.run()
    shutil.copytree(gate.path.parent, gate.folder / "baseline")
    assert "there are no predictions" in refusal(run(gate, "equal"))


def test_nothing_is_compared_where_nobody_asks_for_it(gate: Gate) -> None:
    assert run(gate, "equal", config="", rules="").comparison is None


# compare and plan


@pytest.fixture
def two(gate: Gate) -> tuple[Path, Path]:
    """Return the records of a candidate two points worse and of its baseline."""
    kept = keep_baseline(gate)
    run(gate, "worse", config="")
    return gate.path, kept


def test_compare_decides_by_a_margin_or_by_the_rules(two: tuple[Path, Path]) -> None:
    by_rules = compare_versions(*two)
    assert by_rules.verdict is Verdict.FAIL
    assert [rule.rule for rule in by_rules.rules] == ["Δaccuracy", "Δaccuracy[young]"]
    wide = compare_versions(*two, margin=0.2, metrics=["accuracy"], slices=["all"])
    assert (wide.verdict, len(wide.rules)) == (Verdict.PASS, 1)
    assert [delta.title for delta in wide.comparison.deltas] == ["accuracy"]


def test_compare_only_reports_slices_below_min_n() -> None:
    deltas = [
        Delta(metric="accuracy", slice=part, n=n, undefined="not asked")
        for part, n in (("all", 10), ("few", 29), ("many", 30))
    ]
    assert [rule.severity for rule in margin_rules(deltas, 0.1)] == ["block", "report", "block"]


def test_compare_takes_records_too(two: tuple[Path, Path], gate: Gate) -> None:
    found = compare_versions(gate.record(), two[1], margin=0.01, folder=gate.path.parent)
    assert found.verdict is Verdict.FAIL


def test_compare_of_a_name_that_is_not_there_says_what_is(two: tuple[Path, Path]) -> None:
    with pytest.raises(EvidenceError, match=r"expected one of accuracy, accuracy\[young\]"):
        compare_versions(*two, metrics=["auc"])


async def compared(two: tuple[Path, Path]) -> Verdict:
    return (await MLOpsFramework().compare_versions(*two, margin=0.01)).verdict


def test_the_framework_compares(two: tuple[Path, Path]) -> None:
    import asyncio

    assert asyncio.run(compared(two)) is Verdict.FAIL


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--margin", "0.01"), 1),
        (("--margin", "0.2"), 0),
        (("--margin", "0.2", "--slice", "young"), 0),
        (("--slice", "young", "--metric", "f1"), 4),
        (("--margin", "0.062", "--metric", "accuracy", "--slice", "all"), 1),
    ],
)
def test_compare_exits_by_the_verdict(two: tuple[Path, Path], options: tuple[str, ...], code: int) -> None:
    result = CliRunner().invoke(app, ["compare", *map(str, two), *options])
    assert result.exit_code == code, result.output
    assert max(map(len, result.output.splitlines())) <= 80


def test_compare_prints_every_metric_and_slice(two: tuple[Path, Path]) -> None:
    result = CliRunner().invoke(app, ["compare", *map(str, two), "--margin", "0.01"])
    for said in ("accuracy", "f1[young]", "3,000 examples paired", "FAIL", "must change by at least -0.01"):
        assert said in " ".join(result.output.split())


def test_plan_says_what_can_be_detected_and_what_is_needed(two: tuple[Path, Path]) -> None:
    result = CliRunner().invoke(app, ["plan", str(two[0]), "--margin", "0.01"])
    assert result.exit_code == 0, result.output
    assert "unpaired" in result.output
    assert "Δaccuracy[young]" in "".join(result.output.split())
