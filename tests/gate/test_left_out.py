# ruff: noqa: E501, ISC004 -- a source is a line
"""What the source declares and pytest does not collect is named, whatever hid it."""

from __future__ import annotations

import subprocess
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.gate.left_out import NamePatterns, declared_in
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from tests.conftest import Gate

GOOD = "import pytest\n@pytest.mark.model_test\ndef test_good(): pass\n"
HIDDEN = "import pytest\n@pytest.mark.model_test\ndef test_bias(): assert 0\n"

HIDERS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "norecursedirs": (
        {"pytest.ini": "[pytest]\nnorecursedirs = more\n", "more/test_b.py": HIDDEN},
        ("more/test_b.py",),
    ),
    "testpaths": (
        {
            "pytest.ini": "[pytest]\ntestpaths = some\n",
            "some/test_a.py": GOOD,
            "test_b.py": HIDDEN,
            "test_a.py": "",
        },
        ("test_b.py",),
    ),
    "python_files": (
        {"pytest.ini": "[pytest]\npython_files = test_a.py\n", "test_b.py": HIDDEN},
        ("test_b.py",),
    ),
    "file name": ({"bias_tests.py": HIDDEN}, ("bias_tests.py",)),
    "python_functions": (
        {
            "pytest.ini": "[pytest]\npython_functions = test_good\n",
            "test_b.py": HIDDEN + "def test_good_too(): pass\n",
        },
        ("test_b.py::test_bias",),
    ),
    "function name": (
        {"test_b.py": "import pytest\n@pytest.mark.model_test\ndef tset_bias(): assert 0\n"},
        ("test_b.py::tset_bias",),
    ),
    "class name": (
        {
            "test_b.py": "import pytest\n@pytest.mark.model_test\nclass Bias:\n    def test_it(self): assert 0\n"
        },
        ("test_b.py::Bias::test_it",),
    ),
    "__init__": (
        {
            "test_b.py": "import pytest\nclass TestBias:\n    def __init__(self): pass\n"
            "    @pytest.mark.model_test\n    def test_it(self): assert 0\n"
        },
        ("test_b.py::TestBias::test_it",),
    ),
    "__test__": (
        {
            "test_b.py": "import pytest\n@pytest.mark.model_test\ndef test_bias(): assert 0\ntest_bias.__test__ = False\n"
        },
        ("test_b.py::test_bias",),
    ),
    "collect_ignore": (
        {"conftest.py": "collect_ignore = ['test_b.py']\n", "test_b.py": HIDDEN},
        ("test_b.py",),
    ),
    "a hook": (
        {
            "conftest.py": "def pytest_ignore_collect(collection_path):\n"
            "    return True if collection_path.name == 'test_b.py' else None\n",
            "test_b.py": HIDDEN,
        },
        ("test_b.py",),
    ),
    "a second definition": (
        {"test_b.py": HIDDEN + "@pytest.mark.model_test\ndef test_bias(): pass\n"},
        ("test_b.py::test_bias (defined twice)",),
    ),
    "an alias of the marker": (
        {
            "test_b.py": "import pytest\nmodel = pytest.mark.model_test(covers=[])\n@model\ndef check(): assert 0\n"
        },
        ("test_b.py::check",),
    ),
    "a ModelTest that is no test by its file's name": (
        {
            "bias.py": "from pytest_mlops import ModelTest\nclass Bias(ModelTest):\n"
            "    def run(self, version): assert 0\n"
        },
        ("bias.py",),
    ),
}


