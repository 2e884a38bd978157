"""Several configurations in one run: each gates its own folder and has its own record; the worst decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlops.records.codec import load_integration_result
from pytest_mlops.verdict import Verdict
from tests.conftest import BARE_AND_WORKERS

if TYPE_CHECKING:
    from pytest_mlops.records.integration import IntegrationResult
    from tests.conftest import Gate

BOTH = ("--mlops-config=models/a/mlops.yaml", "--mlops-config=models/b/mlops.yaml")

TEST = """
import pytest

@pytest.mark.model_test(covers=["ranking:all"])
def test_ranking(mlops, mlops_model_version):
    mlops.metric("accuracy", {accuracy}, n=100)
    mlops.predictions([1, 0], [1, 0], dataset=mlops_model_version.model_id)
"""


def write_model(gate: Gate, name: str, *, accuracy: float = 0.9, config: str = "") -> None:
    gate.write(f"models/{name}/weights.txt", name)
    gate.write(
        f"models/{name}/mlops.yaml",
        f"model: {{id: {name}, version: '1', artifact: weights.txt}}\n"
        f"requirements: [{{capability: ranking}}]\nrules: [{{metric: accuracy, min: 0.8}}]\n{config}",
    )
    gate.write(f"models/{name}/test_{name}.py", TEST.format(accuracy=accuracy))


def record_of(gate: Gate, name: str) -> IntegrationResult:
    return load_integration_result((gate.path.parent / "models" / name / gate.path.name).read_bytes())


@BARE_AND_WORKERS
@pytest.mark.parametrize(("second", "exit_code"), [(0.9, 0), (0.5, 1)])
def test_each_model_has_its_own_verdict_and_the_worst_is_the_exit_code(
    gate: Gate, how: tuple[str, ...], second: float, exit_code: int
) -> None:
    write_model(gate, "a")
    write_model(gate, "b", accuracy=second)
    result = gate.run(*BOTH, *how)
    assert result.ret == exit_code
    a, b = record_of(gate, "a"), record_of(gate, "b")
    assert a.verdict is Verdict.PASS
    assert b.verdict is (Verdict.FAIL if exit_code else Verdict.PASS)
    assert (a.deployable, b.deployable) == (True, not exit_code)
    assert [test.test_name for test in a.test_results.results] == ["models/a/test_a.py::test_ranking"]
    assert [test.test_name for test in b.test_results.results] == ["models/b/test_b.py::test_ranking"]
    # The same metric of two models is no conflict, and arrays lie beside the record that names them.
    recorded = {found.key: found.value for found in b.measurements}
    assert recorded["accuracy", "all", None] == second
    assert [found.dataset for found in b.arrays] == ["b"]
    folder = gate.path.parent / "models" / "b" / "arrays"
    assert [path.stem for path in folder.iterdir()] == [b.arrays[0].digest]
    assert a.run_id == b.run_id
    result.stdout.fnmatch_lines(["mlops gate: a 1;*", "mlops gate: b 1;*"])
    result.stdout.fnmatch_lines(["*: a 1 is *", "*: b 1 is *"])


@BARE_AND_WORKERS
def test_a_failing_ordinary_test_counts_for_its_model_or_for_all_where_it_is_shared(
    gate: Gate, how: tuple[str, ...]
) -> None:
    write_model(gate, "a")
    write_model(gate, "b")
    gate.write("models/a/test_code.py", "def test_code():\n    assert 0\n")
    assert gate.run(*BOTH, *how).ret == 1
    assert (record_of(gate, "a").verdict, record_of(gate, "b").verdict) == (Verdict.FAIL, Verdict.PASS)
    gate.write("shared/test_shared.py", "def test_shared():\n    assert 0\n")
    assert gate.run(*BOTH, *how).ret == 1
    assert record_of(gate, "b").test_results.ordinary.failed == ("shared/test_shared.py::test_shared",)


@BARE_AND_WORKERS
def test_a_collection_error_concerns_its_own_model_only(gate: Gate, how: tuple[str, ...]) -> None:
    write_model(gate, "a")
    write_model(gate, "b")
    gate.write("models/a/test_broken.py", "raise OSError\n")
    result = gate.run(*BOTH, "--continue-on-collection-errors", *how)
    assert result.ret != 0
    assert (record_of(gate, "a").verdict, record_of(gate, "b").verdict) == (Verdict.INCOMPLETE, Verdict.PASS)


@BARE_AND_WORKERS
def test_a_model_test_outside_every_folder_is_a_collection_error(gate: Gate, how: tuple[str, ...]) -> None:
    write_model(gate, "a")
    write_model(gate, "b")
    gate.write("shared/test_shared.py", "import pytest\n@pytest.mark.model_test\ndef test_it(): pass\n")
    result = gate.run(*BOTH, *how)
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*lies below the folder of none of the configurations*"])
    assert record_of(gate, "a").verdict is Verdict.INCOMPLETE


@BARE_AND_WORKERS
def test_checks_and_waivers_stay_with_their_configuration(gate: Gate, how: tuple[str, ...]) -> None:
    holdout = (
        "import pytest\n@pytest.fixture\ndef holdout():\n    return {'y_true': [1, 0], 'y_pred': [1, %d]}\n"
    )
    check = "checks: [{check: metric_floor, of: holdout, metric: accuracy, min: 1}]\n"
    waiver = "waivers: [{test: '*', scope: '*', reason: r, approver: p, expires: 2999-01-01}]\n"
    write_model(gate, "a", config=check + waiver)
    write_model(gate, "b", config=check)
    gate.write("models/a/conftest.py", holdout % 1)
    gate.write("models/b/conftest.py", holdout % 1)
    result = gate.run(*BOTH, *how)
    assert result.ret == 1
    a, b = record_of(gate, "a"), record_of(gate, "b")
    assert (a.verdict, b.verdict) == (Verdict.WAIVED, Verdict.FAIL)
    assert [test.test_name for test in b.test_results.results if not test.passed] == [
        "models/b/mlops.yaml::metric_floor-holdout"
    ]
    result.assert_outcomes(passed=2, xfailed=1, failed=1)


def test_cells_are_those_of_the_nearest_configuration(gate: Gate) -> None:
    write_model(gate, "a")
    gate.write("models/a/inner/mlops.yaml", "requirements: [{capability: depth}]")
    test = "import pytest\n@pytest.mark.model_test(covers=['depth:all'])\ndef test_depth(): pass\n"
    gate.write("models/a/inner/test_depth.py", test)
    configs = (BOTH[0], "--mlops-config=models/a/inner/mlops.yaml")
    assert gate.run(*configs).ret == 0
    assert record_of(gate, "a/inner").test_results.total_tests == 1
    assert record_of(gate, "a").test_results.total_tests == 1


def test_a_run_narrowed_to_one_model_has_no_verdict_on_the_other(gate: Gate) -> None:
    write_model(gate, "a")
    write_model(gate, "b")
    assert gate.run(*BOTH, "models/a").ret == 0
    assert record_of(gate, "a").verdict is Verdict.PASS
    b = record_of(gate, "b")
    assert (b.verdict, b.decision) == (Verdict.INCOMPLETE, "allow")
    assert b.partial is not None


def test_a_broken_configuration_leaves_no_earlier_pass_standing(gate: Gate) -> None:
    write_model(gate, "a")
    write_model(gate, "b")
    assert gate.run(*BOTH).ret == 0
    gate.write("models/b/mlops.yaml", "gaet: 1")
    assert gate.run(*BOTH).ret == pytest.ExitCode.USAGE_ERROR
    assert record_of(gate, "a").verdict is Verdict.INCOMPLETE
    assert record_of(gate, "b").verdict is Verdict.INCOMPLETE


def test_the_record_of_an_earlier_run_with_one_configuration_is_taken_away(gate: Gate) -> None:
    write_model(gate, "a")
    write_model(gate, "b")
    assert gate.run(BOTH[0], "models/a").ret == 0
    assert gate.path.exists()
    assert gate.run(*BOTH, "--collect-only").ret == 0
    assert gate.path.exists()
    assert gate.run(*BOTH).ret == 0
    assert not gate.path.exists()


def test_an_earlier_record_that_cannot_be_taken_away_stops_the_run(gate: Gate) -> None:
    write_model(gate, "a")
    write_model(gate, "b")
    gate.path.mkdir(parents=True)
    result = gate.run(*BOTH)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines_random(["*is not a regular file*"])


def test_a_configuration_above_the_start_has_its_record_below_it(gate: Gate) -> None:
    write_model(gate, "a")
    gate.write("mlops.yaml", "version: 1")
    gate.write("test_root.py", "import pytest\n@pytest.mark.model_test\ndef test_root(): pass\n")
    gate.pytester.chdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(gate.folder / "models")
        configs = ("--mlops-config=../mlops.yaml", "--mlops-config=a/mlops.yaml")
        assert gate.run(*configs, "..").ret == 0
    records = gate.folder / "models" / ".mlops"
    assert (records / "up" / gate.path.name).exists()
    assert (records / "a" / gate.path.name).exists()


def test_a_configuration_where_the_run_starts_keeps_the_usual_place(gate: Gate) -> None:
    write_model(gate, "a")
    gate.write("mlops.yaml", "version: 1")
    gate.write("test_root.py", "import pytest\n@pytest.mark.model_test\ndef test_root(): pass\n")
    assert gate.run("--mlops-config=mlops.yaml", BOTH[0]).ret == 0
    assert [test.test_name for test in gate.record().test_results.results] == ["test_root.py::test_root"]
    assert record_of(gate, "a").verdict is Verdict.PASS


def test_two_configurations_in_one_folder_are_refused(gate: Gate) -> None:
    write_model(gate, "a")
    gate.write("models/a/other.yaml", "version: 1")
    result = gate.run(BOTH[0], "--mlops-config=models/a/other.yaml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines_random(["*other.yaml: its folder has another configuration in this run*"])


def test_one_model_version_cannot_stand_for_several_configurations(gate: Gate) -> None:
    write_model(gate, "a")
    write_model(gate, "b")
    result = gate.run(*BOTH, "--mlops-model-version=version.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines_random(["*names one model, but --mlops-config names several*"])


def test_each_model_is_loaded_by_the_conftest_near_it(gate: Gate) -> None:
    for name in ("a", "b"):
        write_model(gate, name)
        gate.write(f"models/{name}/conftest.py", f"def pytest_mlops_load_model():\n    return '{name}'\n")
        gate.write(
            f"models/{name}/test_{name}.py",
            f"import pytest\n@pytest.mark.model_test(covers=['ranking:all'])\n"
            f"def test_it(mlops_model, mlops):\n    assert mlops_model == '{name}'\n"
            "    mlops.metric('accuracy', 1, n=9)\n",
        )
    assert gate.run(*BOTH).ret == 0


def test_a_lost_worker_concerns_every_model(gate: Gate) -> None:
    write_model(gate, "a")
    write_model(gate, "b")
    gate.write("models/b/test_crash.py", "import os\ndef test_crash():\n    os._exit(3)\n")
    assert gate.run(*BOTH, "-n2", "--max-worker-restart=0").ret != 0
    assert record_of(gate, "a").verdict is Verdict.INCOMPLETE
    assert record_of(gate, "b").verdict is Verdict.INCOMPLETE
