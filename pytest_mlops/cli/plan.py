"""``plan``: what each rule can detect on the data at hand, and how many examples it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pytest_mlops.cli.options import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.cli.output import Section
    from pytest_mlops.decision.planning import RulePlan

__all__ = ["plan", "plan_page"]


def plan_page(plans: Sequence[RulePlan], margins: Sequence[float]) -> tuple[Section, ...]:
    """Return what to print of the plans."""
    from pytest_mlops.cli.output import Section, Table

    columns = ("rule", "n", "MDE", "needs", *(f"±{margin:g}" for margin in margins), "by")
    rows = tuple(_row(one, len(margins)) for one in plans)
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


def _row(one: RulePlan, margins: int) -> tuple[str, ...]:
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
    """Show what change each rule can detect on the data of a record, and how many examples it needs."""
    from pytest_mlops.cli.output import print_sections
    from pytest_mlops.decision.planning import MARGINS
    from pytest_mlops.operations.report import plan as plan_record

    margins = tuple(margin) if margin else MARGINS
    print_sections(plan_page(plan_record(result, margins), margins))
