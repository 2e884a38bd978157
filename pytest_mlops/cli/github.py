"""``github``: what the action does around a run: baselines before it, comment and checks after it."""

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

app = typer.Typer(name="github", help="What the GitHub Action does around a run.", no_args_is_help=True)

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
        str | None, typer.Option(help="Id of the run it has to be of, as given to --mlops-run-id.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Where the Markdown report goes; by default beside the record.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(help="Commit or branch whose policy to compare with; by default the event's."),
    ] = None,
    base_config: Annotated[
        Path | None, typer.Option(help="The base's mlops.yaml itself, where there is no checkout.")
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(help="Block on these too: undecided, waived, policy-changes.", metavar="WORDS"),
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
    """Show on GitHub what a record decides, and exit by it.

    Reads the record as if somebody hostile had written it. The outputs are always written; comment and check
    run as far as GitHub allows. Exits with 0 if the change may go on, 1 if a FAIL, a waiver or the policy
    blocks it, 3 if UNDECIDED does, 4 if there is no evidence, and 5 if the record cannot be trusted.
    """
    from pytest_mlops.github.step import PostOptions, Surroundings, post_step

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
    around = Surroundings(environ=os.environ, say=typer.echo, now=datetime.now(UTC))
    raise typer.Exit(exit_code_for_ruling(post_step(options, around)))


@app.command()
def baseline(
    folder: Annotated[
        Path, typer.Argument(help="Where they go; MLOPS_BASELINES names it to the tests.")
    ] = FOLDER / "baselines",
    *,
    config: Annotated[Path | None, typer.Option(help="By default ./mlops.yaml.")] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="artifact:BRANCH; by default what baseline.from names.")
    ] = None,
    record: Annotated[
        str | None, typer.Option(help="Path of the record in the artifact, where it holds several.")
    ] = None,
    history: Annotated[
        int, typer.Option(min=0, max=19, help="Good records before it, which show where a metric creeps.")
    ] = 5,
) -> None:
    """Fetch the baselines that a branch's runs uploaded, before the tests run.

    The record of the merge base counts, else that of the latest good run. Exits with 0 even if one could not
    be fetched: the receipt says so, and the gate does not take it for a first run.
    """
    from pytest_mlops.github.step import Surroundings, baseline_step

    around = Surroundings(environ=os.environ, say=typer.echo, now=datetime.now(UTC))
    baseline_step(folder, around, config=config, sources=source or (), record=record, history=history)
