"""``github``: the steps of the action around the tests."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pytest_mlops.cli.exits import ExitCode

if TYPE_CHECKING:
    from pytest_mlops.github.ruling import Ruling

__all__ = ["app", "baseline", "exit_code_for_ruling", "post"]

app = typer.Typer(
    name="github",
    help="Steps of the GitHub Action: fetch baselines before the tests, post the verdict after them.",
    no_args_is_help=True,
)

FOLDER = Path(".mlops")


def exit_code_for_ruling(ruling: Ruling) -> ExitCode:
    """Return the exit code of what was decided; it never depends on whether posting worked."""
    from pytest_mlops.verdict import Decision, Verdict

    if ruling.refused:
        return ExitCode.REFUSED
    if ruling.decision is Decision.ALLOW:
        return ExitCode.ALLOW
    return {Verdict.UNDECIDED: ExitCode.UNDECIDED, Verdict.INCOMPLETE: ExitCode.INCOMPLETE}.get(
        ruling.verdict, ExitCode.BLOCK
    )


@app.command()
def post(
    result: Annotated[Path, typer.Argument(help="The record.")] = FOLDER / "integration-result.json",
    *,
    run_id: Annotated[
        str | None, typer.Option(help="Refuse a record of any other run; as given to --mlops-run-id.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Where to write the Markdown report. Default: beside the record.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(help="Commit or branch whose policy to compare with. Default: the event's base."),
    ] = None,
    base_config: Annotated[
        Path | None, typer.Option(help="A copy of the base's mlops.yaml, where there is no checkout.")
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            help="Block on these too, separated by commas: undecided, waived, policy-changes.", metavar="LIST"
        ),
    ] = None,
    comment: Annotated[
        bool | None, typer.Option("--comment/--no-comment", help="Write the pull request's comment.")
    ] = None,
    check_run: Annotated[
        bool | None, typer.Option("--check-run/--no-check-run", help="Write a check run.")
    ] = None,
    annotations: Annotated[
        bool | None, typer.Option("--annotations/--no-annotations", help="Print annotations.")
    ] = None,
    summary: Annotated[
        bool | None, typer.Option("--summary/--no-summary", help="Write the job summary.")
    ] = None,
) -> None:
    """Post the decision of a record to GitHub, and exit by it.

    Treats the record as untrusted input. The outputs are always written; comment and check run as far as
    GitHub allows. Exits with 0 if the change is allowed, 1 if a FAIL, a waiver or the policy
    blocks it, 3 if UNDECIDED does, 4 if there is no evidence, and 5 if the record cannot be trusted.
    """
    from pytest_mlops.github.step import PostOptions, StepEnvironment, post_step

    options = PostOptions(
        result=result,
        run_id=run_id,
        report=report,
        base=base,
        base_config=base_config,
        fail_on=fail_on,
        comment=comment,
        check_run=check_run,
        annotations=annotations,
        summary=summary,
    )
    step = StepEnvironment(environ=os.environ, log=typer.echo, now=datetime.now(UTC))
    raise typer.Exit(exit_code_for_ruling(post_step(options, step)))


@app.command()
def baseline(
    folder: Annotated[
        Path, typer.Argument(help="Where to write them; set MLOPS_BASELINES to it for the tests.")
    ] = FOLDER / "baselines",
    *,
    config: Annotated[
        Path | None, typer.Option(help="Path of mlops.yaml. Default: the nearest one, upward.")
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="artifact:BRANCH; repeatable. Default: those of baseline.from.")
    ] = None,
    record: Annotated[
        str | None, typer.Option(help="Path of the record in the artifact, where it holds several.")
    ] = None,
    history: Annotated[
        int, typer.Option(min=0, max=19, help="Earlier good records to fetch, to detect baseline drift.")
    ] = 5,
) -> None:
    """Fetch the baselines that a branch's runs uploaded, before the tests run.

    Prefers the record of the merge base, else that of the latest good run. Exits with 0 even if one could not
    be fetched: the receipt records that, and the gate does not treat it as a first run.
    """
    from pytest_mlops.github.step import StepEnvironment, baseline_step

    step = StepEnvironment(environ=os.environ, log=typer.echo, now=datetime.now(UTC))
    baseline_step(folder, step, config=config, sources=source or (), record=record, history=history)
