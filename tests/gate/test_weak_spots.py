"""The search for weak slices: reported wherever the record is, never part of a verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_mlops.evidence.verify import read_record
from pytest_mlops.report.html import to_html
from pytest_mlops.report.markdown import to_markdown

SUITE = """
import numpy as np
import pytest

@pytest.mark.model_test
def test_predictions(mlops):
    rng = np.random.default_rng(1)
    n = 2000
    old, rural = rng.random(n) < 0.3, rng.random(n) < 0.3
    y = rng.integers(0, 2, n)
    right = rng.random(n) < np.where(old & rural, 0.6, 0.95)
    slices = {"old": old, "rural": rural, "odd": np.arange(n) % 2 == 1}
    mlops.predictions(y, np.where(right, y, 1 - y), slices=slices)
"""


@pytest.fixture
def run(pytester: pytest.Pytester) -> pytest.RunResult:
    pytester.makepyfile(test_model=SUITE)
    return pytester.runpytest_subprocess("--mlops-gate", "--mlops-context=local", "-v")


def test_a_weak_pair_of_slices_is_shown_and_changes_nothing(
    run: pytest.RunResult, pytester: pytest.Pytester
) -> None:
    assert run.ret == 0
    run.stdout.fnmatch_lines(["*PASS: this version is allowed here*", "*weak slice (not in the verdict)*"])
    run.stdout.fnmatch_lines(["  old and rural *0.* 0.9*"])
    record = read_record(pytester.path / ".mlops" / "integration-result.json")
    spots = record.arrays[0].weak_spots
    assert spots[0].slice == "old and rural"
    assert spots[0].value < 0.7
    assert spots[0].rest > 0.9


def test_reports_show_them_as_what_they_are(run: pytest.RunResult, pytester: pytest.Pytester) -> None:
    record = read_record(pytester.path / ".mlops" / "integration-result.json")
    page, text = to_html(record, arrays=None), to_markdown(record)
    assert "Weak slices, found by search; they do not affect the verdict" in text
    assert "| old and rural | accuracy |" in text
    assert "They do not affect the verdict" in page
    assert "old and rural" in page


def test_without_slices_nothing_is_searched(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.model_test
        def test_predictions(mlops):
            mlops.predictions([1.5, 2.5] * 30, [1.5, 2.0] * 30)
        """
    )
    pytester.runpytest_subprocess("--mlops-gate", "--mlops-context=local")
    assert read_record(Path(pytester.path) / ".mlops" / "integration-result.json").arrays[0].weak_spots == ()


def test_errors_of_values_are_searched_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import numpy as np
        import pytest

        @pytest.mark.model_test
        def test_predictions(mlops):
            rng = np.random.default_rng(1)
            y = rng.normal(size=400)
            far = np.arange(400) < 80
            mlops.predictions(y, y + rng.normal(size=400) * np.where(far, 3, 0.5), slices={"far": far})
        """
    )
    pytester.runpytest_subprocess("--mlops-gate", "--mlops-context=local")
    spot = read_record(pytester.path / ".mlops" / "integration-result.json").arrays[0].weak_spots[0]
    assert (spot.slice, spot.n) == ("far", 80)
    assert spot.value < spot.rest < 0
