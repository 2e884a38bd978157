"""Policy: the model at hand is, byte for byte, the one that was tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.policies.case import TicketCheck
from pytest_mlops.evidence.verify import check_model

if TYPE_CHECKING:
    from pytest_mlops.evidence.policies.case import Case

__all__ = ["MODEL"]


def _check(case: Case) -> str:
    if case.model is None:
        raise EvidenceError("no model was presented with the record")
    version = case.record.model_version
    if case.model_id is not None and (version is None or version.model_id != case.model_id):
        tested = "no model" if version is None else f"{version.model_id} {version.version_id}"
        raise EvidenceError(f"the record is of {tested}; {case.environment} here is for {case.model_id}")
    found = check_model(case.record, case.model)
    return f"{found.files} files, {found.size:,} bytes, digest {found.digest:.12}…"


MODEL = TicketCheck(
    name="model",
    check=_check,
    remedy="Present the files that were tested, or gate these",
)
