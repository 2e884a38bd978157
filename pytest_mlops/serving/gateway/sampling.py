"""Draws by a request's id: the same id is always drawn alike, in every process."""

from __future__ import annotations

from hashlib import blake2b

__all__ = ["drawn"]


def drawn(identity: str, share: float, *, salt: str) -> bool:
    """Tell whether a request is among a share of all.

    Args:
        identity: Id of the request.
        share: 0 to 1.
        salt: What it is drawn for; draws with different salts are independent.
    """
    if share >= 1:
        return True
    digest = blake2b(identity.encode(), digest_size=8, key=salt.encode()[:64]).digest()
    return int.from_bytes(digest) < share * 2.0**64
