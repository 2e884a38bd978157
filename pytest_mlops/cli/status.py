"""``status``: what serves an environment, what is under way, and which processes run."""

# The heavy imports stand inside the commands, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pytest_mlops.cli.deployments import ConfigPath, EnvironmentName, find_place, store_of
from pytest_mlops.cli.registry_common import AsJson, Store, show

if TYPE_CHECKING:
    from pytest_mlops.cli.deployments import Place
    from pytest_mlops.cli.tables import Section
    from pytest_mlops.operations.status import Overview

__all__ = ["status"]


def status(
    *,
    environment: EnvironmentName = None,
    config: ConfigPath = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Show what serves an environment, what is being deployed to it, and the processes on this machine."""
    from pytest_mlops.operations.status import overview

    place = find_place(environment, config)
    name = place.environment.environment_id
    with store_of(place, store) as opened, opened.read() as connection:
        seen = overview(connection, place.layout, name, now=time.time())
    show(_page(place, seen), _values(seen), as_json=as_json)


def _page(place: Place, seen: Overview) -> list[Section]:
    from pytest_mlops.cli.tables import Section, Table

    serving = [_serving(seen, name, weight) for name, weight in sorted(seen.pointer.weights.items())]
    shadow = [
        f"{name} gets a copy of {share:.0%} of the requests" for name, share in seen.pointer.shadow.items()
    ]
    address = seen.url or "no gateway runs on this machine; start it with pytest-mlops up"
    sections = [
        Section(
            title=f"{place.environment.name}: {address}",
            sentences=(*(serving or ["nothing serves"]), *shadow, *_under_way(seen)),
        )
    ]
    if seen.replicas:
        rows = tuple(
            (
                f"{each.deployment_id}.{each.index}",
                "ready" if each.ready else "alive" if each.alive else "dead",
                each.address,
                str(each.pid),
                str(each.restarts),
                each.message,
            )
            for each in seen.replicas
        )
        columns = ("replica", "state", "address", "process", "restarts", "message")
        table = Table(columns=columns, rows=rows, numeric=("process", "restarts"))
        sections.append(Section(title="Replicas", table=table))
    if not seen.supervised:
        sentence = "no supervisor runs here; pytest-mlops up starts one, which adopts what runs"
        sections.append(Section(title="Supervisor", sentences=(sentence,)))
    return sections


def _serving(seen: Overview, name: str, weight: float) -> str:
    row = seen.row(name)
    version = "of unknown version" if row is None else f"of {row.plan.version}"
    stable = "" if name == seen.pointer.stable else ", on trial"
    return f"{name} {version} gets {weight:g} % of the requests{stable}"


def _under_way(seen: Overview) -> list[str]:
    from pytest_mlops.operations.status import last_words

    if seen.under_way is None:
        return []
    row, journal = seen.under_way
    lines = [f"{row.plan.deployment_id} of {row.plan.version} is under way: {last_words(journal)}"]
    if seen.lease is None:
        lines.append("nobody carries it out; a supervisor goes on with it")
    else:
        holder = seen.lease.holder
        lines.append(f"{holder.actor} on {holder.host} (process {holder.pid}) carries it out")
    return lines


def _values(seen: Overview) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "url": seen.url,
        "supervised": seen.supervised,
        "pointer": asdict(seen.pointer),
        "under_way": None if seen.under_way is None else seen.under_way[0].plan.deployment_id,
        "lease": None if seen.lease is None else str(seen.lease.holder),
        "replicas": [asdict(each) for each in seen.replicas],
        "deployments": [row.record().model_dump(mode="json") for row in seen.rows[:20]],
    }
