"""Trusted keys of an environment: read from where it names them, with the days on which they count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.dsse import signers_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

    from pytest_mlops.evidence.dsse import Envelope
    from pytest_mlops.evidence.keys import PublicKey
    from pytest_mlops.records.ticket import TrustedKey

__all__ = ["LoadedKey", "accepted_signers", "load_trusted_key", "load_trusted_keys"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedKey:
    """A trusted key as it is on one day.

    Attributes:
        name: Who signs with it.
        key: The key.
        objection: Why its signatures do not count on that day; ``None``: they count.
    """

    name: str
    key: PublicKey
    objection: str | None = None

    @property
    def title(self) -> str:
        """Name and the beginning of the id, for messages."""
        return f"{self.name} ({self.key.id[:12]})"


def load_trusted_keys(trusted: Sequence[TrustedKey], folder: Path, today: date) -> tuple[LoadedKey, ...]:
    """Read the keys that an environment trusts.

    Args:
        trusted: The entries of the configuration.
        folder: The folder their files are relative to.
        today: The day, UTC, on which a signature is to count.

    Raises:
        ConfigError: a file cannot be read or holds no Ed25519 public key.
        EvidenceError: one key stands there under two names, which would count it twice.
    """
    held = tuple(load_trusted_key(entry, folder, today) for entry in trusted)
    names: dict[str, str] = {}
    for each in held:
        first = names.setdefault(each.key.id, each.name)
        if first != each.name:
            raise EvidenceError(f"the trusted keys {first} and {each.name} are one key; remove one of them")
    return held


def load_trusted_key(entry: TrustedKey, folder: Path, today: date) -> LoadedKey:
    """Read one key.

    Raises:
        ConfigError: as :func:`load_trusted_keys`.
    """
    # cryptography loads where there is a key to read only.
    from pytest_mlops.evidence.keys import load_public_key, parse_public_key  # noqa: PLC0415

    if entry.file is not None:
        key = load_public_key(folder / entry.file)
    else:
        key = parse_public_key((entry.public_key or "").encode(), f"{entry.name} of trusted_keys")
    return LoadedKey(name=entry.name, key=key, objection=_objection(entry, today))


def _objection(entry: TrustedKey, today: date) -> str | None:
    if entry.revoked:
        return "is revoked"
    if entry.not_before is not None and today < entry.not_before:
        return f"does not count before {entry.not_before}"
    if entry.not_after is not None and today > entry.not_after:
        return f"expired after {entry.not_after}"
    return None


def accepted_signers(
    envelope: Envelope, held: Sequence[LoadedKey], *, threshold: int
) -> tuple[LoadedKey, ...]:
    """Return the keys that signed the payload and count.

    Args:
        envelope: Payload and signatures.
        held: The trusted keys.
        threshold: Number of different keys that must have signed, at least 1.

    Raises:
        EvidenceError: fewer did; the message names who signed and why that does not count.
    """
    found = {key.id for key in signers_of(envelope, [each.key for each in held])}
    signed = [each for each in held if each.key.id in found]
    accepted = tuple(each for each in signed if each.objection is None)
    if len(accepted) >= max(threshold, 1):
        return accepted
    objections = [f"the key {each.title} {each.objection}" for each in signed if each.objection is not None]
    needed = "a trusted key" if threshold <= 1 else f"{threshold} trusted keys"
    got = "; ".join(objections) or _strangers(envelope, held)
    if accepted:
        names = ", ".join(each.title for each in accepted)
        got = f"only {names} did" + (f"; {got}" if objections else "")
    raise EvidenceError(f"expected the signature of {needed}: {got}")


def _strangers(envelope: Envelope, held: Sequence[LoadedKey]) -> str:
    known = {each.key.id: each for each in held}
    forged = [known[each.key_id].title for each in envelope.signatures if each.key_id in known]
    if forged:
        return f"the signature of {', '.join(forged)} does not fit the payload, which was changed or swapped"
    ids = ", ".join(each.key_id[:12] or "an unnamed key" for each in envelope.signatures)
    trusted = ", ".join(each.title for each in held) or "none"
    return f"it is signed by {ids}, which is not trusted here (trusted: {trusted})"
