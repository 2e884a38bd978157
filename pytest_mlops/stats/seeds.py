"""Random seeds derived from digests, so that a verdict is a function of its inputs."""

from __future__ import annotations

import hashlib

__all__ = ["seed_from"]


def seed_from(*digests: str) -> int:
    """Return a seed in 0..2⁵³ - 1, which JSON represents exactly, from texts in order.

    SHA-256 over each text with its length as a prefix, so that ``("ab", "c")`` and ``("a", "bc")`` differ.
    """
    hashed = hashlib.sha256()
    for digest in digests:
        encoded = digest.encode("utf-8", "surrogatepass")
        hashed.update(len(encoded).to_bytes(8, "big"))
        hashed.update(encoded)
    return int.from_bytes(hashed.digest()[:8], "big") >> 11
