"""What the gateway is told."""

from __future__ import annotations

import json
from typing import Any

from pytest_mlops.serving.gateway.routes import read_routes
from pytest_mlops.serving.supervisor.routes import ReplicaView, make_routes
from pytest_mlops.state.pointer import Pointer

POINTER = Pointer(revision=4, stable="a", weights={"b": 10.0, "a": 90.0}, shadow={"c": 0.5})


def view(name: str, port: int, **changes: bool) -> ReplicaView:
    state = {"alive": True, "ready": True, "was_ready": True, **changes}
    return ReplicaView(name=name, host="127.0.0.1", port=port, **state)


def make(replicas: dict[str, list[ReplicaView]], pointer: Pointer = POINTER) -> dict[str, Any]:
    return make_routes(pointer, replicas, {"a": "risk@1"}, environment="production", generation=7)


def ports(replicas: list[ReplicaView]) -> list[int]:
    return [each["port"] for each in make({"a": replicas})["routes"][0]["replicas"]]


def test_the_routes_are_those_of_the_pointer() -> None:
    routes = make({"a": [view("a.0", 1), view("a.1", 2)], "b": [view("b.0", 3)], "c": [view("c.0", 4)]})
    parsed = read_routes(json.dumps(routes).encode())
    assert (parsed.generation, parsed.revision, parsed.environment) == (7, 4, "production")
    assert [(each.deployment, each.version, each.weight) for each in parsed.routes] == [
        ("a", "risk@1", 90.0),
        ("b", "b", 10.0),
    ]
    assert [each.port for each in parsed.routes[0].replicas] == [1, 2]
    assert [(each.deployment, each.share, len(each.replicas)) for each in parsed.shadow] == [("c", 0.5, 1)]


def test_nothing_is_served_before_the_pointer_says_so() -> None:
    routes = make({"a": [view("a.0", 1)]}, Pointer())
    assert (routes["revision"], routes["routes"], routes["shadow"]) == (0, [], [])


def test_only_ready_replicas_get_requests() -> None:
    assert ports([view("a.0", 1), view("a.1", 2, ready=False), view("a.2", 3, alive=False, ready=False)]) == [
        1
    ]


def test_where_none_is_ready_those_that_were_get_requests_all_the_same() -> None:
    states = [view("a.0", 1, ready=False), view("a.1", 2, ready=False, was_ready=False)]
    assert ports([*states, view("a.2", 3, alive=False, ready=False)]) == [1]


def test_replicas_that_only_start_get_no_requests() -> None:
    assert ports([view("a.0", 1, ready=False, was_ready=False)]) == []
