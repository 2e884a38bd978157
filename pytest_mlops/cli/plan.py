"""``plan``: what each rule can detect on the data at hand, and how many examples it needs."""

# The heavy imports stand inside the commands, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path  # noqa: TC003 -- typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.cli.tables import Section
    from pytest_mlops.decision.planning import RulePlan

__all__ = ["plan", "plan_page"]


def plan_page(plans: Sequence[RulePlan], margins: Sequence[float]) -> tuple[Section, ...]:
    """Return what to print of the plans."""
    from pytest_mlops.cli.tables import Section, Table

    columns = ("rule", "n", "MDE", "needs", *(f"±{margin:g}" for margin in margins), "by")
    rows = tuple(_row(one, len(margins)) for one in plans)
    sentences = [f"{one.rule}: {one.why}" for one in plans if one.why]
    sentences += [
        "MDE: the smallest change that 80 % of such runs would detect, at 5 % error.",
        "Needs: n with which an equal candidate passes in 80 % of runs, for its own margin and for others.",
    ]
    if any(one.basis == "unpaired" for one in plans):
        sentences.append("Unpaired: no baseline was compared with; pairing example by example needs fewer.")
    return (
        Section(
            title="What the rules can tell",
            table=Table(columns=columns, rows=rows, numeric=columns[1:-1]) if rows else None,
            sentences=tuple(sentences) if rows else ("There are no rules.",),
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
    result: Annotated[Path, typer.Argument(help="The record, as .mlops/integration-result.json.")],
    *,
    margin: Annotated[
        list[float] | None, typer.Option(min=1e-9, help="A loss to plan for; may be given again.")
    ] = None,
) -> None:
    """Say what each rule can detect on the data at hand, and how many examples it needs."""
    from pytest_mlops.cli.tables import print_sections
    from pytest_mlops.decision.planning import MARGINS, plan_rules
    from pytest_mlops.evidence.verify import read_record

    margins = tuple(margin) if margin else MARGINS
    print_sections(plan_page(plan_rules(read_record(result), margins), margins))
