"""``status`` and ``health``: the state of an environment, and of its probes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pytest_mlops.cli.exits import ExitCode
from pytest_mlops.cli.options import (
    AsJson,
    ConfigPath,
    EnvironmentName,
    Store,
)

if TYPE_CHECKING:
    from pytest_mlops.cli.output import Section
    from pytest_mlops.operations.status import EnvironmentStatus, ReplicaState
    from pytest_mlops.serving.health.survey import Survey

__all__ = ["health", "status"]


def status(
    *,
    environment: EnvironmentName = None,
    config: ConfigPath = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Show what serves an environment, what is being deployed to it, and its processes on this machine."""
    from pytest_mlops.cli.output import show
    from pytest_mlops.operations.project import find_environment
    from pytest_mlops.operations.status import status as environment_status

    where = find_environment(environment, config=config, store=store)
    seen = environment_status(where)
    show(_status_page(where.environment.name, seen), _status_values(seen), as_json=as_json)


def health(
    *,
    environment: EnvironmentName = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=3600, help="Deadline of the verdict.")] = 30.0,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Probe an environment and every replica of it that runs on this machine.

    Exits with 0 if everything is healthy, 1 if something is not, and 4 if nothing could be probed.
    """
    from pytest_mlops.cli.output import show
    from pytest_mlops.operations.health import environment_health
    from pytest_mlops.operations.project import find_environment

    where = find_environment(environment, config=config)
    seen = environment_health(where, seconds=seconds)
    show(_health_page(where.environment.name, seen), _health_values(seen), as_json=as_json)
    if seen.is_healthy:
        raise typer.Exit(ExitCode.ALLOW)
    raise typer.Exit(ExitCode.BLOCK if seen.is_known else ExitCode.INCOMPLETE)


def _status_page(name: str, seen: EnvironmentStatus) -> list[Section]:
    from pytest_mlops.cli.output import Section, Table

    serving = [
        _serving(seen, deployment, weight) for deployment, weight in sorted(seen.pointer.weights.items())
    ]
    shadow = [
        f"{deployment} gets a copy of {share:.0%} of the requests"
        for deployment, share in seen.pointer.shadow.items()
    ]
    address = seen.url or "no gateway runs on this machine; start it with pytest-mlops up"
    sections = [
        Section(
            title=f"{name}: {address}",
            lines=(*(serving or ["nothing serves"]), *shadow, *_under_way(seen)),
        )
    ]
    if seen.replicas:
        rows = tuple(_replica_row(each) for each in seen.replicas)
        columns = ("replica", "state", "address", "process", "restarts", "message")
        table = Table(columns=columns, rows=rows, numeric=("process", "restarts"))
        sections.append(Section(title="Replicas", table=table))
    if not seen.supervised:
        line = "no supervisor runs here; pytest-mlops up starts one, which adopts the replicas that run"
        sections.append(Section(title="Supervisor", lines=(line,)))
    return sections


def _replica_row(replica: ReplicaState) -> tuple[str, ...]:
    return (
        f"{replica.deployment_id}.{replica.index}",
        "ready" if replica.ready else "alive" if replica.alive else "dead",
        replica.address,
        str(replica.pid),
        str(replica.restarts),
        replica.message,
    )


def _serving(seen: EnvironmentStatus, name: str, weight: float) -> str:
    row = seen.row(name)
    version = "of unknown version" if row is None else f"of {row.plan.version}"
    stable = "" if name == seen.pointer.stable else ", on trial"
    return f"{name} {version} gets {weight:g} % of the requests{stable}"


def _under_way(seen: EnvironmentStatus) -> list[str]:
    from pytest_mlops.operations.status import last_entry

    if seen.under_way is None:
        return []
    row, journal = seen.under_way
    lines = [f"{row.plan.deployment_id} of {row.plan.version} is being deployed: {last_entry(journal)}"]
    if seen.lease is None:
        lines.append("no process carries it out; a supervisor continues it")
    else:
        holder = seen.lease.holder
        lines.append(f"{holder.actor} on {holder.host} (process {holder.pid}) carries it out")
    return lines


def _status_values(seen: EnvironmentStatus) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "url": seen.url,
        "supervised": seen.supervised,
        "pointer": asdict(seen.pointer),
        "under_way": None if seen.under_way is None else seen.under_way[0].plan.deployment_id,
        "lease": None if seen.lease is None else str(seen.lease.holder),
        "replicas": [asdict(each) | {"address": each.address} for each in seen.replicas],
        "deployments": [row.record().model_dump(mode="json") for row in seen.rows[:20]],
    }


def _health_page(name: str, seen: Survey) -> list[Section]:
    from pytest_mlops.cli.output import Section, Table

    around = () if seen.environment is None else seen.environment.checks
    rows = tuple((check.name, check.state.value, check.message) for check in (*around, *seen.service.checks))
    lines = [] if seen.service.checks else ["no replica runs here, so nothing is known of the service"]
    if seen.rate is not None and seen.rate.lower is not None:
        lines.append(
            f"δ = {seen.rate.share:.3f} ({seen.rate.successes} of {seen.rate.probes} probes; at least "
            f"{seen.rate.lower:.3f} with 95 % confidence)"
        )
    state = "healthy" if seen.is_healthy else "not healthy" if seen.is_known else "not known"
    table = Table(columns=("check", "state", "seen"), rows=rows) if rows else None
    return [Section(title=f"{name} is {state}", table=table, lines=tuple(lines))]


def _health_values(seen: Survey) -> dict[str, Any]:
    return {
        "is_healthy": seen.is_healthy,
        "environment": None if seen.environment is None else seen.environment.model_dump(mode="json"),
        "service": seen.service.model_dump(mode="json"),
        "rate": None if seen.rate is None else seen.rate.model_dump(mode="json"),
    }
