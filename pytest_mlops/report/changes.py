"""Changes against the baseline, grouped by metric and data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlops.decision.margins import allowed_change
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
    """Change of a metric on one slice, candidate minus baseline, with its allowed range.

    Attributes:
        measured: The difference with its bounds and sample size.
        least: Largest decrease that all rules allow, as candidate minus baseline; ``None`` without limit.
        most: Largest increase that all rules allow; ``None`` without limit.
        verdict: Worst verdict of its rules; ``None`` without rules.
    """

    measured: Delta
    least: float | None
    most: float | None
    verdict: Verdict | None

    @property
    def value(self) -> float | None:
        """The difference; ``None`` if it is undefined."""
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
        """The bounds as text, or the reason why there are none."""
        if self.lower is None or self.upper is None:
            return self.measured.undefined or ""
        return f"{signed(self.lower)} to {signed(self.upper)}"

    @property
    def columns(self) -> tuple[str, str, str, str]:
        """Baseline, candidate, difference and n as text."""
        found = self.measured
        difference = "undefined" if found.delta is None else signed(found.delta)
        return number(found.baseline), number(found.candidate), difference, count(found.n)

    @property
    def allowed(self) -> str:
        """The allowed range as text; empty without rules."""
        least = "" if self.least is None else f"at least {signed(self.least)}"
        most = "" if self.most is None else f"at most {signed(self.most)}"
        return ", ".join(part for part in (least, most) if part)

    @property
    def concern(self) -> int:
        """Sort key: the rank of the verdict, -1 without rules."""
        return -1 if self.verdict is None else self.verdict.rank


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeSeries:
    """Changes of a metric: ``all`` first, then slices whose rules did not pass, then the rest."""

    title: str
    changes: tuple[Change, ...]

    @property
    def verdict(self) -> Verdict | None:
        """Worst verdict of the changes; ``None`` without rules."""
        known = [change.verdict for change in self.changes if change.verdict is not None]
        return combine(known) if known else None


def all_changes(record: IntegrationResult) -> list[Change]:
    """Return all changes of a record, those whose rules did not pass first."""
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
    """Group changes by metric and data set, in the order of their first change."""
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
    """Format a difference with its sign and three significant digits."""
    return f"{value:+.3g}"


def _change(delta: Delta, rules: dict[tuple[str, str], list[Rule]], verdicts: dict[str, Verdict]) -> Change:
    # A rule without a data set applies to whichever data set was recorded.
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
