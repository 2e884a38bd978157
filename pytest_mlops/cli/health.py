"""``health``: probe an environment and the replicas that run in it."""

# The heavy imports stand inside the commands, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pytest_mlops.cli.deployments import ConfigPath, EnvironmentName, find_place
from pytest_mlops.cli.exits import ExitCode
from pytest_mlops.cli.registry_common import AsJson, show

if TYPE_CHECKING:
    from pytest_mlops.cli.deployments import Place
    from pytest_mlops.cli.tables import Section
    from pytest_mlops.serving.health.survey import Survey

__all__ = ["health"]


def health(
    *,
    environment: EnvironmentName = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=3600, help="Deadline of a verdict.")] = 30.0,
    config: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Probe what an environment needs, and every replica that runs in it on this machine.

    Exits with 0 if all of it is healthy, 1 if something is not, and 4 if nothing could be probed.
    """
    place = find_place(environment, config)
    seen = _look(place, seconds)
    show(_page(place, seen), _values(seen), as_json=as_json)
    if seen.is_healthy:
        raise typer.Exit(ExitCode.ALLOW)
    raise typer.Exit(ExitCode.BLOCK if seen.is_known else ExitCode.INCOMPLETE)


def _look(place: Place, seconds: float) -> Survey:
    from pytest_mlops.serving.health.probe import Endpoint
    from pytest_mlops.serving.health.survey import survey
    from pytest_mlops.serving.processes import lives
    from pytest_mlops.serving.run_files import read_replicas

    running = [replica for replica in read_replicas(place.layout) if lives(replica.identity)]
    return survey(
        place.environment,
        place.layout,
        [Endpoint(host=replica.host, port=replica.port, folder=str(place.project)) for replica in running],
        [check for check in place.environment.health_checks if check.target == "service"],
        folder=place.project,
        seconds=seconds,
    )


def _page(place: Place, seen: Survey) -> list[Section]:
    from pytest_mlops.cli.tables import Section, Table

    around = () if seen.surroundings is None else seen.surroundings.checks
    rows = tuple((check.name, check.state.value, check.message) for check in (*around, *seen.service.checks))
    words = [] if seen.service.checks else ["no replica runs here, so nothing is known of the service"]
    if seen.rate is not None and seen.rate.lower is not None:
        words.append(
            f"δ = {seen.rate.share:.3f} ({seen.rate.successes} of {seen.rate.probes} probes; at least "
            f"{seen.rate.lower:.3f} with 95 % confidence)"
        )
    state = "healthy" if seen.is_healthy else "not healthy" if seen.is_known else "not known"
    table = Table(columns=("check", "state", "seen"), rows=rows) if rows else None
    return [Section(title=f"{place.environment.name} is {state}", table=table, sentences=tuple(words))]


def _values(seen: Survey) -> dict[str, Any]:
    return {
        "is_healthy": seen.is_healthy,
        "surroundings": None if seen.surroundings is None else seen.surroundings.model_dump(mode="json"),
        "service": seen.service.model_dump(mode="json"),
        "rate": None if seen.rate is None else seen.rate.model_dump(mode="json"),
    }
