"""What the registry costs next to MLflow's, both on SQLite, in one run; and a page out of 100,000 versions.

``python -m benchmarks.registry_cost`` exits with 1 if a limit does not hold. MLflow is asked through its own
client, in this process, without a server. Ours writes with ``synchronous=FULL``, and an entry of the log with
every change. The two take turns, so that a busy machine slows both alike.

It needs the package ``mlflow`` beside ``pytest-mlops[ops]``, best in an environment of its own; without it
only the page is measured.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks._limits import Finding, report
from pytest_mlops.records.codec import dump_canonical
from pytest_mlops.records.model import ModelMetadata, ModelVersion
from pytest_mlops.registry.registry import Registry
from pytest_mlops.store.engine import open_store
from pytest_mlops.store.schema import model_versions, version_tags
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_mlops.store.engine import Store

MODEL, ALIAS, LISTED, LARGE = "credit-risk", "champion", 1_000, 100_000
PAGE_SECONDS = 0.05
# In this order: registering last, so that the rest is asked of a model with just 1,000 versions.
LIMITS = {f"list {LISTED:,}": 20.0, "get by alias": 6.0, "set alias": 40.0, "register": 4.0}
OPERATIONS = {f"list {LISTED:,}": 10, "get by alias": 200, "set alias": 60, "register": 100}
"""Of one round."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """Name of an operation -> what carries out the n-th one; numbers count up over all rounds."""

    operations: dict[str, Callable[[int], object]]


def main(argv: list[str] | None = None) -> int:
    """Measure, print the table, return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.registry_cost", description="Cost of the registry."
    )
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (default: 5)")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open_store(folder=folder / "large") as store:
            findings = [_page(store)]
        if find_spec("mlflow") is None or find_spec("sqlalchemy") is None:
            print("There is nothing to compare with; install the package mlflow.")
        else:
            with open_store(folder=folder / "ours") as store:
                findings += _side_by_side(ours(store), mlflow(folder / "theirs.db"), options.rounds)
    return report(findings)


def ours(store: Store) -> Contender:
    """Return our registry, with a model of 1,000 versions."""
    registry = Registry(store, actor="benchmark")
    for number in range(LISTED):
        registry.register(_version(MODEL, number))
    last = [registry.move_alias(MODEL, ALIAS, "1", expected=None, reason="first")]

    def move(number: int) -> None:
        now = last[0].version_id
        last[0] = registry.move_alias(MODEL, ALIAS, str(number % 2), expected=now, reason="benchmark")

    return Contender(
        operations={
            "register": lambda number: registry.register(_version(MODEL, LISTED + number)),
            "set alias": move,
            "get by alias": lambda _: registry.get_by_alias(MODEL, ALIAS).version_id,
            f"list {LISTED:,}": lambda _: _count(
                [entry.version_id for entry in registry.list(model_id=MODEL, limit=LISTED).entries]
            ),
        }
    )


def mlflow(database: Path) -> Contender:
    """Return MLflow's registry, with a model of 1,000 versions."""
    logging.disable(logging.WARNING)  # it reports each of its migrations
    client_type: Any = import_module("mlflow.tracking").MlflowClient  # where it is installed

    url = f"sqlite:///{database}"
    client = client_type(tracking_uri=url, registry_uri=url)
    client.create_registered_model(MODEL)
    for number in range(LISTED):
        client.create_model_version(MODEL, _source(number))
    client.set_registered_model_alias(MODEL, ALIAS, "1")
    return Contender(
        operations={
            "register": lambda number: client.create_model_version(MODEL, _source(number)),
            "set alias": lambda number: client.set_registered_model_alias(MODEL, ALIAS, str(1 + number % 2)),
            "get by alias": lambda _: client.get_model_version_by_alias(MODEL, ALIAS).version,
            f"list {LISTED:,}": lambda _: _count(
                [
                    entry.version
                    for entry in client.search_model_versions(f"name = '{MODEL}'", max_results=LISTED)
                ]
            ),
        }
    )


