"""Reading a model's recorded runs for the trends."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("sqlalchemy")

from pytest_mlops.errors import NotRegistered, StoreError
from pytest_mlops.records.model import ModelVersion
from pytest_mlops.report.trends import read_history
from pytest_mlops.store import history
from pytest_mlops.store.engine import open_store
from pytest_mlops.store.history import record_result
from tests.report.conftest import ENDED

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult
    from tests.report.conftest import MakeRecord


def a_run(make_record: MakeRecord, run_id: str, model: str = "credit") -> IntegrationResult:
    return make_record(model=ModelVersion(model_id=model, version_id="1"), run_id=run_id)


def fill(folder: Path, *records: IntegrationResult) -> None:
    with open_store(folder=folder) as store:
        for index, record in enumerate(records):
            later = record.model_copy(update={"timestamp": ENDED + timedelta(days=index)})
            record_result(store, later, actor="ada")


def test_only_runs_of_the_model_that_have_a_verdict_are_read(make_record: MakeRecord, tmp_path: Path) -> None:
    narrowed = a_run(make_record, "narrowed").model_copy(update={"partial": "1 of 2"})
    fill(
        tmp_path, a_run(make_record, "a"), a_run(make_record, "b", "fraud"), narrowed, a_run(make_record, "d")
    )
    assert [point.run_id for point in read_history(a_run(make_record, "x"), tmp_path)] == ["d", "a"]


def test_a_run_that_is_pruned_meanwhile_is_passed_over(
    make_record: MakeRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = history.get_result

    def pruned(store: object, run_id: str) -> IntegrationResult:
        if run_id == "a":
            raise NotRegistered("gone")
        return really(store, run_id)  # type: ignore[arg-type]

    fill(tmp_path, a_run(make_record, "a"), a_run(make_record, "b"))
    monkeypatch.setattr(history, "get_result", pruned)
    assert [point.run_id for point in read_history(a_run(make_record, "x"), tmp_path)] == ["b"]


def test_a_record_without_a_model_has_no_history_and_a_missing_store_is_told(
    make_record: MakeRecord, tmp_path: Path
) -> None:
    assert read_history(make_record(), tmp_path) == []
    with pytest.raises(StoreError, match="there is no store in"):
        read_history(a_run(make_record, "x"), tmp_path)
    assert list(tmp_path.iterdir()) == []
