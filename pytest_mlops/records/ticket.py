"""What an environment demands of the evidence for a version before it is deployed there."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from pytest_mlops.records.base import Flag, Label, Record, Seconds, Share, Text
from pytest_mlops.records.policy import Day, Requirement
from pytest_mlops.records.rule import Rule

__all__ = ["TicketPolicy", "TrustedKey"]


class TrustedKey(Record):
    """A public key whose signatures count."""

    name: Label
    """Who signs with it, such as ``ci``; for messages and the log."""
    file: Text | None = None
    """PEM file with the Ed25519 public key, relative to ``mlops.yaml``."""
    public_key: Text | None = None
    """The key as PEM text, instead of a file."""
    not_before: Day | None = None
    """First day (UTC) on which its signatures count."""
    not_after: Day | None = None
    """Last day (UTC) on which its signatures count."""
    revoked: Flag = False
    """Whether its signatures no longer count, whenever they were made."""

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if (self.file is None) == (self.public_key is None):
            got = "neither" if self.file is None else "both"
            raise ValueError(f"needs either file or public_key, got {got}")
        if self.not_before is not None and self.not_after is not None and self.not_before > self.not_after:
            raise ValueError(f"not_before {self.not_before} is later than not_after {self.not_after}")
        return self


class TicketPolicy(Record):
    """What one environment demands of a release; it can only tighten what ``mlops.yaml`` demands of a run."""

    accept_waived: Flag = False
    """Whether a WAIVED verdict may be released here."""
    require_signature: Flag | None = None
    """Whether the record must be signed by a trusted key; by default if there are trusted keys."""
    trusted_keys: tuple[TrustedKey, ...] = ()
    """Keys whose signatures count here."""
    min_signatures: Annotated[int, Field(strict=True, ge=1, le=20)] = 1
    """Minimum number of trusted keys that signed."""
    max_age: Seconds | None = 7 * 86400.0
    """Seconds after which evidence is too old for a release; null for never."""
    trust: Annotated[tuple[Literal["local", "ci"], ...], Field(min_length=1)] = ("local", "ci")
    """Accepted trust levels; evidence of untrusted pull requests never counts."""
    min_pass_rate: Share | None = None
    """Minimum pass rate, if higher than that of ``gate``, 0..1."""
    min_coverage: Share | None = None
    """Minimum coverage, if higher than that of ``gate``, 0..1."""
    min_quality_score: Share | None = None
    """Minimum quality score, if higher than that of ``gate``, 0..1."""
    require_evidence: Flag = True
    """Whether only cells with recorded evidence count as covered, whatever ``gate`` says."""
    min_n: Annotated[int, Field(strict=True, ge=1)] | None = None
    """Minimum number of examples of a slice, if higher than that of ``gate``."""
    requirements: tuple[Requirement, ...] = ()
    """Cells that must have been tested, in addition to those of the run."""
    rules: tuple[Rule, ...] = ()
    """Bounds on recorded metrics, in addition to those of the run; they cannot be waived."""

    @field_validator("rules")
    @classmethod
    def _of_values(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        for rule in rules:
            if rule.compares:
                raise ValueError(f"{rule.name} bounds a change, which only a run can; move it to rules:")
        return rules

    @model_validator(mode="after")
    def _keys(self) -> Self:
        names = [key.name for key in self.trusted_keys]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two trusted keys are called {name}; give each a name of its own")
        if self.demands_signature and len(names) < self.min_signatures:
            raise ValueError(
                f"demands {self.min_signatures} signature(s) and trusts {len(names)} key(s); "
                "add trusted_keys, or lower min_signatures"
            )
        return self

    @property
    def demands_signature(self) -> bool:
        """Whether a record without a signature is refused."""
        return bool(self.trusted_keys) if self.require_signature is None else self.require_signature
