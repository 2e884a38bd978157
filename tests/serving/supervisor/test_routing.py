"""Routes that go to a gateway which is away, knows better, or refuses them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.serving.gateway_protocol import read_routes
from pytest_mlops.serving.processes import read_json, write_json
from pytest_mlops.serving.supervisor.requested import Snapshot
from pytest_mlops.serving.supervisor.routing import ReplicaView, Routing, make_routes
from pytest_mlops.state.paths import Layout
from pytest_mlops.state.pointer import Pointer

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Gateway:
    """Follows what it is told, where it is newer than what it knows."""

    generation: int = 0
    away: bool = False
    refuses: bool = False
    busy: dict[str, int] = field(default_factory=dict)
    asked: int = 0

    def tell(self, routes: dict[str, Any]) -> bool:
        if self.away or self.refuses or routes["generation"] < self.generation:
            return False
        self.generation = routes["generation"]
        return True

    def status(self) -> dict[str, Any] | None:
        self.asked += 1
        return None if self.away else {"generation": self.generation, "in_flight_replicas": self.busy}


@dataclass
class Desk:
    routing: Routing
    gateway: Gateway
    lines: list[str]
    layout: Layout

    def follow(self, revision: int, now: float) -> None:
        self.routing.follow(Snapshot(pointer=Pointer(revision=revision)), {}, now)

    @property
    def written(self) -> dict[str, Any]:
        return read_json(self.layout.routes) or {}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    layout, gateway = Layout(root=tmp_path), Gateway()
    lines: list[str] = []
    routing = Routing(layout=layout, gateway=gateway, environment="production", say=lines.append)  # type: ignore[arg-type]
    return Desk(routing=routing, gateway=gateway, lines=lines, layout=layout)


def test_generations_grow_with_changes_only(desk: Desk) -> None:
    for now, revision in enumerate((1, 1, 2, 2)):
        desk.follow(revision, now)
    assert (desk.gateway.generation, desk.written["generation"], desk.written["revision"]) == (2, 2, 2)


def test_generations_grow_from_those_of_the_supervisor_before(desk: Desk) -> None:
    write_json(desk.layout.routes, {"generation": 41})
    desk.follow(1, 0)
    assert desk.gateway.generation == 42


@pytest.mark.parametrize("value", ["41", -1, None, 1.5, [1]])
def test_a_file_of_routes_that_says_nothing_sensible_is_no_hindrance(desk: Desk, value: object) -> None:
    write_json(desk.layout.routes, {"generation": value})
    desk.follow(1, 0)
    assert desk.gateway.generation == 1


def test_a_gateway_that_knows_newer_routes_is_overtaken(desk: Desk) -> None:
    desk.gateway.generation = 100
    desk.follow(1, 0)
    desk.follow(1, 1)
    assert desk.gateway.generation == 101
    assert desk.written["generation"] == 101
    assert desk.lines == []


def test_a_gateway_that_is_away_is_told_when_it_is_back(desk: Desk) -> None:
    desk.gateway.away = True
    desk.follow(1, 0)
    assert desk.written["revision"] == 1  # for a gateway that starts
    desk.gateway.away = False
    desk.follow(1, 0.1)
    assert desk.gateway.generation == 0
    desk.follow(1, 0.3)
    assert desk.gateway.generation == 1


def test_a_gateway_that_refuses_is_told_again_and_complained_of_once(desk: Desk) -> None:
    desk.gateway.refuses = True
    for now in range(5):
        desk.follow(1, now)
    assert desk.lines == ["the gateway does not take the routes of revision 1"]


def test_routes_that_cannot_be_written_are_in_force_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pytest_mlops.serving.supervisor.routing.write_json", refuse)
    for now in range(2):
        with pytest.raises(OSError, match="No space left"):
            desk.follow(1, now)
    assert desk.gateway.generation == 1
    monkeypatch.undo()
    desk.follow(1, 2)
    assert desk.written["generation"] == 1


def test_a_replica_is_quiet_only_by_the_word_of_a_gateway_that_follows(desk: Desk) -> None:
    desk.gateway.busy = {"production.1.0": 2}
    desk.follow(1, 0)
    assert desk.routing.quiet(0) == {"production.1.0": 2}
    desk.gateway.busy = {}
    assert desk.routing.quiet(0.1) == {"production.1.0": 2}  # it is not asked all the time
    assert desk.gateway.asked == 1
    assert desk.routing.quiet(0.3) == {}
    desk.gateway.refuses = True
    desk.follow(2, 1)
    assert desk.routing.quiet(2) is None
    desk.gateway.away = True
    assert desk.routing.quiet(3) is None


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
