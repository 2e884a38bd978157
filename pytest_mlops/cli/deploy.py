"""``deploy``: lead an environment to a version that has a ticket."""

# The heavy imports stand inside the commands, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path  # noqa: TC003 -- typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from pytest_mlops.cli.deployments import ConfigPath, ToEnvironment, find_place, manager_of, store_of
from pytest_mlops.cli.exits import ExitCode
from pytest_mlops.cli.registry_common import AsJson, Store  # noqa: TC001 -- typer reads the annotations
from pytest_mlops.errors import EvidenceError

if TYPE_CHECKING:
    from pytest_mlops.cli.deployments import Place
    from pytest_mlops.evidence.case import Evidence
    from pytest_mlops.records.deployment import DeploymentResult
    from pytest_mlops.rollout.manager import DeploymentManager

__all__ = ["deploy", "finish", "outcome_lines"]

INTERRUPTED = 130


def deploy(
    result: Annotated[Path, typer.Argument(help="The record, as .mlops/integration-result.json.")],
    *,
    to: ToEnvironment = None,
    model: Annotated[
        Path | None, typer.Option(help="The model's files; by default where the record says they are.")
    ] = None,
    run_id: Annotated[str | None, typer.Option(help="Id of the run that the record has to be of.")] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Stay until it is over, or leave it to the supervisor.")
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Ask everything that comes before it, and begin nothing.")
    ] = False,
    config: ConfigPath = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Deploy a version: the record of its run is the ticket, and nothing else is.

    Verifies the ticket under the environment's own policy, checks the environment, stages and starts the
    version beside the one that serves, waits until it is healthy and gives the known answers, and leads the
    traffic to it as rollout: says. If anything does not hold, the version before serves on. Exits with 0 if
    the version serves, 1 if it was taken back, and 5 if its evidence is refused.
    """
    place = find_place(to, config)
    evidence = _evidence(place, result, model=model, run_id=run_id)
    with store_of(place, store, new=True) as opened:
        manager = manager_of(opened, place, store_url=store)
        if dry_run:
            _rehearse(manager, evidence)
        elif wait:
            finish(_deploy(manager, evidence), as_json=as_json)
        else:
            name = manager.hand_over(evidence)
            typer.echo(f"{name} is left to the supervisor; pytest-mlops status shows how it goes")


def _deploy(manager: DeploymentManager, evidence: Evidence) -> DeploymentResult:
    try:
        return manager.deploy(evidence)
    except KeyboardInterrupt:
        typer.echo(
            "interrupted: the supervisor goes on with the deployment. pytest-mlops status shows how it goes, "
            "and pytest-mlops abort ends it",
            err=True,
        )
        raise typer.Exit(INTERRUPTED) from None


def _evidence(place: Place, result: Path, *, model: Path | None, run_id: str | None) -> Evidence:
    from pytest_mlops.evidence.case import Evidence
    from pytest_mlops.evidence.verify import read_record

    return Evidence(
        record=result.absolute(),
        model=(model if model is not None else _model_of(place, read_record(result))).absolute(),
        run_id=run_id,
        model_id=place.model_id,
    )


def _model_of(place: Place, record: object) -> Path:
    version = getattr(record, "model_version", None)
    if version is None or version.artifact_path is None:
        raise EvidenceError("the record names no model files, so there is nothing to deploy; name --model")
    return place.project / str(version.artifact_path)


def _rehearse(manager: DeploymentManager, evidence: Evidence) -> None:
    examined, health, consistency = manager.rehearse(evidence)
    for check in examined.checks:
        typer.echo(f"  ok    {check.name}: {check.message}")
    typer.echo(f"  ok    environment: {health.message}")
    share = "not known" if consistency.share is None else f"{consistency.share:.3f}"
    typer.echo(f"  note  consistency γ {share} ({consistency.equal} of {consistency.compared} facts)")
    for difference in consistency.differences:
        typer.echo(f"        {difference}")
    typer.echo("nothing was begun; without --dry-run the version would be staged and started now")


def finish(result: DeploymentResult, *, as_json: bool) -> None:
    """Print how a deployment came out, and exit by it."""
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    else:
        for line in outcome_lines(result):
            typer.echo(line)
    raise typer.Exit(ExitCode.ALLOW if result.success else ExitCode.BLOCK)


def outcome_lines(result: DeploymentResult) -> list[str]:
    """Return how a deployment came out, for people."""
    deployment = result.deployment
    version = f"{deployment.model_version.model_id}@{deployment.model_version.version_id}"
    verb = "serves" if result.success else "was taken back from"
    if not result.success and deployment.status == "running":
        verb = "serves all the same"
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