def _side_by_side(first: Contender, second: Contender, rounds: int) -> list[Finding]:
    """Let both take turns, and return how many times as fast the first is, for each operation."""
    findings = []
    for what, limit in LIMITS.items():
        ratios, rates = [], []
        for number in range(rounds + 1):  # the first fills caches and is not counted
            fast, slow = (_rate(one, what, number) for one in (first, second))
            if number:
                ratios.append(fast / slow)
                rates.append((fast, slow))
        mine, theirs = (median(column) for column in zip(*rates, strict=True))
        print(f"{what}: {mine:,.0f} a second, MLflow {theirs:,.0f}")
        findings.append(
            Finding(
                what=f"{what}, times MLflow's rate",
                value=median(ratios),
                low=min(ratios),
                high=max(ratios),
                limit=limit,
                at_least=True,
            )
        )
    return findings


def _rate(contender: Contender, what: str, number: int) -> float:
    """Return operations a second of one round."""
    operation, count = contender.operations[what], OPERATIONS[what]
    started = time.perf_counter()
    for one in range(count):
        operation(number * count + one + 1)
    return count / (time.perf_counter() - started)


def _page(store: Store) -> Finding:
    """Measure pages of 100 versions, from the newest to the oldest of 100,000 and under filters."""
    _fill(store)
    registry = Registry(store, actor="benchmark")
    places: list[dict[str, Any]] = [
        *({"model_id": MODEL, "cursor": cursor} for cursor in range(LARGE, 0, -LARGE // 20)),
        {},
        {"cursor": LARGE // 2},
        {"model_id": MODEL, "alias": ALIAS},
        {"model_id": MODEL, "tag": "rare"},
        {"tag": "common"},
        {"tag": "common", "cursor": LARGE // 2},
        {"model_id": MODEL, "verdict": Verdict.FAIL},
        {"model_id": MODEL, "before": datetime.fromtimestamp(100, UTC)},
        {"before": datetime.fromtimestamp(100, UTC)},
    ]
    times = []
    for place in places * 3:
        started = time.perf_counter()
        registry.list(limit=100, **place)
        times.append((time.perf_counter() - started) / PAGE_SECONDS)
    for index, place in enumerate(places):
        if (slow := median(times[index :: len(places)])) > 0.2:
            print(f"page {place}: {1000 * slow * PAGE_SECONDS:.1f} ms")
    return Finding(
        what=f"page of 100 out of {LARGE:,}, seconds / {PAGE_SECONDS:g} (median of the slowest place)",
        value=max(median(times[place :: len(places)]) for place in range(len(places))),
        low=min(times),
        high=max(times),
        limit=1,
    )


def _fill(store: Store) -> None:
    rows = [
        {
            "model_id": MODEL,
            "version": str(number),
            "digest": f"{number:064x}",
            "body": dump_canonical(_version(MODEL, number)).decode(),
            "stored": 0,
            "created_at": float(number),
            "created_by": "benchmark",
        }
        for number in range(LARGE)
    ]
    tags = [{"version_id": 1 + number, "tag": "common", "value": ""} for number in range(0, LARGE, 2)]
    tags += [{"version_id": number, "tag": "rare", "value": ""} for number in (1, LARGE // 2)]
    with store.write() as connection:
        connection.execute(model_versions.insert(), rows)
        connection.execute(version_tags.insert(), tags)
    Registry(store, actor="benchmark").move_alias(MODEL, ALIAS, "5", expected=None, reason="first")


def _version(model: str, number: int) -> ModelVersion:
    return ModelVersion(
        model_id=model,
        version_id=str(number),
        digest=f"{number:064x}",
        metadata=ModelMetadata(algorithm="gradient boosting", data_version="2026-10"),
    )


def _source(number: int) -> str:
    return f"s3://models/{number}"


def _count(names: list[str]) -> None:
    if len(set(names)) != LISTED:
        raise RuntimeError(f"{len(set(names))} versions were listed; expected {LISTED}")


if __name__ == "__main__":
    sys.exit(main())
