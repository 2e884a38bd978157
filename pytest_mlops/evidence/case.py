"""The case of a ticket: a version's evidence, read once, and what an environment demands of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_mlops.evidence.demands import judge_under
from pytest_mlops.evidence.dsse import MAX_ENVELOPE_BYTES
from pytest_mlops.evidence.statement import envelope_path
from pytest_mlops.evidence.trust import LoadedKey, load_trusted_keys
from pytest_mlops.evidence.verify import parse_record
from pytest_mlops.files import read_bytes
from pytest_mlops.records.codec import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from pytest_mlops.records.integration import GateJudgement, IntegrationResult
    from pytest_mlops.records.ticket import TicketPolicy

__all__ = ["Case", "Evidence", "TicketCheck", "open_case"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What is presented to get a version into an environment.

    Attributes:
        record: The integration result.
        model: The model's file or folder; ``None``: no model is presented, so no ticket can be had.
        envelope: The signed envelope; ``None``: the one beside the record, if there is one.
        run_id: The run that the record has to be of; ``None``: any.
        model_id: The model that the environment is for; ``None`` where it names none.
    """

    record: Path
    model: Path | None
    envelope: Path | None = None
    run_id: str | None = None
    model_id: str | None = None


class Case:
    """One version's evidence and one environment's demands at one time; the record is read once.

    Args:
        evidence: Where record, model and envelope lie.
        data: The record's bytes.
        envelope: The bytes of the signed envelope; ``None``: there is none.
        environment: Name of the environment.
        policy: What the environment demands.
        keys_folder: Folder that the files of trusted keys are relative to.
        now: The time, aware.
    """

    def __init__(
        self,
        *,
        evidence: Evidence,
        data: bytes,
        envelope: bytes | None,
        environment: str,
        policy: TicketPolicy,
        keys_folder: Path,
        now: datetime,
    ) -> None:
        self.evidence = evidence
        self.data = data
        self.envelope = envelope
        self.environment = environment
        self.policy = policy
        self.now = now
        self._keys_folder = keys_folder
        self.signers: tuple[LoadedKey, ...] = ()
        """Whose signatures were found good."""

    @property
    def folder(self) -> Path:
        """Folder of the record; arrays and artifacts lie beside it."""
        return self.evidence.record.parent

    @cached_property
    def record_digest(self) -> str:
        """SHA-256 of the record's bytes."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def record(self) -> IntegrationResult:
        """The record, read strictly.

        Raises:
            EvidenceError: the bytes are none.
        """
        return parse_record(self.data, "the presented file")

    @cached_property
    def judgement(self) -> GateJudgement:
        """What the recorded evidence makes as a release into the environment, today.

        Raises:
            EvidenceError: there is no record.
        """
        return judge_under(self.record, self.policy, environment=self.environment, now=self.now)

    @cached_property
    def keys(self) -> tuple[LoadedKey, ...]:
        """The trusted keys as they are today.

        Raises:
            ConfigError: one of them cannot be read.
            EvidenceError: one key is listed twice.
        """
        return load_trusted_keys(self.policy.trusted_keys, self._keys_folder, self.now.date())


def open_case(
    evidence: Evidence, *, environment: str, policy: TicketPolicy, keys_folder: Path, now: datetime
) -> Case:
    """Read what is presented.

    Args:
        evidence: What is presented.
        environment: Name of the environment.
        policy: What it demands.
        keys_folder: Folder that the files of trusted keys are relative to, that of ``mlops.yaml``.
        now: The time, aware.

    Raises:
        EvidenceError: the record, or the envelope that was named, cannot be read.
    """
    envelope = evidence.envelope or envelope_path(evidence.record)
    present = evidence.envelope is not None or envelope.exists()
    return Case(
        evidence=evidence,
        data=read_bytes(evidence.record, limit=MAX_RECORD_BYTES),
        envelope=read_bytes(envelope, limit=MAX_ENVELOPE_BYTES) if present else None,
        environment=environment,
        policy=policy,
        keys_folder=keys_folder,
        now=now,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketCheck:
    """One check of a ticket.

    Attributes:
        name: What it checks, for messages and the log.
        check: Returns a message about what holds, or raises EvidenceError with one about what does not.
        remedy: The honest way past a refusal.
    """

    name: str
    check: Callable[[Case], str]
    remedy: str
