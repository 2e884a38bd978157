"""Counts of traffic as JSON, as gateways state them and journals keep them."""

from __future__ import annotations

import json
import math

from pytest_mlops.targets.traffic import DeploymentTraffic, Traffic

COUNTED = DeploymentTraffic(
    requests=7,
    errors=2,
    latency={1.5: 4, math.inf: 1},
    shadow_requests=1,
    shadow_latency={1.5: 1, math.inf: 0},
)


def test_counts_survive_a_journal() -> None:
    traffic = Traffic(
        epoch="e",
        deployments={
            "production.1": COUNTED,
            "production.2": DeploymentTraffic(requests=0, errors=0, latency={}),
        },
    )
    text = json.dumps(traffic.as_json(), allow_nan=False)
    assert Traffic.from_json(json.loads(text)) == traffic


def test_a_journal_that_was_written_earlier_is_read() -> None:
    written = {
        "epoch": "e",
        "arms": {
            "production.1": {
                "requests": 7,
                "errors": 2,
                "latency": [[1.5, 4], [None, 1]],
                "shadow_requests": 1,
                "shadow_errors": 0,
                "shadow_latency": [[1.5, 1], [None, 0]],
                "shadow_differences": 0,
            }
        },
    }
    assert Traffic.from_json(written) == Traffic(epoch="e", deployments={"production.1": COUNTED})
    assert Traffic.from_json(written).as_json() == written


def test_without_shadow_traffic_there_is_no_histogram_of_it() -> None:
    bare = DeploymentTraffic(requests=1, errors=0, latency={math.inf: 1})
    assert DeploymentTraffic.from_json(bare.as_json()) == bare
