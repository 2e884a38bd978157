"""Shards of a matrix become one record, and none of them can be lost on the way."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from pytest_mlops.cli.app import app
from pytest_mlops.errors import ConfigError, EvidenceError, IoError
from pytest_mlops.evidence.verify import verify_record
from pytest_mlops.gate.merge import Expected, Shard, copy_beside, merge_shards
from pytest_mlops.operations.merge import read_expected, read_shard
from pytest_mlops.records.comparison import BaselineRef, Comparison, Delta
from pytest_mlops.records.integration import CodeQuality
from pytest_mlops.records.results import OrdinaryTests, SessionFacts
from pytest_mlops.verdict import Decision, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Gate

PROJECT = {
    "mlops.yaml": """
        model: {id: risk, version: "7", artifact: weights}
        requirements: [{capability: rank}, {capability: speed}]
        rules: [{metric: accuracy, min: 0.7}, {metric: latency, max: 20}]
        """,
    "weights": "w",
    "test_rank.py": """
        import pytest

        @pytest.mark.model_test(covers="rank")
        def test_rank(mlops):
            mlops.predictions([0, 1] * 40, [0, 1] * 40)
        """,
    "test_speed.py": """
        import pytest

        @pytest.mark.model_test(covers="speed")
        def test_speed(mlops):
            mlops.metric("latency", 12.0, n=100)

        def test_ordinary():
            pass
        """,
}


@pytest.fixture
def halves(gate: Gate) -> tuple[Shard, Shard]:
    """Return the records of two runs, each of one test file."""
    for name, text in PROJECT.items():
        gate.write(name, text)
    found = []
    for name in ("rank", "speed"):
        gate.run(f"test_{name}.py", "--mlops-context=pull_request", f"--mlops-run-id={name}")
        target = gate.folder / "shards" / name
        shutil.copytree(gate.path.parent, target)
        shard = read_shard(target)
        assert shard is not None
        found.append(shard)
    return found[0], found[1]


def changed(shard: Shard, **fields: Any) -> Shard:
    return Shard(name=shard.name, record=shard.record.model_copy(update=fields), folder=shard.folder)


TWO = Expected(count=2, names=("rank", "speed"))


def test_halves_make_a_whole(halves: tuple[Shard, Shard], tmp_path: Path) -> None:
    assert {half.record.verdict for half in halves} == {Verdict.INCOMPLETE}
    record = merge_shards(halves, TWO)
    assert (record.verdict, record.decision, record.deployable) == (Verdict.PASS, Decision.ALLOW, True)
    assert (record.coverage, record.test_results.total_tests) == (1.0, 2)
    assert [rule.verdict for rule in record.rules] == [Verdict.PASS, Verdict.PASS]
    assert record.test_results.ordinary == OrdinaryTests(total=1, passed=1)
    copy_beside(halves, tmp_path)
    checks = verify_record(record, folder=tmp_path).checks
    assert "arrays and artifacts" in checks
    assert record.run_id == merge_shards(halves[::-1], Expected(count=2)).run_id


def test_a_lost_shard_is_incomplete(halves: tuple[Shard, Shard]) -> None:
    record = merge_shards(halves[:1], TWO)
    assert record.verdict is Verdict.INCOMPLETE
    assert "1 of 2 shards are missing: speed" in record.reasons[0].text
    record = merge_shards(halves[:1], Expected(count=3))
    assert (record.verdict, record.decision) == (Verdict.INCOMPLETE, Decision.BLOCK)
    assert "2 of 3 shards are missing" in record.reasons[0].text


def test_a_shard_too_many_is_refused(halves: tuple[Shard, Shard]) -> None:
    with pytest.raises(EvidenceError, match="got 2 shards; the manifest expects 1"):
        merge_shards(halves, Expected(count=1))
    with pytest.raises(EvidenceError, match="got shard speed; the manifest expects rank, gpu"):
        merge_shards(halves, Expected(count=2, names=("rank", "gpu")))


def test_of_nothing_there_is_nothing_to_merge() -> None:
    with pytest.raises(EvidenceError, match="no records to merge"):
        merge_shards([], Expected(count=1))


OTHERS: dict[str, tuple[Callable[[Shard], Shard], str]] = {
    "policy": (lambda shard: changed(shard, policy_digest="0" * 64), "the policy of shard speed is 0000"),
    "run": (lambda shard: changed(shard, run_id="rank"), "the run id rank occurs 2 times"),
    "model": (lambda shard: changed(shard, model_version=None), "the model version of shard speed is"),
    "bytes": (
        lambda shard: changed(
            shard,
            model_version=shard.record.model_version.model_copy(update={"digest": "1" * 64}),  # type: ignore[union-attr]
        ),
        "the model digest of shard speed is 1111",
    ),
    "context": (lambda shard: changed(shard, context="local"), "the context of shard speed is local"),
    "commit": (
        lambda shard: changed(
            shard, provenance=shard.record.provenance.model_copy(update={"commit_head": "c"})
        ),
        "the commit of shard speed is c",
    ),
    "name": (
        lambda shard: Shard(name="rank", record=shard.record, folder=shard.folder),
        "the shard rank occurs 2 times",
    ),
}


@pytest.mark.parametrize("what", OTHERS)
def test_shards_of_different_runs_are_refused(halves: tuple[Shard, Shard], what: str) -> None:
    change, sentence = OTHERS[what]
    with pytest.raises(EvidenceError, match=sentence):
        merge_shards((halves[0], change(halves[1])), Expected(count=2))


def test_a_test_that_ran_twice_is_refused(halves: tuple[Shard, Shard]) -> None:
    again = Shard(
        name="again", record=halves[0].record.model_copy(update={"run_id": "a"}), folder=halves[0].folder
    )
    with pytest.raises(EvidenceError, match="test_rank ran in shard rank and in shard again"):
        merge_shards((halves[0], again), Expected(count=2))


def test_a_number_that_is_there_twice_is_refused(halves: tuple[Shard, Shard]) -> None:
    numbers = (*halves[1].record.measurements, halves[0].record.measurements[0])
    with pytest.raises(EvidenceError, match="the number accuracy occurs 2 times"):
        merge_shards((halves[0], changed(halves[1], measurements=numbers)), TWO)


def test_what_every_shard_leaves_out_is_left_out(halves: tuple[Shard, Shard]) -> None:
    def narrowed(shard: Shard) -> Shard:
        facts = SessionFacts(narrowed_by=("--ignore", shard.name), uncollected=("--ignore", shard.name))
        results = shard.record.test_results.model_copy(update={"session": facts})
        return changed(shard, test_results=results)

    record = merge_shards([narrowed(half) for half in halves], TWO)
    assert record.test_results.session.uncollected == ("--ignore",)
    assert record.verdict is Verdict.INCOMPLETE


def test_what_went_wrong_in_one_shard_went_wrong(halves: tuple[Shard, Shard]) -> None:
    facts = SessionFacts(collection_errors=("test_x.py",), lost_workers=("gw0",), artifact="it changed")
    results = halves[1].record.test_results.model_copy(update={"session": facts})
    record = merge_shards((halves[0], changed(halves[1], test_results=results)), TWO)
    assert record.verdict is Verdict.INCOMPLETE
    said = " ".join(reason.text for reason in record.reasons)
    assert "test_x.py" in said
    assert "gw0" in said
    assert "it changed" in said


@pytest.mark.parametrize(
    ("trust", "merged"),
    [(("ci", "untrusted-pr"), "untrusted-pr"), (("ci", "local"), "local"), (("ci", "ci"), "ci")],
)
def test_the_whole_is_trusted_as_its_least_part(
    halves: tuple[Shard, Shard], trust: tuple[str, str], merged: str
) -> None:
    parts = [
        changed(half, provenance=half.record.provenance.model_copy(update={"trust": one}))
        for half, one in zip(halves, trust, strict=True)
    ]
    assert merge_shards(parts, TWO).provenance.trust == merged


def test_code_quality_is_measured_once(halves: tuple[Shard, Shard]) -> None:
    measured = changed(halves[1], code_quality=CodeQuality(line_coverage=0.9))
    assert merge_shards((halves[0], measured), TWO).code_quality.line_coverage == 0.9
    other = changed(halves[0], code_quality=CodeQuality(line_coverage=0.8))
    with pytest.raises(EvidenceError, match="different code qualities"):
        merge_shards((other, measured), TWO)


def comparison(metric: str, run_id: str = "b") -> Comparison:
    numbers: dict[str, Any] = {"candidate": 1.0, "baseline": 1.0, "delta": 0.0, "lower": 0.0, "upper": 0.0}
    delta = Delta(metric=metric, n=50, p_decrease=0.5, p_increase=0.5, **numbers)
    reference = BaselineRef(source="run", run_id=run_id)
    return Comparison(status="compared", baseline=reference, paired=50, deltas=(delta,))


def compared(halves: tuple[Shard, Shard], *found: Comparison | None) -> Comparison | None:
    arrays = halves[0].record.arrays
    parts = [changed(half, comparison=one, arrays=arrays) for half, one in zip(halves, found, strict=True)]
    return merge_shards(parts, TWO).comparison


def test_comparisons_are_joined(halves: tuple[Shard, Shard]) -> None:
    joined = compared(halves, comparison("accuracy"), comparison("auc"))
    assert joined is not None
    assert [delta.metric for delta in joined.deltas] == ["accuracy", "auc"]
    assert joined.paired == 100


def test_comparisons_that_do_not_belong_together_are_refused(halves: tuple[Shard, Shard]) -> None:
    found = compared(halves, comparison("accuracy"), comparison("auc", run_id="other"))
    first = Comparison(status="first_run", message="m")
    refused = Comparison(status="refused", message="m")
    assert found is not None
    assert (found.status, found.message) == ("refused", "the shards were compared with different baselines")
    mixed = compared(halves, comparison("accuracy"), first)
    assert mixed is not None
    assert mixed.status == "refused"
    assert compared(halves, comparison("accuracy"), refused) == refused
    assert compared(halves, first, first) == first
    assert compared(halves, None, None) is None
    with pytest.raises(EvidenceError, match="the change accuracy occurs 2 times"):
        compared(halves, comparison("accuracy"), comparison("accuracy"))


def test_a_shard_without_predictions_had_nothing_to_compare(halves: tuple[Shard, Shard]) -> None:
    refused = changed(halves[1], comparison=Comparison(status="refused", message="no predictions"))
    found = merge_shards((changed(halves[0], comparison=comparison("accuracy")), refused), TWO).comparison
    assert found == comparison("accuracy")


def test_files_that_cannot_be_copied_are_an_error(halves: tuple[Shard, Shard], tmp_path: Path) -> None:
    (tmp_path / "t").write_text("")
    with pytest.raises(IoError, match="cannot copy"):
        copy_beside(halves, tmp_path / "t")


def test_a_manifest_is_a_number_or_names() -> None:
    assert read_expected("4") == Expected(count=4)
    assert read_expected("a, b") == Expected(count=2, names=("a", "b"))


@pytest.mark.parametrize("text", ["0", "", "a,,b", "a,a", ","])
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--expect"):
        read_expected(text)


def test_the_command_merges_and_exits_by_the_whole(halves: tuple[Shard, Shard], gate: Gate) -> None:
    output = gate.folder / "merged" / "integration-result.json"
    folders = [str(half.folder) for half in halves]
    done = CliRunner().invoke(app, ["merge", *folders, "--expect", "rank,speed", "-o", str(output)])
    assert done.exit_code == 0, done.output
    assert "PASS: allow (pull_request), 2 shards" in done.output
    assert read_shard(output) is not None
    lost = CliRunner().invoke(
        app, ["merge", folders[0], str(gate.folder / "shards" / "gone"), "--expect", "2", "-o", str(output)]
    )
    assert lost.exit_code == 4
    assert "INCOMPLETE: the run was interrupted: 1 of 2 shards are missing" in lost.output


def test_a_file_that_no_shard_collected_is_missed(gate: Gate) -> None:
    for name, text in PROJECT.items():
        gate.write(name, text)
    gate.write("test_bias.py", "import pytest\n@pytest.mark.model_test\ndef test_bias(): assert 0\n")
    shards = []
    for name in ("rank", "speed"):
        gate.run(f"test_{name}.py", "--mlops-context=pull_request", f"--mlops-run-id={name}")
        target = gate.folder / "shards" / name
        shutil.copytree(gate.path.parent, target)
        shard = read_shard(target)
        assert shard is not None
        shards.append(shard)
    record = merge_shards(shards, TWO)
    assert record.test_results.session.uncollected == ("test_bias.py",)
    assert (record.verdict, record.decision) == (Verdict.INCOMPLETE, Decision.BLOCK)


def test_a_test_hidden_in_the_one_shard_that_collected_its_file_is_missed(
    halves: tuple[Shard, Shard],
) -> None:
    def leaving_out(shard: Shard, *names: str) -> Shard:
        facts = SessionFacts(uncollected=names)
        return changed(shard, test_results=shard.record.test_results.model_copy(update={"session": facts}))

    first = leaving_out(halves[0], "test_rank.py::TestBias", "test_speed.py")
    record = merge_shards([first, leaving_out(halves[1], "test_rank.py")], TWO)
    assert record.test_results.session.uncollected == ("test_rank.py::TestBias",)


def test_merging_that_is_refused_leaves_no_older_record(halves: tuple[Shard, Shard], gate: Gate) -> None:
    output = gate.folder / "merged" / "integration-result.json"
    folders = [str(half.folder) for half in halves]
    assert CliRunner().invoke(app, ["merge", *folders, "--expect", "2", "-o", str(output)]).exit_code == 0
    assert output.exists()
    refused = CliRunner().invoke(app, ["merge", *folders, "--expect", "1", "-o", str(output)])
    assert refused.exit_code != 0
    assert not output.exists()
