"""The ticket policy: what an environment requires of the evidence for a version."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from pytest_mlops.records.base import Flag, Label, Record, Seconds, Share, Text
from pytest_mlops.records.policy import Day, Requirement
from pytest_mlops.records.rule import Rule

__all__ = ["TicketPolicy", "TrustedKey"]


class TrustedKey(Record):
    """A public key whose signatures are trusted."""

    name: Label
    """Name of the signer, such as ``ci``, for messages and the log."""
    file: Text | None = None
    """PEM file with the Ed25519 public key, relative to ``mlops.yaml``."""
    public_key: Text | None = None
    """The key as PEM text, instead of a file."""
    not_before: Day | None = None
    """First day (UTC) on which its signatures are valid."""
    not_after: Day | None = None
    """Last day (UTC) on which its signatures are valid."""
    revoked: Flag = False
    """Whether the key is revoked; none of its signatures are valid then."""

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if (self.file is None) == (self.public_key is None):
            got = "neither" if self.file is None else "both"
            raise ValueError(f"expected either file or public_key, got {got}")
        if self.not_before is not None and self.not_after is not None and self.not_before > self.not_after:
            raise ValueError(f"not_before {self.not_before} is after not_after {self.not_after}")
        return self


class TicketPolicy(Record):
    """Requirements of one environment; they can only be stricter than the gate policy of the run."""

    accept_waived: Flag = False
    """Whether a WAIVED verdict may be deployed."""
    require_signature: Flag | None = None
    """Whether the record must be signed by a trusted key; by default only if there are trusted keys."""
    trusted_keys: tuple[TrustedKey, ...] = ()
    """Trusted public keys."""
    min_signatures: Annotated[int, Field(strict=True, ge=1, le=20)] = 1
    """Minimum number of different trusted keys that must have signed."""
    max_age: Seconds | None = 7 * 86400.0
    """Maximum age of the evidence, in seconds; null for no limit."""
    trust: Annotated[tuple[Literal["local", "ci"], ...], Field(min_length=1)] = ("local", "ci")
    """Accepted origins of evidence; evidence of untrusted pull requests is never accepted."""
    min_pass_rate: Share | None = None
    """Minimum pass rate, if stricter than gate:, 0..1."""
    min_coverage: Share | None = None
    """Minimum coverage, if stricter than gate:, 0..1."""
    min_quality_score: Share | None = None
    """Minimum quality score, if stricter than gate:, 0..1."""
    require_evidence: Flag = True
    """Whether only tests that record metrics count for coverage, regardless of the run's policy."""
    min_n: Annotated[int, Field(strict=True, ge=1)] | None = None
    """Minimum number of examples of a slice, if stricter than gate:."""
    requirements: tuple[Requirement, ...] = ()
    """Additional cells that must have been tested."""
    rules: tuple[Rule, ...] = ()
    """Additional bounds on recorded metrics; waivers do not apply to them."""

    @field_validator("rules")
    @classmethod
    def _of_values(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        for rule in rules:
            if rule.compares:
                raise ValueError(
                    f"{rule.name} bounds a change; expected bounds on values, so move it to rules:"
                )
        return rules

    @model_validator(mode="after")
    def _keys(self) -> Self:
        names = [key.name for key in self.trusted_keys]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two trusted keys are named {name}; expected unique names")
        if self.demands_signature and len(names) < self.min_signatures:
            raise ValueError(
                f"min_signatures is {self.min_signatures}, but there are {len(names)} trusted keys; add "
                "trusted_keys, or lower min_signatures"
            )
        return self

    @property
    def demands_signature(self) -> bool:
        """Whether records without a signature are refused."""
        return bool(self.trusted_keys) if self.require_signature is None else self.require_signature
