"""The outcome table: what each way a test can end makes of the verdict, the decision and the exit code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.decision.judge import judge_again
from pytest_mlops.verdict import Context, Verdict

if TYPE_CHECKING:
    from collections.abc import Container

    from pytest_mlops.records.integration import IntegrationResult
    from tests.conftest import Gate

CONFIG = "version: 1\n"
HEAD = """
import pytest

pytestmark = pytest.mark.model_test

def test_good():
    pass
"""
ALLOWED = ("allow", "allow", "allow")
BLOCKED = ("block", "block", "block")
UNDECIDED = ("allow", "allow", "block")
NARROWED = ("allow", "block", "block")
TWO_WORKERS = ("-n2", "--dist=loadfile")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row: a suite, how it is run, and what has to come out.

    ``decisions`` and the codes of ``exits`` are in the order local, pull_request, release.
    """

    name: str
    source: str
    verdict: str
    release_verdict: str | None = None
    """Where a release asks for more."""
    decisions: tuple[str, str, str]
    exits: tuple[int, int, int]
    workers_exits: tuple[int, int, int] | None = None
    """Where it differs under ``-n2``."""
    counts: dict[str, int] = field(default_factory=dict)
    workers_counts: dict[str, int] | None = None
    on_workers: bool = True
    """Whether the row is run under ``-n2`` too; not where xdist can make no difference to it."""
    arguments: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    config: str | None = CONFIG

    def verdict_in(self, context: Context) -> str:
        return self.release_verdict or self.verdict if context is Context.RELEASE else self.verdict


def twice(**more: int) -> dict[str, int]:
    """Return the counts of two tests, the good one and the one that the row is about."""
    return {"total": 2, "passed": 1} | more


