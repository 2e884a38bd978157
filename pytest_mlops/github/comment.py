"""The one comment of a gate in a pull request, found again by its marker and its author."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from pytest_mlops.errors import HttpError

if TYPE_CHECKING:
    from pytest_mlops.github.client import Client

__all__ = ["ACTIONS", "marker", "own_login", "post_comment"]

ACTIONS = "github-actions[bot]"
"""Who writes with a workflow's own token."""


def marker(key: str) -> str:
    """Return the first line of a comment, which pages do not show; ``key`` tells gates apart."""
    return f"<!-- pytest-mlops:{hashlib.sha256(key.encode()).hexdigest()[:24]} -->"


def own_login(client: Client) -> str:
    """Return who writes with this token; a workflow's own may not even ask.

    Raises:
        HttpError: GitHub cannot be reached.
    """
    try:
        user = client.get("/user")
    except HttpError as error:
        if error.status in {401, 403, 404}:
            return ACTIONS
        raise
    login = user.get("login") if isinstance(user, dict) else None
    return login if isinstance(login, str) and login else ACTIONS


def post_comment(client: Client, *, repository: str, number: int, key: str, text: str, author: str) -> str:
    """Write the gate's comment, or change the one that is there where it says something else.

    Only a comment that begins with the marker and was written by ``author`` is ours: anybody may write one
    with our marker in it. Of several of ours the newest is kept up to date, and the others are left alone.

    Args:
        client: The client.
        repository: ``owner/name``.
        number: Of the pull request.
        key: Tells several gates of one pull request apart.
        text: Markdown.
        author: Login that we write under.

    Returns:
        What was done, for the log.

    Raises:
        HttpError: it could not be done.
    """
    body = f"{marker(key)}\n{text}"
    try:
        return _once(client, repository, number, key, body, author)
    except HttpError as error:
        if not error.unclear:
            raise
    # It may be there by now; looking again is what keeps it from being there twice.
    return _once(client, repository, number, key, body, author)


def _once(client: Client, repository: str, number: int, key: str, body: str, author: str) -> str:
    issue = f"/repos/{repository}/issues/{number}/comments"
    found = [one for one in client.pages(issue) if _is_ours(one, key, author)]
    if not found:
        created = client.post(issue, {"body": body})
        return f"commented: {_address(created)}"
    newest = max(found, key=lambda comment: comment["id"])
    if _plain(newest["body"]) == _plain(body):
        return f"the comment says so already: {_address(newest)}"
    changed = client.patch(f"/repos/{repository}/issues/comments/{newest['id']}", {"body": body})
    return f"changed the comment: {_address(changed)}"


def _is_ours(comment: Any, key: str, author: str) -> bool:
    if not isinstance(comment, dict) or not isinstance(comment.get("id"), int):
        return False
    user, body = comment.get("user"), comment.get("body")
    login = user.get("login") if isinstance(user, dict) else None
    return login == author and isinstance(body, str) and body.startswith(marker(key))


def _plain(body: str) -> str:
    return body.replace("\r\n", "\n").strip()


def _address(comment: Any) -> str:
    address = comment.get("html_url") if isinstance(comment, dict) else None
    return address if isinstance(address, str) else "(address not stated)"
