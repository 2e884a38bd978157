"""The pull request behind a run that follows one of its runs, asked of GitHub and not of an artifact."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_mlops.ci.event import Kind

if TYPE_CHECKING:
    from pytest_mlops.ci.event import Activity
    from pytest_mlops.github.client import Client

__all__ = ["with_pull_request"]


def with_pull_request(client: Client, activity: Activity) -> Activity:
    """Return the activity with the number of its pull request, where there is exactly one that is meant.

    A pull request is meant if it is open, comes from the branch that was measured, and still ends in the
    commit that was measured: what has moved on since is another run's to report.

    Raises:
        HttpError: GitHub does not list them.
    """
    if activity.kind is not Kind.FOLLOWING or activity.head_repository is None or activity.head_ref is None:
        return activity
    owner = activity.head_repository.partition("/")[0]
    listed = client.pages(
        f"/repos/{activity.repository}/pulls", state="open", head=f"{owner}:{activity.head_ref}"
    )
    meant = [
        one for one in listed if _commit(one) == activity.head_sha and isinstance(one.get("number"), int)
    ]
    if len(meant) != 1:
        return activity
    return replace(activity, number=meant[0]["number"])


def _commit(pull: Any) -> str | None:
    head = pull.get("head") if isinstance(pull, dict) else None
    sha = head.get("sha") if isinstance(head, dict) else None
    return sha if isinstance(sha, str) else None
