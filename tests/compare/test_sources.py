"""Providers of a baseline: the first that has one answers, and a bad one is no missing one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.compare.baseline import Baseline, Candidate, NoBaseline
from pytest_mlops.compare.sources import RUN, find_baseline, refuse_stale
from pytest_mlops.errors import EvidenceError
from pytest_mlops.records.measurement import ArrayRef

if TYPE_CHECKING:
    from tests.conftest import Gate

OWN = Path("own")


def candidate(folder: Path, *, in_run: bool = False) -> Candidate:
    """Return a run in ``folder``, whose tests recorded a baseline of their own or none."""
    fields = ("baseline", "ids", "y_pred", "y_true") if in_run else ("ids", "y_pred", "y_true")
    ref = ArrayRef(digest="0" * 64, size=1, n=1, fields=fields, data="1" * 64, test="t")
    return Candidate(refs=(ref,), arrays=OWN, folder=folder)


@pytest.fixture
def kept(gate: Gate) -> Path:
    """Return the record of a run that was sealed."""
    gate.write(
        "test_model.py", "import pytest\n@pytest.mark.model_test\ndef test_it(mlops): mlops.metric('a', 1)\n"
    )
    gate.run("--mlops-run-id=kept")
    return gate.path


def test_a_file_that_is_not_there_is_no_baseline(tmp_path: Path) -> None:
    found = find_baseline(["file:none.json"], candidate(tmp_path))
    assert found == NoBaseline(why=("there is no file:none.json",))


def test_the_run_has_a_baseline_only_where_it_recorded_one(tmp_path: Path) -> None:
    assert find_baseline([RUN], candidate(tmp_path)) == NoBaseline()
    found = find_baseline([RUN], candidate(tmp_path, in_run=True))
    assert isinstance(found, Baseline)
    assert (found.source, found.record, found.arrays) == (RUN, None, OWN)


def test_a_file_is_read_relative_to_the_configuration(kept: Path) -> None:
    found = find_baseline(["file:.mlops/integration-result.json"], candidate(kept.parent.parent))
    assert isinstance(found, Baseline)
    assert found.record is not None
    assert found.record.run_id == "kept"
    assert found.arrays == kept.parent / "arrays"


def test_sources_are_asked_in_their_order(kept: Path) -> None:
    sources = ["file:none.json", f"file:{kept}", RUN]
    found = find_baseline(sources, candidate(kept.parent, in_run=True))
    assert isinstance(found, Baseline)
    assert found.source == f"file:{kept}"
    first = find_baseline([RUN, f"file:{kept}"], candidate(kept.parent, in_run=True))
    assert isinstance(first, Baseline)
    assert first.source == RUN


def test_a_record_that_was_changed_is_refused_and_the_next_source_is_not_asked(kept: Path) -> None:
    kept.write_text(
        kept.read_text()
        .replace('"value": 1.0', '"value": 0.5')
        .replace('"passed_tests": 1', '"passed_tests": 0')
    )
    with pytest.raises(EvidenceError, match="passed_tests"):
        find_baseline([f"file:{kept}", RUN], candidate(kept.parent, in_run=True))


def test_a_file_that_is_no_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("{}")
    with pytest.raises(EvidenceError):
        find_baseline(["file:b.json"], candidate(tmp_path))


def test_a_stale_baseline_is_refused(kept: Path) -> None:
    found = find_baseline([f"file:{kept}"], candidate(kept.parent))
    assert isinstance(found, Baseline)
    assert found.record is not None
    measured = found.record.timestamp
    refuse_stale(found, 30, measured + timedelta(days=30))
    refuse_stale(found, None, measured + timedelta(days=3000))
    with pytest.raises(EvidenceError, match=r"measured 31 days ago, and baseline\.max_age_days is 30"):
        refuse_stale(found, 30, measured + timedelta(days=31))
    refuse_stale(Baseline(source="run", record=None, arrays=found.arrays), 1, measured)
