"""A run narrowed by its user has no verdict; one narrowed by nothing has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlops.gate.narrowing import Narrowing
from pytest_mlops.verdict import Decision, Verdict

if TYPE_CHECKING:
    from tests.conftest import Gate

MODEL_TESTS = """
import pytest

@pytest.mark.model_test
def test_{name}(): pass

@pytest.mark.slow
@pytest.mark.model_test
def test_{name}_slow(): pass
"""
INI = "[pytest]\nmarkers = slow: takes long\n"


@pytest.fixture
def project(gate: Gate) -> Gate:
    gate.write("mlops.yaml", "version: 1\n")
    gate.write("pytest.ini", INI)
    gate.write("tests/a/test_a.py", MODEL_TESTS.format(name="a"))
    gate.write("tests/b/test_b.py", MODEL_TESTS.format(name="b"))
    return gate


@pytest.mark.parametrize(
    ("arguments", "partial"),
    [
        (("-k", "not slow"), "2 of 4"),
        (("-m", "not slow"), "2 of 4"),
        (("--deselect", "tests/a/test_a.py::test_a_slow"), "3 of 4"),
        (("tests/a/test_a.py::test_a",), "1 of 1"),
    ],
)
def test_a_narrowed_run_is_partial(project: Gate, arguments: tuple[str, ...], partial: str) -> None:
    result = project.run(*arguments)
    record = project.record()
    assert result.ret == 0
    assert (record.verdict, record.decision, record.partial) == (
        Verdict.INCOMPLETE,
        Decision.ALLOW,
        partial,
    )
    assert not record.success
    assert record.test_results.session.narrowed_by


@pytest.mark.parametrize(
    "arguments",
    [("-k", "test_"), ("-m", "not absent"), ("-x",), ("--maxfail=3",), ("tests",), (".",), ("--lf",)],
)
def test_an_option_that_leaves_nothing_out_narrows_nothing(project: Gate, arguments: tuple[str, ...]) -> None:
    result = project.run(*arguments)
    assert (result.ret, project.record().verdict) == (0, Verdict.PASS)


def test_last_failed_hides_the_tests_it_leaves_out(project: Gate) -> None:
    project.write("tests/a/test_a.py", MODEL_TESTS.format(name="a").replace("pass", "assert 0", 1))
    project.run()
    assert project.record().verdict is Verdict.FAIL
    project.write("tests/a/test_a.py", MODEL_TESTS.format(name="a"))
    result = project.run("--lf")
    record = project.record()
    assert (result.ret, record.verdict, record.decision) == (0, Verdict.INCOMPLETE, Decision.ALLOW)


def test_in_a_pull_request_last_failed_blocks(project: Gate) -> None:
    project.write("tests/a/test_a.py", MODEL_TESTS.format(name="a").replace("pass", "assert 0", 1))
    project.run()
    project.write("tests/a/test_a.py", MODEL_TESTS.format(name="a"))
    result = project.run("--lf", "--mlops-context=pull_request")
    assert (result.ret, project.record().verdict) == (1, Verdict.INCOMPLETE)


def test_stepwise_is_partial_once_it_skips_tests(project: Gate) -> None:
    good = MODEL_TESTS.format(name="a")
    project.write("tests/b/test_b.py", MODEL_TESTS.format(name="b").replace("pass", "assert 0", 1))
    project.run("--stepwise")
    assert project.record().decision is Decision.BLOCK
    project.write("tests/a/test_a.py", good)
    project.write("tests/b/test_b.py", MODEL_TESTS.format(name="b"))
    result = project.run("--stepwise")
    record = project.record()
    assert (result.ret, record.verdict, record.decision) == (0, Verdict.INCOMPLETE, Decision.ALLOW)
    assert record.test_results.session.narrowed_by == ("--stepwise",)


def test_a_path_that_leaves_out_tests_of_the_config_is_named(project: Gate) -> None:
    project.write("mlops.yaml", "requirements: [{capability: rank}, {capability: fit}]")
    project.write(
        "tests/a/test_a.py",
        "import pytest\n@pytest.mark.model_test(covers='rank')\ndef test_a(): pass\n",
    )
    project.write(
        "tests/b/test_b.py",
        "import pytest\n@pytest.mark.model_test(covers='fit')\ndef test_b(): pass\n",
    )
    assert project.run().ret == 0
    result = project.run("tests/a")
    record = project.record()
    assert (result.ret, record.verdict, record.decision) == (0, Verdict.INCOMPLETE, Decision.ALLOW)
    assert record.test_results.session.narrowed_by == ("tests/a",)
    assert project.run("tests/a", "tests/b").ret == 0


def test_paths_that_span_the_testpaths_narrow_nothing(project: Gate) -> None:
    project.write("pytest.ini", INI + "testpaths = tests\n")
    project.run("tests")
    assert project.record().test_results.session.narrowed_by == ()
    project.run("tests/a")
    assert project.record().test_results.session.narrowed_by == ("tests/a",)


def test_narrowing_excuses_no_failure_of_the_run_itself(project: Gate) -> None:
    project.write("tests/b/test_broken.py", "import no_such_module")
    result = project.run("-k", "not slow", "--continue-on-collection-errors")
    assert (result.ret, project.record().decision) == (1, Decision.BLOCK)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--ignore=tests/b",), ("--ignore",)),
        (("--ignore-glob=tests/*/test_b.py",), ("--ignore-glob",)),
        (("tests/a",), ("tests/a",)),
        (("tests/a/test_a.py",), ("tests/a/test_a.py",)),
    ],
)
def test_an_option_that_left_out_a_file_is_named(
    project: Gate, arguments: tuple[str, ...], named: tuple[str, ...]
) -> None:
    assert project.run(*arguments, "--mlops-context=pull_request").ret == 1
    record = project.record()
    assert (record.verdict, record.test_results.session.narrowed_by) == (Verdict.INCOMPLETE, named)


def test_an_option_that_left_nothing_out_is_not_named(project: Gate) -> None:
    project.run("-k", "test_", "-x", "--ignore=absent")
    assert project.record().test_results.session.narrowed_by == ()


def test_only_options_that_left_something_out_are_named() -> None:
    narrowing = Narrowing(
        deselecting=("-k 'a'",), stopping=("-x",), resuming=("--lf",), hiding=("tests", "tests")
    )
    assert narrowing.effective(deselected=False, stopped=False, left_out=False) == ()
    assert narrowing.effective(deselected=True, stopped=False, left_out=False) == ("-k 'a'", "--lf")
    assert narrowing.effective(deselected=False, stopped=True, left_out=False) == ("-x",)
    assert narrowing.effective(deselected=False, stopped=False, left_out=True) == ("--lf", "tests")
