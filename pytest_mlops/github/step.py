"""The steps of the action around the tests."""

from __future__ import annotations

import base64
import os
import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_mlops.ci.context import base_commit, context_from_environ, trust_from_event
from pytest_mlops.ci.event import Activity, activity_of, commit_of, read_event
from pytest_mlops.compare.artifact import FOLDER_VARIABLE, Receipt, read_receipt
from pytest_mlops.config.find import nearest_config
from pytest_mlops.config.load import load_sections
from pytest_mlops.errors import ConfigError, EvidenceError, MLOpsError, SerializationError, refuse
from pytest_mlops.evidence.verify import read_record
from pytest_mlops.github.base_policy import (
    Changes,
    changes_from_file,
    changes_in_checkout,
    changes_in_search,
    changes_since,
    has_base,
    named_files,
    unknown,
)
from pytest_mlops.github.baseline_drift import baseline_drift, staleness
from pytest_mlops.github.client import open_client
from pytest_mlops.github.fetch import BaselineRequest, fetch_baselines
from pytest_mlops.github.policy_changes import Effect, PolicyChange
from pytest_mlops.github.post import Posting, publish, write_files
from pytest_mlops.github.render import title
from pytest_mlops.github.ruling import (
    Ruling,
    in_context,
    nothing_measured,
    rule_on,
    tighten,
    untrusted,
    with_others,
)
from pytest_mlops.github.runner import log_line, outputs_of, write_outputs
from pytest_mlops.github.settings import ActionSettings, fail_on_of
from pytest_mlops.github.trusted_snapshot import recorded_snapshot
from pytest_mlops.verdict import Decision

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    import httpx

    from pytest_mlops.github.client import Client
    from pytest_mlops.records.integration import IntegrationResult

__all__ = ["PostOptions", "StepEnvironment", "baseline_step", "post_step"]

PROPOSING = frozenset({"merge_group", "pull_request", "pull_request_target"})
"""Events that propose a change, and so may change the policy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepEnvironment:
    """What a step needs from outside.

    Attributes:
        environ: Environment variables.
        log: Prints a line.
        now: The time, in UTC.
        transport: Carries requests; ``None``: the network.
        sleep: Waits a number of seconds.
    """

    environ: Mapping[str, str]
    log: Callable[[str], None]
    now: datetime
    transport: httpx.BaseTransport | None = None
    sleep: Callable[[float], None] = field(default=time.sleep)

    def client(self, settings: ActionSettings) -> Client:
        """Return a client of GitHub."""
        return open_client(
            api_url=settings.api_url, token=settings.token, transport=self.transport, sleep=self.sleep
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class PostOptions:
    """Options of the command line; ``None`` leaves it to the environment.

    Attributes:
        result: The record.
        run_id: The run it has to be of.
        report: Where the Markdown report goes; by default beside the record.
        base: Commit or branch of the policy to compare with.
        base_config: The base's ``mlops.yaml`` itself.
        fail_on: Entries separated by commas, added to those of the environment.
    """

    result: Path
    run_id: str | None = None
    report: Path | None = None
    base: str | None = None
    base_config: Path | None = None
    fail_on: str | None = None
    comment: bool | None = None
    check_run: bool | None = None
    annotations: bool | None = None
    summary: bool | None = None


def post_step(options: PostOptions, step: StepEnvironment) -> Ruling:
    """Judge a record and publish the ruling, which posting cannot change.

    Raises:
        ConfigError: environment or options are wrong; the outputs have INCOMPLETE all the same.
    """
    settings = _settings(options, step)
    activity, notes = _activity(settings)
    problem = recorded_snapshot(step.environ).problem(step.environ)
    if problem is not None:
        # The rewritten event may name any pull request and commit to post to.
        activity = None
        ruling = replace(nothing_measured(problem), refused=True)
    else:
        ruling = _ruling(settings, options, step)
    if ruling.record is not None:
        notes += _history(ruling.record, step)
    for line in (title(ruling), ruling.problem, *ruling.reasons, *notes):
        if line is not None:
            step.log(log_line(line))
    posting = Posting(
        settings=settings,
        ruling=ruling,
        result=options.result,
        report=options.report or options.result.with_name("report.md"),
        notes=tuple(notes),
    )
    write_files(posting, step.log)
    if activity is not None and (settings.comment or settings.check_run):
        if settings.token:
            with step.client(settings) as client:
                publish(posting, activity, client, step.log)
        else:
            step.log("no comment and no check run: there is no token (MLOPS_TOKEN)")
    return ruling


def _ruling(settings: ActionSettings, options: PostOptions, step: StepEnvironment) -> Ruling:
    """Judge the record, then apply what is stricter in CI."""
    environ = step.environ
    ruling = rule_on(options.result, run_id=options.run_id)
    ruling = with_others(ruling, options.result, options.run_id)
    ruling = in_context(ruling, settings.context or context_from_environ(environ))
    if trust_from_event(environ, read_event(environ)) == "untrusted-pr":
        ruling = untrusted(ruling)
    if ruling.record is None:
        return ruling
    try:
        changes, decision = _changes(ruling.record, settings, options, environ)
        if any(change.effect is Effect.UNKNOWN for change in changes):
            found, stated = _through_api(ruling.record, settings, step) or (changes, decision)
            changes, decision = found, Decision.BLOCK if Decision.BLOCK in {decision, stated} else decision
    except Exception as error:  # noqa: BLE001 -- tests may have left a damaged repository
        changes, decision = unknown(ruling.record, f"{type(error).__name__}: {error}")
    if recorded_snapshot(environ).blocks:
        decision = Decision.BLOCK
    return tighten(
        ruling,
        fail_on=settings.fail_on,
        changes=changes,
        policy_changes=decision,
        unread=settings.policy_changes,
    )


def _through_api(
    record: IntegrationResult, settings: ActionSettings, step: StepEnvironment
) -> Changes | None:
    """Compare with the base's policy as GitHub has it, where the clone lacks it; ``None`` if it cannot."""
    base = commit_of(base_commit(step.environ, read_event(step.environ)))
    named = settings.config or record.provenance.config
    if not (settings.token and base and named) or _activity(settings)[0] is None:
        return None
    if has_base(settings.working_directory, base):  # it could not be compared for another reason
        return None
    config = Path(os.path.normpath(settings.working_directory / named))
    if not config.is_relative_to(settings.workspace):
        return None
    path = quote(config.relative_to(settings.workspace).as_posix())
    try:
        with step.client(settings) as client:
            answer = client.get(f"/repos/{settings.repository}/contents/{path}", ref=base)
        content = base64.b64decode(answer["content"])
    except (MLOpsError, KeyError, TypeError, ValueError):
        return None
    changes, decision = changes_since(record, content, config)
    if named_files(content):
        text = "the files that the policy names could not be compared with their base"
        changes = (*changes, PolicyChange(effect=Effect.UNKNOWN, text=text))
    return changes, decision


