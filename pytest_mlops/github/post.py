"""Publishes a ruling, which no failure to publish changes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pytest_mlops.ci.event import Kind
from pytest_mlops.errors import IoError, MLOpsError
from pytest_mlops.files import OsErrorsAs, write_atomically
from pytest_mlops.github.annotations import annotations_of
from pytest_mlops.github.attestation import may_be_attested, write_attestation
from pytest_mlops.github.check_run import post_check_run
from pytest_mlops.github.comment import own_login, post_comment, with_pull_request
from pytest_mlops.github.render import (
    COMMENT_CHARACTERS,
    OUTPUT_BYTES,
    SUMMARY_BYTES,
    fit_bytes,
    render,
    title,
)
from pytest_mlops.github.runner import ATTESTATION, log_line, outputs_of, workflow_commands, write_outputs
from pytest_mlops.github.source_location import SourceLocator
from pytest_mlops.text import one_line

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.ci.event import Activity
    from pytest_mlops.github.annotations import Annotation
    from pytest_mlops.github.client import Client
    from pytest_mlops.github.ruling import Ruling
    from pytest_mlops.github.settings import ActionSettings

__all__ = ["Posting", "publish", "write_files"]

Log = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Posting:
    """A ruling to publish.

    Attributes:
        settings: Where and what.
        ruling: The decision.
        result: Path of the record.
        report: Path of the report; ``None``: no report is written.
        notes: Further messages.
    """

    settings: ActionSettings
    ruling: Ruling
    result: Path
    report: Path | None
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Identifies this gate among those of the repository, whether or not there is a record."""
        settings = self.settings
        return f"{settings.artifact_name}\0{settings.config}\0{settings.folder_name}"

    def annotations(self) -> tuple[Annotation, ...]:
        """Return the annotations of the record."""
        record = self.ruling.record
        if record is None:
            return ()
        folders = (self.settings.working_directory, self.settings.workspace)
        return annotations_of(
            record, SourceLocator(self.settings.workspace, folders, record.provenance.config)
        )


def write_files(posting: Posting, log: Log) -> None:
    """Write report, outputs and summary, and print annotations; it needs no network, and no failure is fatal.

    Args:
        posting: What is published.
        log: Prints a line.
    """
    settings, ruling = posting.settings, posting.ruling
    report = posting.report
    if report is not None and not _attempted("report", partial(_write_report, posting, report), log):
        report = None
    if settings.output_path is not None:
        values = outputs_of(ruling, result=posting.result, report=report)
        _attempted("outputs", partial(write_outputs, values, settings.output_path), log)
    if settings.attest:
        _attempted("attestation", partial(_prepare_attestation, posting, log), log)
    if settings.summary and settings.summary_path is not None:
        _attempted("job summary", partial(_append_summary, posting, settings.summary_path), log)
    if settings.annotations:
        _attempted("annotations", partial(_print_annotations, posting, log), log)


def _prepare_attestation(posting: Posting, log: Log) -> None:
    """Write the files that the next step attests; without them that step fails with a message."""
    if not may_be_attested(posting.ruling):
        log("not attested: only an allowed success that no fork's code made is")
        return
    folder = posting.result.with_name("attestation")
    if posting.settings.output_path is not None:
        write_outputs({ATTESTATION: str(folder)}, posting.settings.output_path)
    write_attestation(posting.ruling, name=posting.result.name, folder=folder)


def publish(posting: Posting, activity: Activity, client: Client, log: Log) -> None:
    """Write comment and check run as far as GitHub allows, and log the outcome of each.

    Args:
        posting: What is published.
        activity: The proposed change.
        client: The client.
        log: Prints a line.
    """
    settings = posting.settings
    if settings.comment:
        _attempted("comment", lambda: log(log_line(_comment(posting, activity, client))), log)
    if settings.check_run:
        _attempted("check run", lambda: log(log_line(_check_run(posting, activity, client))), log)


def _comment(posting: Posting, activity: Activity, client: Client) -> str:
    activity = with_pull_request(client, activity)
    if activity.number is None:
        following = activity.kind is Kind.FOLLOWING
        why = "no open pull request ends in the commit that was measured" if following else "no pull request"
        return f"no comment: {why}"
    text = render(posting.ruling, budget=COMMENT_CHARACTERS - 200, notes=posting.notes)
    if posting.settings.run_url is not None:
        text += f"\n[The run]({posting.settings.run_url})\n"
    return post_comment(
        client,
        repository=activity.repository,
        number=activity.number,
        key=posting.key,
        text=text,
        author=posting.settings.author or own_login(client),
    )


def _check_run(posting: Posting, activity: Activity, client: Client) -> str:
    if activity.head_sha is None:
        return "no check run: the event names no commit"
    settings, ruling = posting.settings, posting.ruling
    run_id = ruling.record.run_id if ruling.record is not None else settings.run_url or ""
    name = "mlops gate"
    if settings.artifact_name != "mlops":
        name += f" ({one_line(settings.artifact_name, 60)})"
    return post_check_run(
        client,
        repository=activity.repository,
        name=name,
        head_sha=activity.head_sha,
        external_id=hashlib.sha256(f"{posting.key}\0{run_id}".encode()).hexdigest(),
        ruling=ruling,
        title=one_line(title(ruling), 250),
        summary=fit_bytes(lambda budget: render(ruling, budget=budget, notes=posting.notes), OUTPUT_BYTES),
        annotations=posting.annotations(),
        details_url=settings.run_url,
    )


def _print_annotations(posting: Posting, log: Log) -> None:
    for line in workflow_commands(posting.annotations()):
        log(line)


def _write_report(posting: Posting, path: Path) -> None:
    text = render(posting.ruling, budget=16 * 1024 * 1024, notes=posting.notes)
    write_atomically(path, text.encode())


def _append_summary(posting: Posting, path: Path) -> None:
    with OsErrorsAs(IoError, f"cannot write {path}"):
        there = path.stat().st_size if path.exists() else 0
        text = fit_bytes(
            lambda budget: render(posting.ruling, budget=budget, notes=posting.notes),
            max(0, SUMMARY_BYTES - there - 2),
        )
        with path.open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(f"{text}\n" if not there else f"\n{text}\n")


def _attempted(what: str, act: Callable[[], object], log: Log) -> bool:
    """Return whether an action succeeded; a failure is logged and does not change the decision."""
    try:
        act()
    except MLOpsError as error:
        log(log_line(f"no {what}: {error}"))
    except Exception as error:  # noqa: BLE001 -- a fault in showing a verdict does not change it
        log(log_line(f"no {what}: {type(error).__name__}: {error}"))
    else:
        return True
    return False
