"""``compare``: two recorded versions side by side, metric by metric and slice by slice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pytest_mlops.cli.exits import exit_code_for_verdict

if TYPE_CHECKING:
    from pytest_mlops.cli.output import Section
    from pytest_mlops.compare.versions import VersionComparison
    from pytest_mlops.records.comparison import Delta
    from pytest_mlops.records.integration import RuleResult

__all__ = ["compare", "compare_page"]


def compare_page(found: VersionComparison) -> tuple[Section, ...]:
    """Return what to print of a comparison."""
    from pytest_mlops.cli.output import Section, Table

    verdicts = {(rule.metric, rule.slice, rule.dataset): rule for rule in found.rules}
    comparison = found.comparison
    reference = comparison.baseline
    against = "" if reference is None else f" with {reference.version_id or reference.source}"
    columns = ("metric", "n", "was", "is", "change", "bounds", "verdict")
    table = Table(
        columns=columns,
        rows=tuple(_row(delta, verdicts.get(delta.key)) for delta in comparison.deltas),
        numeric=columns[1:5],
    )
    added, removed = (
        f"{comparison.added:,} only in the candidate",
        f"{comparison.removed:,} only in the baseline",
    )
    lines = [
        f"{comparison.paired:,} examples paired; {added}, {removed}.",
        f"Bounds are one-sided, at {comparison.confidence:.0%} each.",
    ]
    passed = {"pass", "waived"}
    lines += [rule.message for rule in found.rules if rule.verdict not in passed]
    if not found.rules:
        lines.append(
            "Nothing is decided: --margin alone applies to shares, such as accuracy; name other metrics with "
            "--metric, or declare rules with min_delta or max_delta."
        )
    return (
        Section(title=f"Comparison{against}", table=table),
        Section(title=found.verdict.upper(), lines=tuple(lines)),
    )


def _row(delta: Delta, rule: RuleResult | None) -> tuple[str, ...]:
    verdict = "" if rule is None else rule.verdict.upper()
    if delta.delta is None or delta.lower is None or delta.upper is None:
        return (delta.title, f"{delta.n:,}", "", "", "", "undefined", verdict)
    return (
        delta.title,
        f"{delta.n:,}",
        f"{delta.baseline:.4g}",
        f"{delta.candidate:.4g}",
        f"{delta.delta:+.3g}",
        f"{delta.lower:+.2g} to {delta.upper:+.2g}",
        verdict,
    )


def compare(
    candidate: Annotated[Path, typer.Argument(help="Record of the new version.")],
    baseline: Annotated[Path, typer.Argument(help="Record of the version that it would replace.")],
    *,
    margin: Annotated[
        float | None,
        typer.Option(min=0.0, help="Loss that is allowed, such as 0.01. Default: the rules decide."),
    ] = None,
    metric: Annotated[list[str] | None, typer.Option(help="Only this metric; repeatable.")] = None,
    slice_: Annotated[list[str] | None, typer.Option("--slice", help="Only this slice; repeatable.")] = None,
) -> None:
    """Compare two model versions example by example, by their records.

    Exits with 0 on PASS, 1 on FAIL, 3 on UNDECIDED, 4 on INCOMPLETE, and 5 if a record cannot be trusted or
    the two cannot be compared.
    """
    from pytest_mlops.cli.output import print_sections
    from pytest_mlops.compare.versions import compare_versions

    found = compare_versions(candidate, baseline, margin=margin, metrics=metric or (), slices=slice_ or ())
    print_sections(compare_page(found))
    raise typer.Exit(exit_code_for_verdict(found.verdict))
