"""Arguments of a command line without the secrets in them: names stay, values do not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["HIDDEN", "redacted"]

HIDDEN = "***"
"""What stands for a secret."""

_WORDS = frozenset(
    {"apikey", "auth", "authorization", "bearer", "cookie", "credential", "credentials", "dsn", "jwt", "key"}
    | {"pass", "passphrase", "passwd", "password", "pat", "pwd", "secret", "secrets", "signature", "token"}
    | {"tokens"}
)
"""Words of a name that make it one of a secret."""
_PARTS = ("apikey", "credential", "passphrase", "passwd", "password", "secret", "token")
"""Parts of a word that do so too, as in ``HFTOKEN``."""
_OF_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_NAMED = re.compile(
    r"(?P<name>[A-Za-z][\w.-]*)(?P<between>[\"']?\s*(?:=|:(?!//))\s*[\"']?)(?P<value>[^&\"']+?)(?=[&\"']|$)"
)
_SCHEME = re.compile(r"(?i)\b(?P<scheme>bearer|basic|token)\s+[^\s\"']+")
_IN_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^\s/@:]*)(?P<rest>:[^\s/@]*)?@")
_KNOWN = re.compile(
    r"\b(?:gh[a-z]_|github_pat_|glpat-|hf_|sk-|xox[a-z]-|AKIA|npm_|pypi-|eyJ)[A-Za-z0-9_.-]{8,}",
)
"""Beginnings of the tokens of well-known services."""


def redacted(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return arguments with ``***`` for every value that looks secret.

    A value is secret by the name before it (``--api-key=x``, ``--token x``, ``-o password=x``, ``KEY=x``,
    ``?token=x``), as credentials in a URL, after ``Bearer``, or by the beginning of a well-known token.
    """
    found: list[str] = []
    names_next = False
    for argument in arguments:
        if names_next and not argument.startswith("--"):
            found.append(HIDDEN)
            names_next = False
            continue
        names_next = argument.startswith("-") and "=" not in argument and _is_secret(argument)
        found.append(_without_secrets(argument))
    return tuple(found)


def _without_secrets(argument: str) -> str:
    text = _IN_ADDRESS.sub(_without_credentials, argument)
    text = _SCHEME.sub(rf"\g<scheme> {HIDDEN}", text)
    return _NAMED.sub(_without_value, _KNOWN.sub(HIDDEN, text))


def _without_credentials(found: re.Match[str]) -> str:
    """Return the beginning of an address; what stands alone before the ``@`` may be a token."""
    user = f"{found['user']}:{HIDDEN}" if found["rest"] is not None else HIDDEN
    return f"{found['scheme']}{user}@"


def _without_value(found: re.Match[str]) -> str:
    if _is_secret(found["name"]):
        return f"{found['name']}{found['between']}{HIDDEN}"
    # The value may hold a pair of its own, as in --option=password=x or --header="Cookie: x".
    return f"{found['name']}{found['between']}{_NAMED.sub(_without_value, found['value'])}"


def _is_secret(name: str) -> bool:
    words = [word.lower() for word in _OF_WORDS.findall(name)]
    return bool(_WORDS & set(words)) or any(part in "".join(words) for part in _PARTS)
