"""The check run of a gate on a commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pytest_mlops.errors import HttpError
from pytest_mlops.verdict import Decision, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.github.annotations import Annotation
    from pytest_mlops.github.client import Client
    from pytest_mlops.github.ruling import Ruling
    from pytest_mlops.github.source_location import SourceLocation

__all__ = ["BATCH", "MOST", "conclusion", "post_check_run"]

BATCH = 50
"""Annotations that one request may carry."""

MOST = 500
"""Annotations of one check run; the summary has the rest."""


def conclusion(ruling: Ruling) -> Literal["success", "neutral", "failure"]:
    """Return ``failure`` for a block, and ``neutral`` for what is allowed without enough evidence.

    GitHub accepts ``neutral`` where the check is required, as ``on_undecided: allow`` intends.
    """
    if ruling.decision is Decision.BLOCK:
        return "failure"
    return "neutral" if ruling.verdict is Verdict.UNDECIDED else "success"


def post_check_run(
    client: Client,
    *,
    repository: str,
    name: str,
    head_sha: str,
    external_id: str,
    ruling: Ruling,
    title: str,
    summary: str,
    annotations: Sequence[Annotation] = (),
    details_url: str | None = None,
) -> str:
    """Write a check run that has ended; the same one again for the same ``external_id``.

    Args:
        client: The client.
        repository: ``owner/name``.
        name: Of the check.
        head_sha: The commit that it is about.
        external_id: Names the record and the gate.
        ruling: What it concludes.
        title: One line.
        summary: Markdown, at most 65,535 characters.
        annotations: The most important first.
        details_url: The page of the run.

    Returns:
        What was done, for the log.

    Raises:
        HttpError: it could not be done.
    """
    shown = [_annotation(one, one.location) for one in annotations if one.location is not None][:MOST]
    batches = [shown[start : start + BATCH] for start in range(0, len(shown), BATCH)] or [[]]
    output: dict[str, Any] = {"title": title, "summary": summary, "annotations": batches[0]}
    body: dict[str, Any] = {
        "name": name,
        "head_sha": head_sha,
        "external_id": external_id,
        "status": "completed",
        "conclusion": conclusion(ruling),
        "output": output,
    }
    if details_url is not None:
        body["details_url"] = details_url
    runs = f"/repos/{repository}/check-runs"
    known = _find(client, repository, body)
    if known is not None:
        # Every change appends its annotations, and these are there already.
        del body["name"], body["head_sha"], output["annotations"]
        return _wrote(ruling, client.patch(f"{runs}/{known}", body))
    number, message = _create(client, repository, body, ruling)
    for batch in batches[1:]:
        client.patch(f"{runs}/{number}", {"output": {**output, "annotations": batch}})
    return message


def _create(client: Client, repository: str, body: dict[str, Any], ruling: Ruling) -> tuple[int, str]:
    try:
        created = client.post(f"/repos/{repository}/check-runs", body)
    except HttpError as error:
        found = _find(client, repository, body) if error.unclear else None
        if found is None:
            raise
        created = {"id": found}
    number = created.get("id") if isinstance(created, dict) else None
    if not isinstance(number, int):
        raise HttpError("GitHub's answer names no check run")
    return number, _wrote(ruling, created)


def _find(client: Client, repository: str, body: dict[str, Any]) -> int | None:
    listed = client.pages(
        f"/repos/{repository}/commits/{body['head_sha']}/check-runs", "check_runs", check_name=body["name"]
    )
    ours = [run for run in listed if isinstance(run, dict) and run.get("external_id") == body["external_id"]]
    return max((run["id"] for run in ours if isinstance(run.get("id"), int)), default=None)


def _wrote(ruling: Ruling, run: Any) -> str:
    address = run.get("html_url") if isinstance(run, dict) else None
    return f"wrote the check run ({conclusion(ruling)}): {address or 'address not stated'}"


def _annotation(one: Annotation, location: SourceLocation) -> dict[str, Any]:
    return {
        "path": location.path,
        "start_line": location.line,
        "end_line": location.line,
        "annotation_level": one.level,
        "title": one.title,
        "message": one.message,
    }