ROWS = [
    Row(
        name="passed",
        source="def test_it(): pass",
        verdict="pass",
        decisions=ALLOWED,
        exits=(0, 0, 0),
        counts=twice(passed=2),
    ),
    Row(
        name="failed",
        source="def test_it(): assert 0",
        verdict="fail",
        decisions=BLOCKED,
        exits=(1, 1, 1),
        counts=twice(failed=1),
    ),
    Row(
        name="raised",
        on_workers=False,
        source="def test_it(): raise OSError('disk')",
        verdict="fail",
        decisions=BLOCKED,
        exits=(1, 1, 1),
        counts=twice(failed=1),
    ),
    Row(
        name="setup error",
        source="@pytest.fixture\ndef broken(): raise OSError\ndef test_it(broken): pass",
        verdict="fail",
        decisions=BLOCKED,
        exits=(1, 1, 1),
        counts=twice(errored=1),
    ),
    Row(
        name="teardown error",
        source="@pytest.fixture\ndef broken():\n    yield\n    raise OSError\ndef test_it(broken): pass",
        verdict="fail",
        decisions=BLOCKED,
        exits=(1, 1, 1),
        counts=twice(errored=1),
    ),
    Row(
        name="failed with a teardown error",
        on_workers=False,
        source="@pytest.fixture\ndef broken():\n    yield\n    raise OSError\ndef test_it(broken): assert 0",
        verdict="fail",
        decisions=BLOCKED,
        exits=(1, 1, 1),
        counts=twice(failed=1),
    ),
    Row(
        name="skipped, coverage too low",
        source="def test_it(): pytest.skip('no data')",
        verdict="fail",
        release_verdict="incomplete",
        decisions=BLOCKED,
        exits=(1, 1, 1),
        counts=twice(skipped=1),
    ),
    Row(
        name="skipped by a marker",
        on_workers=False,
        source="@pytest.mark.skip(reason='no data')\ndef test_it(): pass",
        verdict="fail",
        release_verdict="incomplete",
        decisions=BLOCKED,
        exits=(1, 1, 1),
        counts=twice(skipped=1),
    ),
    Row(
        name="skipped, coverage high enough",
        source="@pytest.mark.parametrize('case', range(5))\ndef test_it(case): case or pytest.skip('no')",
        verdict="pass",
        release_verdict="incomplete",
        decisions=UNDECIDED,
        exits=(0, 0, 1),
        counts={"total": 6, "passed": 5, "skipped": 1},
    ),
    Row(
        name="every test skipped",
        source="pytestmark = [pytest.mark.model_test, pytest.mark.skip(reason='no data')]",
        verdict="incomplete",
        decisions=BLOCKED,
        exits=(1, 1, 1),
        counts={"total": 1, "skipped": 1},
    ),
    Row(
        name="xfailed",
        source="@pytest.mark.xfail\ndef test_it(): assert 0",
        verdict="fail",
        decisions=BLOCKED,
        exits=(1, 1, 1),
        counts=twice(failed=1),
    ),
    Row(
        name="xfailed without running",
        on_workers=False,
        source="@pytest.mark.xfail(run=False)\ndef test_it(): pass",
        verdict="fail",
        decisions=BLOCKED,
        exits=(1, 1, 1),
        counts=twice(failed=1),
    ),
    Row(
        name="xpassed",
        source="@pytest.mark.xfail\ndef test_it(): pass",
        verdict="pass",
        decisions=ALLOWED,
        exits=(0, 0, 0),
        counts=twice(passed=2),
    ),
    Row(
        name="xpassed under strict",
        on_workers=False,
        source="@pytest.mark.xfail(strict=True)\ndef test_it(): pass",
        verdict="fail",
        decisions=BLOCKED,
        exits=(1, 1, 1),
        counts=twice(failed=1),
    ),
    Row(
        name="rerun, then passed",
        source="tries = []\ndef test_it():\n    tries.append(1)\n    assert len(tries) > 1",
        arguments=("--reruns=1",),
        verdict="undecided",
        decisions=UNDECIDED,
        exits=(0, 0, 1),
        counts=twice(undecided=1),
    ),
    Row(
        name="rerun, then passed, where undecided blocks",
        on_workers=False,
        source="tries = []\ndef test_it():\n    tries.append(1)\n    assert len(tries) > 1",
        arguments=("--reruns=1",),
        config="gate: {on_undecided: block}",
        verdict="undecided",
        decisions=("allow", "block", "block"),
        exits=(0, 1, 1),
        counts=twice(undecided=1),
    ),
    Row(
        name="rerun, and failed again",
        on_workers=False,
        source="def test_it(): assert 0",
        arguments=("--reruns=1",),
        verdict="fail",
        decisions=BLOCKED,
        exits=(1, 1, 1),
        counts=twice(failed=1),
    ),
    Row(
        name="deselected by the user",
        source="def test_it(): pass",
        arguments=("-k", "good"),
        verdict="incomplete",
        decisions=NARROWED,
        exits=(0, 1, 1),
        counts=twice(deselected=1),
    ),
    Row(
        name="deselected by a plugin",
        source="def test_it(): pass",
        files={"conftest.py": "def pytest_collection_modifyitems(items): items.pop()"},
        verdict="incomplete",
        decisions=BLOCKED,
        exits=(1, 1, 1),
        counts=twice(deselected=1),
    ),
    Row(
        name="every test deselected",
        on_workers=False,
        source="",
        arguments=("-k", "nothing"),
        verdict="incomplete",
        decisions=NARROWED,
        exits=(5, 5, 5),
        counts={"total": 1, "deselected": 1},
    ),
    Row(
        name="never run",
        source="def test_it(): pass",
        files={"conftest.py": "def pytest_runtest_protocol(item): return item.name == 'test_it' or None"},
        verdict="incomplete",
        decisions=BLOCKED,
        exits=(1, 1, 1),
        counts=twice(not_run=1),
    ),
    Row(
        name="collection error",
        source="",
        files={"test_broken.py": "import no_such_module"},
        verdict="incomplete",
        decisions=BLOCKED,
        exits=(2, 2, 2),
        # xdist runs what could be collected.
        workers_exits=(1, 1, 1),
        counts={"total": 1, "not_run": 1},
        workers_counts={"total": 1, "passed": 1},
    ),
    Row(
        name="collection error, and on",
        source="",
        files={"test_broken.py": "import no_such_module"},
        arguments=("--continue-on-collection-errors",),
        verdict="incomplete",
        decisions=BLOCKED,
        exits=(1, 1, 1),
        counts={"total": 1, "passed": 1},
    ),
    Row(
        name="Ctrl-C",
        source="def test_it(): raise KeyboardInterrupt",
        verdict="incomplete",
        decisions=BLOCKED,
        exits=(2, 2, 2),
        counts=twice(not_run=1),
        # To xdist an interrupted worker is a crashed one.
        workers_counts=twice(errored=1),
    ),
    Row(
        name="-x",
        source="def test_it(): assert 0\ndef test_later(): pass",
        arguments=("-x",),
        verdict="incomplete",
        decisions=BLOCKED,
        exits=(1, 1, 1),
        workers_exits=(2, 2, 2),
        counts={"total": 3, "passed": 1, "failed": 1, "not_run": 1},
    ),
    Row(
        name="--maxfail",
        source="@pytest.mark.parametrize('case', range(4))\ndef test_it(case): assert 0",
        arguments=("--maxfail=2",),
        verdict="incomplete",
        decisions=BLOCKED,
        exits=(1, 1, 1),
        workers_exits=(2, 2, 2),
        counts={"total": 5, "passed": 1, "failed": 2, "not_run": 2},
    ),
    Row(
        name="no tests",
        source="del test_good",
        verdict="incomplete",
        decisions=BLOCKED,
        exits=(5, 5, 5),
        counts={"total": 0},
    ),
    Row(
        name="ordinary tests alone",
        source="del pytestmark",
        verdict="incomplete",
        decisions=BLOCKED,
        exits=(1, 1, 1),
        counts={"total": 0},
    ),
    Row(
        name="an ordinary test failed",
        source="",
        files={"test_ordinary.py": "def test_sum(): assert 1 + 1 == 3"},
        verdict="fail",
        decisions=BLOCKED,
        exits=(1, 1, 1),
        counts={"total": 1, "passed": 1},
    ),
    Row(
        name="no config",
        source="def test_it(): pass",
        config=None,
        verdict="pass",
        decisions=ALLOWED,
        exits=(0, 0, 0),
        counts=twice(passed=2),
    ),
]
COUNTS = ("total", "passed", "failed", "errored", "skipped", "deselected", "undecided", "not_run")
CONTEXTS = list(Context)
SOON_ON_WORKERS = {"passed", "rerun, then passed", "Ctrl-C", "-x"}
"""The rows that the fast tests run under ``-n2``; each costs two more processes."""


