"""``compare``, ``plan`` and ``report``: what records show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pytest_mlops.cli.exits import exit_code_for_verdict
from pytest_mlops.cli.options import Result, Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.cli.output import Section
    from pytest_mlops.compare.versions import VersionComparison
    from pytest_mlops.decision.planning import RulePlan
    from pytest_mlops.records.comparison import Delta
    from pytest_mlops.records.integration import RuleResult

__all__ = ["compare", "compare_page", "plan", "plan_page", "report"]


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
        rows=tuple(_delta_row(delta, verdicts.get(delta.key)) for delta in comparison.deltas),
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


def _delta_row(delta: Delta, rule: RuleResult | None) -> tuple[str, ...]:
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


def plan_page(plans: Sequence[RulePlan], margins: Sequence[float]) -> tuple[Section, ...]:
    """Return what to print of the plans."""
    from pytest_mlops.cli.output import Section, Table

    columns = ("rule", "n", "MDE", "needs", *(f"±{margin:g}" for margin in margins), "by")
    rows = tuple(_plan_row(one, len(margins)) for one in plans)
    lines = [f"{one.rule}: {one.why}" for one in plans if one.why]
    lines += [
        "MDE: the smallest change that 80 % of such runs would detect, at 5 % error.",
        "Needs: n with which an equal candidate passes in 80 % of runs, for its own margin and for others.",
    ]
    if any(one.basis == "unpaired" for one in plans):
        lines.append("Unpaired: no baseline was compared with; pairing example by example needs fewer.")
    return (
        Section(
            title="What the rules can detect",
            table=Table(columns=columns, rows=rows, numeric=columns[1:-1]) if rows else None,
            lines=tuple(lines) if rows else ("There are no rules.",),
        ),
    )


def _plan_row(one: RulePlan, margins: int) -> tuple[str, ...]:
    by_margin = one.by_margin or (None,) * margins
    return (
        one.rule,
        _count(one.n),
        "" if one.mde is None else f"{one.mde:.2g}",
        _count(one.needed),
        *map(_count, by_margin),
        one.basis,
    )


def _count(n: int | None) -> str:
    return "" if n is None else f"{n:,}"


def plan(
    result: Result,
    *,
    margin: Annotated[
        list[float] | None, typer.Option(min=1e-9, help="A loss to plan for, such as 0.01; repeatable.")
    ] = None,
) -> None:
    """Show the change that each rule can detect with the data of a record, and the examples it needs."""
    from pytest_mlops.cli.output import print_sections
    from pytest_mlops.decision.planning import MARGINS
    from pytest_mlops.operations.report import plan as plan_record

    margins = tuple(margin) if margin else MARGINS
    print_sections(plan_page(plan_record(result, margins), margins))


def report(
    result: Result,
    *,
    html: Annotated[
        Path | None, typer.Option(help="Write a self-contained HTML page to this path.", metavar="PATH")
    ] = None,
    md: Annotated[Path | None, typer.Option(help="Write Markdown to this path.", metavar="PATH")] = None,
    history: Annotated[
        bool,
        typer.Option("--history", help="Show the model's recorded runs in the HTML page."),
    ] = False,
    store: Store = None,
) -> None:
    """Render a record as Markdown or as a self-contained HTML page.

    Prints Markdown, unless --html or --md name a file. Reads the record and the arrays beside it, and
    verifies neither; `verify` does that. Exits with 0 whatever the verdict.
    """
    from pytest_mlops.operations.report import report as write

    text = write(result, html=html, markdown=md, history=history, store=store)
    if text is not None:
        typer.echo(text, nl=False)
