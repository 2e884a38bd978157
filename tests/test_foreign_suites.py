"""The suites of pytest, pytest-xdist and pluggy end alike with the idle plugin and without it."""

from __future__ import annotations

import os
import tarfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks._outcomes import Comparison, Outcomes, Pair, compare, normalised, run_pair
from benchmarks._suites import Suites
from benchmarks.foreign_suites import compare_suites, main, report

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Read before the shared fixture takes such variables away.
FOLDER = os.environ.get("MLOPS_FOREIGN_SUITES")
FILL = "fill a folder with `python -m benchmarks.foreign_suites --folder DIR --fetch-only`"
LEAST_OF_PYTEST = 500
OUTER_RUN = """\
def test_alone(pytestconfig):
    assert not pytestconfig.pluginmanager.hasplugin("mlops")


def test_alike():
    pass
"""
INNER_RUN = """\
pytest_plugins = "pytester"


def test_alone(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    assert "--mlops-gate" not in pytester.runpytest("--help").stdout.str()


def test_alike():
    pass
"""


@pytest.fixture
def suites() -> Suites:
    if FOLDER is None:
        pytest.skip(f"MLOPS_FOREIGN_SUITES names no folder with the suites of pytest and others; {FILL}")
    found = Suites(folder=Path(FOLDER).resolve())
    if found.missing():
        pytest.skip(f"{found.folder} does not have {', '.join(found.missing())}; {FILL}")
    return found


def pair(bare: dict[str, str], idle: dict[str, str]) -> Pair:
    sides = [
        Outcomes(by_id={test: (word,) for test, word in side.items()}, plugins=frozenset())
        for side in (bare, idle)
    ]
    return Pair(bare=sides[0], idle=sides[1])


def compared(pairs: Iterable[Pair]) -> tuple[Comparison, list[Sequence[str]]]:
    asked: list[Sequence[str]] = []
    left = iter(pairs)

    def run(files: Sequence[str]) -> Pair:
        asked.append(files)
        return next(left)

    return compare(run, ["testing"]), asked


@pytest.mark.slow
def test_suites_of_pytest_xdist_and_pluggy_end_as_they_do_without_the_plugin(
    suites: Suites, capsys: pytest.CaptureFixture[str]
) -> None:
    comparisons = compare_suites(suites, quick=True)
    code = report(comparisons)
    printed = capsys.readouterr().out

    assert code == 0, printed
    titles = [title.partition("==")[0] for title in comparisons]
    assert titles == ["pytest", "pytest", "pytest-xdist", "pluggy"]
    for title, found in comparisons.items():
        outcomes = found.first.idle.by_id.values()
        assert len(outcomes) >= LEAST_OF_PYTEST or not title.startswith("pytest=="), printed
        # Tests that fail anyway show no difference.
        assert sum(words == ("passed",) for words in outcomes) > 0.9 * len(outcomes), printed


@pytest.mark.slow
@pytest.mark.parametrize("inner", [False, True], ids=["outer run", "inner run"])
def test_difference_is_seen_where_a_test_looks_for_the_plugin(
    suites: Suites, tmp_path: Path, inner: bool
) -> None:
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "test_seeing.py").write_text(INNER_RUN if inner else OUTER_RUN)
    with tarfile.open(tmp_path / "suite.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "suite", "suite")
    run = partial(run_pair, tmp_path / "suite.tar.gz", suites.folder, inner=inner)
    comparison = compare(run, ["test_seeing.py"])
    (difference,) = comparison.different
    assert difference.test == "test_seeing.py::test_alone"
    assert (difference.bare, difference.idle) == (("passed",) * 3, ("failed",) * 3)
    assert comparison.first.idle.by_id["test_seeing.py::test_alike"] == ("passed",)


def test_equal_outcomes_are_run_once_and_exit_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    same = {"a.py::test_a": "passed", "a.py::test_b": "xfailed"}
    comparison, asked = compared([pair(same, same)])
    assert asked == [["testing"]]
    assert report({"suite==1": comparison}) == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split() == ["suite==1", "2", "0", "0", "1", "passed,", "1", "xfailed"]


def test_tests_that_differ_are_run_twice_more_with_their_file() -> None:
    one = pair({"a.py::test_a": "passed", "b.py::T::test_b": "passed"}, {"a.py::test_a": "passed"})
    comparison, asked = compared([one, one, one])
    assert asked == [["testing"], ["b.py"], ["b.py"]]
    (difference,) = comparison.different
    assert (difference.bare, difference.idle) == (("passed",) * 3, ("absent",) * 3)


def test_steady_difference_is_printed_and_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    one = pair({"a.py::test_a": "passed"}, {"a.py::test_a": "failed"})
    comparison, _ = compared([one, one, one])
    assert report({"suite==1": comparison}) == 1
    printed = capsys.readouterr().out
    assert "different in every run: a.py::test_a" in printed
    assert "with:    failed | failed | failed" in printed


@pytest.mark.parametrize(("bare", "idle"), [("passed", "passed"), ("failed", "failed")])
def test_test_that_changes_within_an_environment_is_unsteady_and_shown(
    bare: str, idle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first = pair({"a.py::test_a": "passed"}, {"a.py::test_a": "failed"})
    then = pair({"a.py::test_a": bare}, {"a.py::test_a": idle})
    comparison, _ = compared([first, then, then])
    assert not comparison.different
    assert report({"suite==1": comparison}) == 0
    assert "changes from run to run in one environment: a.py::test_a" in capsys.readouterr().out


def test_memory_addresses_and_the_folder_of_a_run_are_no_part_of_a_node_id(tmp_path: Path) -> None:
    name = f"a.py::test_a[<object at 0x7f28d4912310>-{tmp_path}/source]"
    assert normalised(name, tmp_path) == "a.py::test_a[<object at 0x…>-…/source]"
    assert normalised("a.py::test_a[0x10]", tmp_path) == "a.py::test_a[0x10]"


def test_folder_says_what_it_lacks(tmp_path: Path) -> None:
    missing = Suites(folder=tmp_path).missing()
    assert [name.partition("==")[0] for name in missing] == [
        "pytest",
        "pytest-xdist",
        "pluggy",
        "bare",
        "idle",
        "pytest-mlops as it is in this tree",
    ]


def test_unknown_suite_is_refused_before_anything_is_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["tox"])
    assert "no suite tox; expected pytest, pytest-inner, xdist, pluggy" in capsys.readouterr().err
