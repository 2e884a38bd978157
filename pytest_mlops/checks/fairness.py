"""Fairness: equalised odds or demographic parity between groups, within a tolerance.

::

    - {check: fairness, of: holdout, model: model, criterion: equalised_odds, tolerance: 0.1}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from pytest_mlops.checks.base import Check, CheckContext, CheckResult, FixtureName, Level
from pytest_mlops.checks.data import predictions_of, required_field
from pytest_mlops.decision.finding import at_most
from pytest_mlops.decision.limits import settle
from pytest_mlops.errors import IncompleteEvidence
from pytest_mlops.metrics.columns import check_length, read_column
from pytest_mlops.metrics.labels import Labels, some_labels
from pytest_mlops.names import ALL
from pytest_mlops.records.base import Count, Label, Share
from pytest_mlops.stats import normal
from pytest_mlops.stats.estimate import SHARE, Estimate
from pytest_mlops.stats.fairness import demographic_parity_gap, equalised_odds_gap, group_counts
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_mlops.stats.fairness import Gap

__all__ = ["Fairness"]

_GAPS = {"equalised_odds": equalised_odds_gap, "demographic_parity": demographic_parity_gap}


class Fairness(Check):
    """Rates differ between groups by no more than a tolerance.

    The gap is the largest difference between two groups: in the true or the false positive rate for
    ``equalised_odds``, in the share predicted positive for ``demographic_parity``. PASS when its upper
    bootstrap bound is at most ``tolerance``, FAIL when its lower bound is above it, otherwise UNDECIDED. The
    verdict is also UNDECIDED when a rate of some group has fewer than ``min_n`` examples, unless the other
    groups alone show too large a gap. The bootstrap runs on the counts as observed and with one example added
    to every cell (Agresti and Caffo, The American Statistician 54, 2000), and the wider bound decides, since
    resampling a rate of 0 or 1 shows no variation. The largest difference is biased upwards; the message
    states the bias.
    """

    check: Literal["fairness"] = "fairness"
    of: FixtureName
    """Fixture with ``y_true`` (or ``y``), ``groups`` (one per example), and ``y_pred`` or ``X``."""
    model: FixtureName | None = None
    """Fixture of the model that predicts on ``X``."""
    criterion: Literal["equalised_odds", "demographic_parity"] = "equalised_odds"
    """Fairness criterion."""
    tolerance: Share = 0.1
    """Maximum gap."""
    confidence: Level = 0.95
    """One-sided confidence level of the bounds."""
    min_n: Count = 30
    """Minimum number of examples behind each rate of a group."""
    positive: Label | int | bool | None = None
    """Positive label."""

    inputs = ("of", "model")

    def evaluate(self, context: CheckContext) -> CheckResult:
        """Run the check."""
        names, counts = self._counts(context)
        support = (
            counts.sum(axis=2).min(axis=1) if self.criterion == "equalised_odds" else counts.sum(axis=(1, 2))
        )
        if not support.all():
            name = names[int(support.argmin())]
            raise IncompleteEvidence(
                f"the group {name} has examples of one class only, so its rates are undefined; expected both "
                "classes in every group"
            )
        small = [f"{name} ({n})" for name, n in zip(names, support.tolist(), strict=True) if n < self.min_n]
        large = counts[support >= self.min_n]
        lower, upper, gap = self._bounds(large if len(large) > 1 else counts, context.seed)
        verdict = settle(holds=at_most(upper, self.tolerance), fails=not at_most(lower, self.tolerance))
        if small and (verdict is Verdict.PASS or len(large) < 2):
            verdict = Verdict.UNDECIDED
        message = (
            f"{self.criterion.replace('_', ' ')} gap is {gap.value:.4g} (n = {int(counts.sum()):,}, "
            f"{lower:.4g} to {upper:.4g} at one-sided {self.confidence:.4g}, bias {gap.bias:+.2g}), "
            f"must be at most {self.tolerance:g}"
        )
        if verdict is Verdict.UNDECIDED:
            message += self._what_decides(small, gap, int(counts.sum()))
        return CheckResult(verdict=verdict, message=message, measurements=self._measured(names, counts, gap))

    def _counts(self, context: CheckContext) -> tuple[list[str], NDArray[np.intp]]:
        """Return the groups' names and their counts of (label, prediction), (groups, 2, 2)."""
        found = predictions_of(context, self.of, self.model, positive=self.positive, task="classification")
        labels = Labels.of(found.arrays["y_true"], found.arrays["y_pred"], self.positive, known=found.labels)
        if labels.positive is None:
            raise IncompleteEvidence(
                f"there are {len(labels.classes)} labels, {some_labels(labels.classes)}; fairness compares"
                " the rates of one positive label against the rest: expected two labels, so reduce them to"
                " two and set positive:"
            )
        column = read_column("groups", required_field(context.fixtures[self.of], self.of, "groups", "group"))
        check_length("groups", column.size, found.n)
        names, group = np.unique(column, return_inverse=True)
        if names.size < 2:
            raise IncompleteEvidence(f"groups has {names.size} group; expected two or more to compare")
        label, pred = labels.true == labels.positive, labels.pred == labels.positive
        return [str(name) for name in names.tolist()], group_counts(group, label, pred, names.size)

    def _bounds(self, counts: NDArray[np.intp], seed: int) -> tuple[float, float, Gap]:
        gap_of = _GAPS[self.criterion]
        gap, smoothed = gap_of(counts, seed=seed), gap_of(counts + 1, seed=seed)
        lower = min(gap.lower(self.confidence), smoothed.lower(self.confidence))
        return lower, max(gap.upper(self.confidence), smoothed.upper(self.confidence)), gap

    def _what_decides(self, small: list[str], gap: Gap, n: int) -> str:
        if small:
            return f"; needs {self.min_n} examples behind each rate, too few in {', '.join(small[:5])}"
        stderr = max(gap.upper(self.confidence) - gap.value, 0.0) / normal.z(self.confidence)
        needs = normal.needed_n(stderr, n, gap.value, self.tolerance, self.confidence) or 0
        return (
            f"; needs n ≈ {needs:,}" if needs > n else "; the gap is close to the tolerance, needs a larger n"
        )

    def _measured(
        self, names: list[str], counts: NDArray[np.intp], gap: Gap
    ) -> tuple[tuple[str, str, Estimate], ...]:
        whole = Estimate(
            value=gap.value,
            n=int(counts.sum()),
            range=SHARE,
            note=f"largest difference, bias {gap.bias:+.2g}",
        )
        groups = (
            (f"{self.title()}.selection_rate", name, Estimate.share(int(table[:, 1].sum()), int(table.sum())))
            for name, table in zip(names, counts, strict=True)
        )
        return ((f"{self.title()}.gap", ALL, whole), *groups)