@pytest.mark.parametrize("name", HIDERS)
def test_what_hides_a_model_test_is_seen(gate: Gate, name: str) -> None:
    files, expected = HIDERS[name]
    for path, text in {"mlops.yaml": "version: 1\n", "test_a.py": GOOD, **files}.items():
        gate.write(path, text)
    result = gate.run("--mlops-context=pull_request", "-W", "ignore::pytest.PytestCollectionWarning")
    record = gate.record()
    assert (result.ret, record.verdict) == (1, Verdict.INCOMPLETE)
    assert record.test_results.session.uncollected == expected
    assert all(name in " ".join(reason.text for reason in record.reasons) for name in expected)


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["bare", "n2"])
@pytest.mark.parametrize(
    "files",
    [
        {"test_b.py": "import pytest\nclass Base:\n    @pytest.mark.model_test\n    def test_it(self): pass\n"
         "class TestIt(Base): pass\n"},
        {"base.py": "import pytest\nclass Base:\n    @pytest.mark.model_test\n    def test_it(self): pass\n",
         "test_b.py": "from base import Base\nclass TestIt(Base): pass\n", "pytest.ini": "[pytest]\npythonpath = .\n"},
        {"test_b.py": "import pytest\npytestmark = pytest.mark.model_test\ndef helper(): pass\n"
         "@pytest.fixture\ndef test_data(): return 1\ndef test_it(test_data): pass\n"},
        {"below/mlops.yaml": "version: 1\n", "below/test_b.py": HIDDEN, "pytest.ini": "[pytest]\ntestpaths = test_a.py\n"},
        {".hidden/test_b.py": HIDDEN, "venv/test_b.py": HIDDEN, "own/pyvenv.cfg": "", "own/test_c.py": HIDDEN},
        {"base.py": "from pytest_mlops import ModelTest\nclass Mine(ModelTest):\n    __test__ = False\n"
         "    def run(self, version): pass\n"},
        {"notes.py": "TEXT = '@pytest.mark.model_test'\n"},
    ],
    ids=["inherited", "inherited from elsewhere", "module mark", "below", "no git", "switched off", "text"],
)  # fmt: skip
def test_what_is_no_model_test_of_ours_is_not_missed(
    gate: Gate, files: dict[str, str], workers: tuple[str, ...]
) -> None:
    for path, text in {"mlops.yaml": "version: 1\n", "test_a.py": GOOD, **files}.items():
        gate.write(path, text)
    arguments = ("test_a.py",) if "below/mlops.yaml" in files else ()
    result = gate.run("--mlops-context=pull_request", *workers, *arguments)
    assert gate.record().test_results.session.uncollected == ()
    assert (result.ret, gate.record().verdict) == (0, Verdict.PASS)


def test_files_that_git_does_not_track_are_not_expected(gate: Gate) -> None:
    gate.write("mlops.yaml", "version: 1\n")
    gate.write("test_a.py", GOOD)
    gate.write("scratch.py", HIDDEN)
    for command in (["init", "-q"], ["add", "mlops.yaml", "test_a.py"]):
        subprocess.run(["git", *command], cwd=gate.pytester.path, check=True)
    assert gate.run("--mlops-context=pull_request").ret == 0
    subprocess.run(["git", "add", "scratch.py"], cwd=gate.pytester.path, check=True)
    assert gate.run("--mlops-context=pull_request").ret == 1
    assert gate.record().test_results.session.uncollected == ("scratch.py",)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from pytest import mark\n@mark.model_test(covers='a')\nasync def test_a(): ...", ["test_a"]),
        ("import pytest\npytestmark = [pytest.mark.model_test]\ndef test_a(): ...\ndef b(): ...", ["test_a"]),
        ("import pytest\nclass TestA:\n  pytestmark = pytest.mark.model_test\n  def test_b(self): ...", ["TestA::test_b"]),
        ("import pytest\nif 1:\n  @pytest.mark.model_test\n  def test_a(): ...\nelse:\n  def test_a(): ...", ["test_a"]),
        ("import pytest\n@pytest.mark.model_test\nclass TestA: ...", ["TestA"]),
        ("import pytest\nclass TestA:\n  class TestB:\n    @pytest.mark.model_test\n    def test_c(self): ...",
         ["TestA::TestB::test_c"]),
        ("import abc, pytest_mlops as p\nclass A(p.ModelTest):\n  @abc.abstractmethod\n  def more(self): ...\n"
         "class B(A):\n  def run(self, v): ...", ["B"]),
        ("x = 1\ndef test_a(): ...", []),
    ],
)  # fmt: skip
def test_what_a_source_declares(source: str, expected: list[str]) -> None:
    assert list(declared_in(dedent(source).encode(), NamePatterns()).tests) == expected
