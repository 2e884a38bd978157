"""Whatever a suite consists of: PASS only where every marked test in its source ran and passed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from tests.conftest import Gate

MARK = "@pytest.mark.model_test\n"
# How a test is written -> its source, and whether it runs to its end and passes.
KINDS = {
    "passes": (MARK + "def test_{n}(): pass\n", True),
    "fails": (MARK + "def test_{n}(): assert 0\n", False),
    "skips": (MARK + "def test_{n}(): pytest.skip('no data')\n", False),
    "is misnamed": (MARK + "def tset_{n}(): pass\n", False),
    "is in a class that is not collected": (
        "class Cases{n}:\n    @pytest.mark.model_test\n    def test_it(self): pass\n",
        False,
    ),
    "is a class with __init__": (
        MARK + "class Test{n}:\n    def __init__(self): pass\n    def test_it(self): pass\n",
        False,
    ),
    "passes in a class": (MARK + "class Test{n}:\n    def test_it(self): pass\n", True),
    "is replaced": (MARK + "def test_{n}(): assert 0\n" + MARK + "def test_{n}(): pass\n", False),
    "passes when repeated": (
        "seen_{n} = []\n" + MARK + "def test_{n}():\n    seen_{n}.append(1)\n    assert len(seen_{n}) > 1\n",
        False,
    ),
    "returns False": (MARK + "def test_{n}(): return False\n", False),
    "is undecided": (
        MARK + "def test_{n}():\n    from pytest_mlops.errors import UndecidedEvidence\n"
        "    raise UndecidedEvidence('thin')\n",
        False,
    ),
    "is expected to fail": (MARK + "@pytest.mark.xfail\ndef test_{n}(): assert 0\n", False),
    "is a coroutine": (MARK + "async def test_{n}(): pass\n", False),
    "is an ordinary test": ("def test_{n}(): pass\n", True),
}
PLACES = {"test_a.py": True, "sub/test_b.py": True, "hidden/test_c.py": False, "cases.py": False}
REPEATER = """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    try:
        return (yield)
    except AssertionError:
        item.runtest()
"""


@dataclass(frozen=True)
class Written:
    kind: str
    place: str

    def holds(self) -> bool:
        """Return whether a run that says PASS could have shown this test to hold."""
        if self.kind == "is an ordinary test":
            return True
        return KINDS[self.kind][1] and PLACES[self.place]


suites = st.lists(
    st.builds(Written, st.sampled_from(sorted(KINDS)), st.sampled_from(sorted(PLACES))),
    min_size=1,
    max_size=5,
)


def write_suite(gate: Gate, suite: list[Written]) -> None:
    for path in gate.folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    gate.write("mlops.yaml", "version: 1\n")
    gate.write("pytest.ini", "[pytest]\nnorecursedirs = hidden\n")
    gate.write("conftest.py", REPEATER)
    sources: dict[str, str] = {}
    for n, test in enumerate(suite):
        sources[test.place] = sources.get(test.place, "import pytest\n") + KINDS[test.kind][0].format(n=n)
    for place, source in sources.items():
        gate.write(place, source)


def check(gate: Gate, suite: list[Written]) -> None:
    write_suite(gate, suite)
    gate.run("--mlops-context=release", "-p", "no:cacheprovider", "-W", "ignore")
    record = gate.record()
    marked = [test for test in suite if test.kind != "is an ordinary test"]
    expected = bool(marked) and all(test.holds() for test in suite)
    assert (record.verdict is Verdict.PASS) == expected, record.reasons


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(suite=suites)
def test_pass_needs_every_marked_test(gate: Gate, suite: list[Written]) -> None:
    check(gate, suite)


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(suite=suites)
def test_pass_needs_every_marked_test_of_many(gate: Gate, suite: list[Written]) -> None:
    check(gate, suite)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["test_a.py", "hidden/test_c.py"])
def test_each_kind_beside_one_that_passes(gate: Gate, kind: str, place: str) -> None:
    suite = [Written("passes", "test_a.py"), Written(kind, place)]
    check(gate, suite)
    holds = all(test.holds() for test in suite)
    assert (gate.record().verdict is Verdict.PASS) == holds
