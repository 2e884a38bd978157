"""Findings about the run as a whole: crashes, missing and failed tests, conflicts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_mlops.decision.counts import UNSETTLED
from pytest_mlops.decision.finding import GateFinding
from pytest_mlops.records.results import Outcome
from pytest_mlops.text import list_some, plural
from pytest_mlops.verdict import Context, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_mlops.records.comparison import Comparison
    from pytest_mlops.records.integration import RuleResult
    from pytest_mlops.records.policy import Policy
    from pytest_mlops.records.results import TestResults

__all__ = ["comparison_findings", "judge_session", "policy_findings"]


def judge_session(results: TestResults) -> tuple[GateFinding, ...]:
    """Return the findings about the run; none for a complete run without failures."""
    return (*_broken(results), *_missing(results), *_failed(results))


def _broken(results: TestResults) -> Iterator[GateFinding]:
    session = results.session
    messages = []
    if session.interrupted is not None:
        messages.append(f"the run was interrupted: {session.interrupted}")
    if session.collection_errors:
        messages.append(
            f"{plural(len(session.collection_errors), 'collection error')}: "
            f"{list_some(session.collection_errors)}"
        )
    if session.lost_workers:
        messages.append(
            f"{plural(len(session.lost_workers), 'worker')} crashed: {list_some(session.lost_workers)}"
        )
    crashed = [test.test_name for test in results.results if test.outcome is Outcome.CRASHED]
    if crashed:
        messages.append(f"{plural(len(crashed), 'model test')} died with the process: {list_some(crashed)}")
    incomplete = [test for test in results.results if test.outcome is Outcome.INCOMPLETE]
    messages += [f"{test.test_name}: {test.message}" for test in incomplete]
    if session.unmarked:
        messages.append(
            f"{list_some(session.unmarked)} recorded evidence without the model_test marker; "
            "mark the test, so that its outcome counts too"
        )
    if session.artifact is not None:
        messages.append(session.artifact)
    return (GateFinding(verdict=Verdict.INCOMPLETE, text=message) for message in messages)


def _missing(results: TestResults) -> Iterator[GateFinding]:
    counts = Counter(test.outcome for test in results.results)
    total = len(results.results)
    how = f" ({', '.join(results.session.narrowed_by)})" if results.session.narrowed_by else ""
    for outcome, what in ((Outcome.DESELECTED, "were deselected"), (Outcome.NOT_RUN, "never ran")):
        if counts[outcome]:
            text = f"{counts[outcome]} of {total} model tests {what}{how}"
            yield GateFinding(verdict=Verdict.INCOMPLETE, text=text, missing=True)
    if results.session.uncollected:
        text = f"model tests were left out before collection{how}: {list_some(results.session.uncollected)}"
        yield GateFinding(verdict=Verdict.INCOMPLETE, text=text, missing=True)
    if total and not any(test.conclusive or test.outcome in UNSETTLED for test in results.results):
        # Otherwise a run without any completed test would meet thresholds of 0.
        skipped = counts[Outcome.SKIPPED] == total
        text = "every model test was skipped" if skipped else "no model test ran to completion"
        left_out = counts[Outcome.DESELECTED] + counts[Outcome.NOT_RUN]
        yield GateFinding(verdict=Verdict.INCOMPLETE, text=text, missing=left_out == total)


def _failed(results: TestResults) -> Iterator[GateFinding]:
    if results.ordinary.failed:
        failed = results.ordinary.failed
        text = f"ordinary tests failed: {list_some(failed)}"
        yield GateFinding(verdict=Verdict.FAIL, text=text)
    for conflict in results.session.conflicts:
        yield GateFinding(verdict=Verdict.FAIL, text=conflict)


def policy_findings(policy: Policy, context: Context) -> Iterator[GateFinding]:
    """Return what a release lacks that no policy was declared for: the defaults demand no behaviour."""
    if context is Context.RELEASE and not policy.configured:
        text = (
            "a release needs a policy, but no mlops.yaml was read; write one or name it with --mlops-config"
        )
        yield GateFinding(verdict=Verdict.INCOMPLETE, text=text)


def comparison_findings(comparison: Comparison | None, rules: Sequence[RuleResult]) -> list[GateFinding]:
    """Return the finding of a refused comparison, unless a rule on a change carries it already."""
    if comparison is None or comparison.status != "refused":
        return []
    if any(rule.severity == "block" and comparison.message in rule.message for rule in rules):
        return []
    return [GateFinding(verdict=Verdict.INCOMPLETE, text=comparison.message)]