def each(rows: list[Row], *, slow: Container[str] = ()) -> pytest.MarkDecorator:
    """Run a test with each row, those whose names are in ``slow`` with the slow tests."""
    return pytest.mark.parametrize(
        "row",
        [
            pytest.param(
                row, id=row.name.replace(" ", "_"), marks=[pytest.mark.slow] if row.name in slow else []
            )
            for row in rows
        ],
    )


def set_up(gate: Gate, row: Row) -> None:
    gate.write("test_model.py", HEAD + row.source)
    gate.write("mlops.yaml", "version: 1" if row.config is None else row.config)  # a release needs a policy
    for name, text in row.files.items():
        gate.write(name, text)


def counted(record: IntegrationResult) -> dict[str, int]:
    """Return the counts of a record that are not 0, and the total."""
    counts = {name: getattr(record.test_results, f"{name}_tests") for name in COUNTS}
    return {name: count for name, count in counts.items() if count or name == "total"}


def assert_comes_out(row: Row, record: IntegrationResult, context: Context, counts: dict[str, int]) -> None:
    verdict = row.verdict_in(context)
    assert record.verdict == verdict
    assert record.decision == row.decisions[CONTEXTS.index(context)]
    assert record.context is context
    assert record.success == (verdict == "pass")
    assert counted(record) == counts
    assert record.verdict is Verdict.PASS or record.reasons


@each(ROWS)
def test_in_one_process(gate: Gate, row: Row) -> None:
    set_up(gate, row)
    for context, code in zip(CONTEXTS, row.exits, strict=True):
        result = gate.run(f"--mlops-context={context}", "-p", "no:cacheprovider", *row.arguments)
        assert_comes_out(row, gate.record(), context, row.counts)
        assert result.ret == code, context


@each([row for row in ROWS if row.on_workers], slow={row.name for row in ROWS} - SOON_ON_WORKERS)
def test_on_two_workers(gate: Gate, row: Row) -> None:
    set_up(gate, row)
    exits = row.workers_exits or row.exits
    # A process each costs a second; where the exit code is the same everywhere, one run tells it.
    run = CONTEXTS if len(set(exits)) > 1 else CONTEXTS[:1]
    for context, code in zip(run, exits, strict=False):
        result = gate.run(*TWO_WORKERS, f"--mlops-context={context}", *row.arguments)
        assert_comes_out(row, gate.record(), context, row.workers_counts or row.counts)
        assert result.ret == code, context
    sealed = gate.record()
    for context in CONTEXTS:
        again = judge_again(sealed.model_copy(update={"context": context}))
        assert (again.verdict, again.decision) == (
            row.verdict_in(context),
            row.decisions[CONTEXTS.index(context)],
        )


@pytest.mark.parametrize("absent", ["terminal", "xdist", "cacheprovider", "rerunfailures"])
@pytest.mark.parametrize(
    "name", ["passed", "failed", "every test skipped", "xfailed", "deselected by the user"]
)
def test_without_a_neighbour(gate: Gate, absent: str, name: str) -> None:
    (row,) = (row for row in ROWS if row.name == name)
    set_up(gate, row)
    result = gate.run("-p", f"no:{absent}", *row.arguments)
    assert_comes_out(row, gate.record(), Context.LOCAL, row.counts)
    assert result.ret == row.exits[0]
