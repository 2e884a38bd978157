"""The comment of a gate in a pull request."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_mlops.ci.event import Kind
from pytest_mlops.errors import HttpError

if TYPE_CHECKING:
    from pytest_mlops.ci.event import Activity
    from pytest_mlops.github.client import Client

__all__ = ["ACTIONS", "marker", "own_login", "post_comment", "with_pull_request"]

ACTIONS = "github-actions[bot]"
"""The author of what is written with a workflow's own token."""


def marker(key: str) -> str:
    """Return the first line of a comment, which pages do not show; ``key`` identifies the gate."""
    return f"<!-- pytest-mlops:{hashlib.sha256(key.encode()).hexdigest()[:24]} -->"


def own_login(client: Client) -> str:
    """Return the login that belongs to the token; a workflow's own token may not ask for it.

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


def with_pull_request(client: Client, activity: Activity) -> Activity:
    """Return the activity with the number of its pull request, where exactly one matches.

    A pull request matches if it is open, comes from the branch that was measured, and still ends in the
    measured commit: later commits have a run of their own.

    Raises:
        HttpError: GitHub does not list them.
    """
    if activity.kind is not Kind.FOLLOWING or activity.head_repository is None or activity.head_ref is None:
        return activity
    owner = activity.head_repository.partition("/")[0]
    listed = client.pages(
        f"/repos/{activity.repository}/pulls", state="open", head=f"{owner}:{activity.head_ref}"
    )
    matching = [
        one for one in listed if _commit(one) == activity.head_sha and isinstance(one.get("number"), int)
    ]
    if len(matching) != 1:
        return activity
    return replace(activity, number=matching[0]["number"])


def post_comment(client: Client, *, repository: str, number: int, key: str, text: str, author: str) -> str:
    """Create the gate's comment, or update it where its text differs.

    Only a comment that begins with the marker and was written by ``author`` is ours, since
    anyone may copy the marker. Of several the newest is updated, and the others are left alone.

    Args:
        client: The client.
        repository: ``owner/name``.
        number: Of the pull request.
        key: Identifies the gate among several of one pull request.
        text: Markdown.
        author: Login of the token.

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
    # It may exist by now; the second search keeps it from being created twice.
    return _once(client, repository, number, key, body, author)


def _once(client: Client, repository: str, number: int, key: str, body: str, author: str) -> str:
    issue = f"/repos/{repository}/issues/{number}/comments"
    found = [one for one in client.pages(issue) if _is_ours(one, key, author)]
    if not found:
        created = client.post(issue, {"body": body})
        return f"commented: {_address(created)}"
    newest = max(found, key=lambda comment: comment["id"])
    if _plain(newest["body"]) == _plain(body):
        return f"the comment is up to date: {_address(newest)}"
    changed = client.patch(f"/repos/{repository}/issues/comments/{newest['id']}", {"body": body})
    return f"updated the comment: {_address(changed)}"


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


def _commit(pull: Any) -> str | None:
    head = pull.get("head") if isinstance(pull, dict) else None
    sha = head.get("sha") if isinstance(head, dict) else None
    return sha if isinstance(sha, str) else None
