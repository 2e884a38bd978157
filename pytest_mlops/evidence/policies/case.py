"""The case that the ticket policies look at: the bytes laid before them, and what follows from those."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_mlops.evidence.policies.demands import judge_under
from pytest_mlops.evidence.trust import HeldKey, hold_keys
from pytest_mlops.evidence.verify import parse_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult, Judgement
    from pytest_mlops.records.ticket import TicketPolicy

__all__ = ["Case", "TicketCheck"]


class Case:
    """One record, laid before one environment at one time. Its bytes are read once and never again.

    Args:
        data: The record's bytes.
        envelope: The bytes of the signed envelope beside it; ``None``: there is none.
        folder: Where the record lies; arrays and artifacts lie beside it.
        model: The model's files.
        environment: Name of the environment.
        policy: What the environment demands.
        keys_folder: Folder that the files of trusted keys are relative to.
        now: The time, aware.
        model_id: The model that the environment is for; ``None`` where it names none.
    """

    def __init__(
        self,
        *,
        data: bytes,
        envelope: bytes | None,
        folder: Path,
        model: Path | None,
        environment: str,
        policy: TicketPolicy,
        keys_folder: Path,
        now: datetime,
        model_id: str | None = None,
    ) -> None:
        self.data = data
        self.envelope = envelope
        self.folder = folder
        self.model = model
        self.environment = environment
        self.policy = policy
        self.now = now
        self.model_id = model_id
        self._keys_folder = keys_folder
        self.signers: tuple[HeldKey, ...] = ()
        """Whose signatures were found good."""

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
    def judgement(self) -> Judgement:
        """What the recorded evidence makes as a release into the environment, today.

        Raises:
            EvidenceError: there is no record.
        """
        return judge_under(self.record, self.policy, environment=self.environment, now=self.now)

    @cached_property
    def keys(self) -> tuple[HeldKey, ...]:
        """The trusted keys as they are today.

        Raises:
            ConfigError: one of them cannot be read.
            EvidenceError: one key stands there twice.
        """
        return hold_keys(self.policy.trusted_keys, self._keys_folder, self.now.date())


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketCheck:
    """One policy.

    Attributes:
        name: What it checks, for messages and the log.
        check: Returns a sentence about what held, or raises EvidenceError with one about what did not.
        remedy: The honest way past a refusal.
    """

    name: str
    check: Callable[[Case], str]
    remedy: str