def baseline_step(
    folder: Path,
    step: StepEnvironment,
    *,
    config: Path | None = None,
    sources: Sequence[str] = (),
    record: str | None = None,
    history: int = 0,
) -> Receipt | None:
    """Fetch baselines into ``folder``; ``None`` outside GitHub.

    Args:
        folder: Emptied first.
        step: Its environment.
        config: Names the sources, where ``sources`` is empty; by default the nearest one.
        sources: As in ``baseline.from``.
        record: Path of the record in the artifact, where it holds several.
        history: Good records before the baseline.

    Raises:
        ConfigError: environment or configuration are wrong.
        IoError: ``folder`` cannot be written.
    """
    settings = ActionSettings.from_environ(step.environ)
    request = BaselineRequest(
        sources=tuple(sources) or _sources(config),
        artifact=settings.artifact_name,
        record=record,
        history=history,
    )
    activity, notes = _activity(settings)
    for note in notes:
        step.log(log_line(note))
    if activity is None:
        step.log("nothing was fetched: this is not a run on GitHub with a valid event")
        return None
    with step.client(settings) as client:
        receipt = fetch_baselines(client, activity, request, folder)
    for name, found in receipt.sources.items():
        step.log(log_line(f"{name}: {found.status}: {found.message}"))
    return receipt


def _settings(options: PostOptions, step: StepEnvironment) -> ActionSettings:
    try:
        settings = ActionSettings.from_environ(step.environ)
        try:
            added = fail_on_of(options.fail_on or "")
        except ValueError as error:
            refuse("--fail-on", str(error))
    except ConfigError as error:
        path = step.environ.get("GITHUB_OUTPUT")
        if path:
            values = outputs_of(nothing_measured(str(error)), result=options.result, report=None)
            write_outputs(values, Path(path))
        raise

    def chosen(name: str) -> bool:
        given: bool | None = getattr(options, name)
        return bool(getattr(settings, name)) if given is None else given

    return replace(
        settings,
        fail_on=(*settings.fail_on, *added),
        comment=chosen("comment"),
        check_run=chosen("check_run"),
        annotations=chosen("annotations"),
        summary=chosen("summary"),
    )


def _activity(settings: ActionSettings) -> tuple[Activity | None, list[str]]:
    """Return the proposed change, and messages about an event that cannot be read."""
    if not settings.repository:
        return None, []
    environ = {} if settings.event_path is None else {"GITHUB_EVENT_PATH": str(settings.event_path)}
    read = partial(activity_of, settings.event_name, read_event(environ), sha=settings.sha or None)
    try:
        return read(repository=settings.repository), []
    except SerializationError as error:
        return None, [f"GitHub is not asked: {error}"]


def _changes(
    record: IntegrationResult, settings: ActionSettings, options: PostOptions, environ: Mapping[str, str]
) -> Changes:
    if options.base_config is not None:
        named = settings.config or record.provenance.config
        config = None if named is None else settings.working_directory / named
        return changes_from_file(record, options.base_config, config)
    base = options.base
    if base is None and settings.event_name in PROPOSING:
        base = base_commit(environ, read_event(environ))
        if base is None:
            return unknown(record, "the event does not name the base of the proposal")
    if base is None:
        return (), Decision.ALLOW
    folder, head = settings.working_directory, recorded_snapshot(environ).head or "HEAD"
    if settings.config:
        return changes_in_checkout(record, folder / settings.config, base, head)
    return changes_in_search(record, folder, base, head)


def _history(record: IntegrationResult, step: StepEnvironment) -> list[str]:
    """Return messages about baseline drift and old baselines."""
    name = step.environ.get(FOLDER_VARIABLE)
    if not name:
        return []
    messages: list[str] = []
    try:
        for found in read_receipt(Path(name)).sources.values():
            if found.record is not None:
                earlier = [read_record(Path(name) / path) for path in (found.record, *found.history)]
                old = staleness(earlier[0], step.now)
                messages += [*baseline_drift(record, earlier), *([] if old is None else [old])]
    except EvidenceError as error:
        messages.append(f"earlier runs could not be read: {error}")
    return messages


def _sources(config: Path | None) -> tuple[str, ...]:
    path = config or nearest_config(Path.cwd())
    return () if path is None else load_sections(path, ("baseline",)).baseline.sources
