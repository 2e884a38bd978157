"""Changes against the baseline as series: one metric of a data set, with margin and verdict per slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.decision.delta_messages import allowed_change
from pytest_mlops.names import ALL, metric_title
from pytest_mlops.report.messages import count, number
from pytest_mlops.verdict import Verdict, combine

if TYPE_CHECKING:
    from pytest_mlops.records.comparison import Delta
    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.records.rule import Rule

__all__ = ["Change", "ChangeSeries", "all_changes", "by_metric", "signed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Candidate minus baseline of a metric on one slice, with what its rules allow.

    Attributes:
        measured: The difference, its bounds, and what it rests on.
        least: Greatest change downwards that all rules allow, as candidate minus baseline.
        most: Greatest change upwards that all rules allow.
        verdict: Worst verdict of the rules on it; ``None`` without rules.
    """

    measured: Delta
    least: float | None
    most: float | None
    verdict: Verdict | None

    @property
    def value(self) -> float | None:
        """The difference; ``None`` where it is undefined."""
        return self.measured.delta

    @property
    def lower(self) -> float | None:
        """One-sided lower bound."""
        return self.measured.lower

    @property
    def upper(self) -> float | None:
        """One-sided upper bound."""
        return self.measured.upper

    @property
    def between(self) -> str:
        """The bounds in words, or why there are none."""
        if self.lower is None or self.upper is None:
            return self.measured.undefined or ""
        return f"{signed(self.lower)} to {signed(self.upper)}"

    @property
    def columns(self) -> tuple[str, str, str, str]:
        """Baseline, candidate, difference and n, as tables show them."""
        found = self.measured
        difference = "undefined" if found.delta is None else signed(found.delta)
        return number(found.baseline), number(found.candidate), difference, count(found.n)

    @property
    def allowed(self) -> str:
        """The margins in words; nothing without rules."""
        least = "" if self.least is None else f"at least {signed(self.least)}"
        most = "" if self.most is None else f"at most {signed(self.most)}"
        return ", ".join(part for part in (least, most) if part)

    @property
    def concern(self) -> int:
        """How much it asks for attention: nothing for no rule, then by verdict."""
        return -1 if self.verdict is None else self.verdict.rank


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeSeries:
    """A metric of a data set: ``all`` first, then the slices whose rules did not pass, then the rest."""

    title: str
    changes: tuple[Change, ...]

    @property
    def verdict(self) -> Verdict | None:
        """Worst verdict of its changes; ``None`` without rules."""
        known = [change.verdict for change in self.changes if change.verdict is not None]
        return combine(known) if known else None


def all_changes(record: IntegrationResult) -> list[Change]:
    """Return every change of a record, those whose rules did not pass first."""
    if record.comparison is None:
        return []
    rules: dict[tuple[str, str], list[Rule]] = {}
    for rule in record.policy.rules:
        if rule.compares:
            rules.setdefault((rule.metric, rule.slice), []).append(rule)
    verdicts = {result.rule: result.verdict for result in record.rules}
    changes = [_change(delta, rules, verdicts) for delta in record.comparison.deltas]
    return sorted(changes, key=lambda change: -change.concern)


def by_metric(changes: list[Change]) -> list[ChangeSeries]:
    """Group changes by metric and data set, in the order in which these come first."""
    grouped: dict[tuple[str, str | None], list[Change]] = {}
    for change in changes:
        grouped.setdefault((change.measured.metric, change.measured.dataset), []).append(change)
    return [
        ChangeSeries(
            title=metric_title(metric, ALL, dataset),
            changes=tuple(sorted(listed, key=lambda change: change.measured.slice != ALL)),
        )
        for (metric, dataset), listed in grouped.items()
    ]


def signed(value: float) -> str:
    """Write a difference to three significant digits, with its sign."""
    return f"{value:+.3g}"


def _change(delta: Delta, rules: dict[tuple[str, str], list[Rule]], verdicts: dict[str, Verdict]) -> Change:
    # A rule without a data set means whichever there is, as where it was judged.
    own = [
        rule for rule in rules.get((delta.metric, delta.slice), []) if rule.dataset in {None, delta.dataset}
    ]
    judged = [verdicts[rule.name] for rule in own if rule.name in verdicts]
    allowed = [allowed_change(rule, delta.baseline or 0.0) for rule in own]
    return Change(
        measured=delta,
        least=max((least for least, _ in allowed if least is not None), default=None),
        most=min((most for _, most in allowed if most is not None), default=None),
        verdict=combine(judged) if judged else None,
    )
