"""Checks of the content of evidence: its schema, its verdict, the model it is of, the set that was tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.case import TicketCheck
from pytest_mlops.evidence.verify import (
    check_counts,
    check_files,
    check_judgement,
    check_model,
    check_policy,
)
from pytest_mlops.text import list_some
from pytest_mlops.verdict import Decision

if TYPE_CHECKING:
    from pytest_mlops.evidence.case import Case

__all__ = ["MODEL", "REQUIRED", "SCHEMA", "VERDICT"]


def _check_schema(case: Case) -> str:
    return f"a record of schema version {case.record.schema_version}, run {case.record.run_id}"


def _check_verdict(case: Case) -> str:
    record = case.record
    check_counts(record)
    check_policy(record)
    check_judgement(record)
    missing = check_files(record, case.folder)
    judgement = case.judgement
    if judgement.decision is not Decision.ALLOW:
        shown = [f"{reason.verdict.upper()}: {reason.text}" for reason in judgement.reasons]
        reasons = list_some(shown, separator="; ")
        raise EvidenceError(
            f"as a release to {case.environment}, the recorded evidence gives {judgement.verdict.upper()}"
            + (f" ({reasons})" if reasons else "")
        )
    note = f"; {missing} arrays or artifacts were missing" if missing else ""
    return f"{judgement.verdict.upper()} for {case.environment}, reached again from the evidence{note}"


def _check_model(case: Case) -> str:
    model, model_id = case.evidence.model, case.evidence.model_id
    if model is None:
        raise EvidenceError("no model was presented with the record")
    version = case.record.model_version
    if model_id is not None and (version is None or version.model_id != model_id):
        tested = "no model" if version is None else f"{version.model_id} {version.version_id}"
        raise EvidenceError(f"the record is of {tested}; {case.environment} here is for {model_id}")
    found = check_model(case.record, model)
    return f"{found.files} files, {found.size:,} bytes, digest {found.digest:.12}…"


def _check_required(case: Case) -> str:
    judgement = case.judgement
    session = case.record.test_results.session
    narrowed = (*session.narrowed_by, *session.uncollected)
    if narrowed:
        raise EvidenceError(f"the run was narrowed to a subset of the tests ({list_some(narrowed)})")
    if not judgement.deployable:
        raise EvidenceError(
            "the record is not deployable; it requires a mlops.yaml with requirements and a model artifact"
        )
    uncovered = [cell.cell for cell in judgement.coverage_cells if cell.share == 0]
    if uncovered:
        raise EvidenceError(f"no conclusive test covers {list_some(uncovered)}")
    return f"all {len(judgement.coverage_cells)} declared cells were tested"


SCHEMA = TicketCheck(
    name="schema",
    check=_check_schema,
    remedy="Gate the version again with this pytest-mlops, and present the record as it was written",
)
"""The bytes are a record of a version that is understood, strictly."""

VERDICT = TicketCheck(
    name="verdict",
    check=_check_verdict,
    remedy="Correct the model or its tests and run the gate again with --mlops-context=release; a record is "
    "never edited",
)
"""The record agrees with itself, and its evidence passes under the environment's own demands."""

MODEL = TicketCheck(
    name="model",
    check=_check_model,
    remedy="Present the files that were tested, or gate these",
)
"""The model at hand is, byte for byte, the one that was tested."""

REQUIRED = TicketCheck(
    name="required set",
    check=_check_required,
    remedy="Write tests that cover what is missing, and run all of them in one run",
)
"""The whole required set was tested: every declared cell, no part of it chosen by hand."""
