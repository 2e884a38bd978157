"""``deploy``, ``promote``, ``pause``, ``resume``, ``abort`` and ``rollback``: which version serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pytest_mlops.cli.exits import ExitCode
from pytest_mlops.cli.options import (
    AsJson,
    ConfigPath,
    EnvironmentName,
    ModelFiles,
    Reason,
    Result,
    RunId,
    Store,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_mlops.operations.deploy import DryRun
    from pytest_mlops.operations.project import ProjectEnvironment
    from pytest_mlops.records.deployment import DeploymentResult
    from pytest_mlops.state.plan import DeploymentPlan

__all__ = ["abort", "deploy", "outcome_lines", "pause", "promote", "resume", "rollback"]

INTERRUPTED = 130


def deploy(
    result: Result,
    *,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", "-e", help="Name of the environment in mlops.yaml. Default: the only one with serve:."
        ),
    ] = None,
    model: ModelFiles = None,
    run_id: RunId = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for the outcome, or leave it to the supervisor.")
    ] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and start nothing.")] = False,
    config: ConfigPath = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Deploy a model version on the evidence of its record, the only ticket.

    Verifies the ticket under the environment's own policy, checks the environment, stages the version and
    starts it beside the one that serves, waits until it is healthy and gives the golden answers, and shifts
    the traffic to it as rollout: says. If a step fails, the version before serves on. Exits with 0 if the
    version serves, 1 if it was rolled back, and 5 if its evidence is refused.
    """
    from pytest_mlops.operations import deploy as operations
    from pytest_mlops.operations.project import find_environment

    where = find_environment(to, config=config, store=store)
    evidence = operations.evidence_for(where, result, model=model, run_id=run_id)
    if dry_run:
        _print_dry_run(operations.dry_run(where, evidence))
    elif wait:
        _finish(_interruptible(lambda: operations.deploy(where, evidence, echo=typer.echo)), as_json=as_json)
    else:
        name = operations.submit(where, evidence)
        typer.echo(f"{name} is submitted to the supervisor; pytest-mlops status shows its progress")


def promote(
    *,
    environment: EnvironmentName = None,
    reason: Reason = "",
    config: ConfigPath = None,
    store: Store = None,
) -> None:
    """Shift all traffic to the new version now, overriding the judge."""
    from pytest_mlops.operations.controls import promote as request

    _request(request, "promote", reason, _environment(environment, config, store))


def pause(
    *,
    environment: EnvironmentName = None,
    reason: Reason = "",
    config: ConfigPath = None,
    store: Store = None,
) -> None:
    """Pause a rollout: its traffic stays as it is, but the judge may still roll it back."""
    from pytest_mlops.operations.controls import pause as request

    _request(request, "pause", reason, _environment(environment, config, store))


def resume(
    *,
    environment: EnvironmentName = None,
    reason: Reason = "",
    config: ConfigPath = None,
    store: Store = None,
) -> None:
    """Continue a paused rollout."""
    from pytest_mlops.operations.controls import resume as request

    _request(request, "resume", reason, _environment(environment, config, store))


def abort(
    *,
    environment: EnvironmentName = None,
    reason: Reason = "",
    config: ConfigPath = None,
    store: Store = None,
) -> None:
    """Abort a rollout: all traffic goes back to the version that served before it."""
    from pytest_mlops.operations.controls import abort as request

    _request(request, "abort", reason, _environment(environment, config, store))


def rollback(
    *,
    environment: EnvironmentName = None,
    to: Annotated[
        str | None,
        typer.Option(help="The version, or its deployment. Default: the newest whose ticket holds."),
    ] = None,
    config: ConfigPath = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Roll back to the newest version that served before and whose ticket still holds.

    Its golden answers are checked again. Exits with 0 if it serves, 5 if no version's evidence holds, and 4
    if no other version served before.
    """
    from pytest_mlops.operations.deploy import roll_back

    where = _environment(environment, config, store)
    _finish(roll_back(where, to=to, echo=typer.echo), as_json=as_json)


def _environment(name: str | None, config: Path | None, store: str | None) -> ProjectEnvironment:
    from pytest_mlops.operations.project import find_environment

    return find_environment(name, config=config, store=store)


def _request(
    request: Callable[..., DeploymentPlan], name: str, reason: str, where: ProjectEnvironment
) -> None:
    plan = request(where, reason=reason)
    typer.echo(f"requested {name} of {plan.deployment_id} ({plan.version})")


def _interruptible(run: Callable[[], DeploymentResult]) -> DeploymentResult:
    try:
        return run()
    except KeyboardInterrupt:
        typer.echo(
            "interrupted: the supervisor continues the deployment. pytest-mlops status shows its progress, "
            "and pytest-mlops abort ends it",
            err=True,
        )
        raise typer.Exit(INTERRUPTED) from None


def _print_dry_run(found: DryRun) -> None:
    for check in found.ticket.checks:
        typer.echo(f"  ok    {check.name}: {check.message}")
    typer.echo(f"  ok    environment: {found.health.message}")
    consistency = found.consistency
    share = "not known" if consistency.share is None else f"{consistency.share:.3f}"
    typer.echo(f"  note  consistency γ {share} ({consistency.equal} of {consistency.compared} facts)")
    for difference in consistency.differences:
        typer.echo(f"        {difference}")
    typer.echo("dry run: nothing was started; without --dry-run the version would be staged and started now")


def _finish(result: DeploymentResult, *, as_json: bool) -> None:
    """Print the outcome of a deployment, and exit by it."""
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    else:
        for line in outcome_lines(result):
            typer.echo(line)
    raise typer.Exit(ExitCode.ALLOW if result.success else ExitCode.BLOCK)


def outcome_lines(result: DeploymentResult) -> list[str]:
    """Return the outcome of a deployment, for people."""
    deployment = result.deployment
    version = f"{deployment.model_version.model_id}@{deployment.model_version.version_id}"
    verb = "serves" if result.success else "was rolled back from"
    if not result.success and deployment.status == "running":
        verb = "still serves"
    where = f"{version} {verb} {deployment.environment.name}"
    lines = [f"{deployment.deployment_id}: {where} after {result.duration:.1f} s"]
    if not result.success:
        lines.append(f"  {deployment.message}")
    consistency, rate = result.consistency, result.health_rate
    if consistency is not None and consistency.share is not None:
        lines.append(
            f"  consistency γ = {consistency.share:.3f} ({consistency.equal} of {consistency.compared} facts)"
        )
        lines += [f"    {difference}" for difference in consistency.differences[:10]]
    if rate is not None and rate.share is not None and rate.lower is not None:
        lines.append(
            f"  health δ = {rate.share:.3f} ({rate.successes} of {rate.probes} probes; "
            f"at least {rate.lower:.3f} with 95 % confidence)"
        )
    if result.bound is not None:
        lines.append(f"  P(CD) ≥ γ·δ = {result.bound:.3f}, with the lower bound of δ")
    return lines
