"""Routes for a gateway, which may be away, know newer ones, or refuse them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.serving.gateway_client import RoutesReply
from pytest_mlops.serving.gateway_protocol import GatewayStatus, LogFate, Routes, read_routes
from pytest_mlops.serving.supervisor.requested import Snapshot
from pytest_mlops.serving.supervisor.routing import ReplicaView, Routing, make_routes
from pytest_mlops.serving.versioned import encode
from pytest_mlops.state.paths import Layout
from pytest_mlops.state.pointer import Pointer
from tests.serving.supervisor.conftest import read_json, write_json

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Gateway:
    """Follows the routes that it gets, where they are newer than those that it has."""

    generation: int = 0
    away: bool = False
    refuses: bool = False
    busy: dict[str, int] = field(default_factory=dict)
    asked: int = 0

    def send_routes(self, routes: Routes) -> RoutesReply | None:
        if self.away:
            return None
        if self.refuses or routes.generation < self.generation:
            return RoutesReply(in_force=False, error="out of order")
        self.generation = routes.generation
        return RoutesReply(in_force=True, error="")

    def status(self) -> GatewayStatus | None:
        self.asked += 1
        if self.away:
            return None
        return GatewayStatus(
            epoch="1",
            started_at="now",
            generation=self.generation,
            revision=0,
            in_flight={},
            in_flight_replicas=self.busy,
            counts={},
            log=LogFate(),
        )


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
def desk(tmp_path: Path, logged: list[str]) -> Desk:
    layout, gateway = Layout(root=tmp_path), Gateway()
    routing = Routing(layout=layout, gateway=gateway, environment="production")  # type: ignore[arg-type]
    return Desk(routing=routing, gateway=gateway, lines=logged, layout=layout)


def test_generations_grow_with_changes_only(desk: Desk) -> None:
    for now, revision in enumerate((1, 1, 2, 2)):
        desk.follow(revision, now)
    assert (desk.gateway.generation, desk.written["generation"], desk.written["revision"]) == (2, 2, 2)


def test_generations_grow_from_those_of_the_supervisor_before(desk: Desk) -> None:
    write_json(desk.layout.routes, {"generation": 41, "revision": 7, "environment": "production"})
    desk.follow(1, 0)
    assert desk.gateway.generation == 42


@pytest.mark.parametrize("value", ["41", -1, None, 1.5, [1]])
def test_a_file_of_routes_that_cannot_be_read_is_replaced(desk: Desk, value: object) -> None:
    write_json(desk.layout.routes, {"generation": value, "revision": 7, "environment": "production"})
    desk.follow(1, 0)
    assert desk.gateway.generation == 1


def test_a_gateway_that_knows_newer_routes_is_overtaken(desk: Desk) -> None:
    desk.gateway.generation = 100
    desk.follow(1, 0)
    desk.follow(1, 1)
    assert desk.gateway.generation == 101
    assert desk.written["generation"] == 101
    assert desk.lines == []


def test_a_gateway_that_was_away_gets_its_routes_when_it_is_back(desk: Desk) -> None:
    desk.gateway.away = True
    desk.follow(1, 0)
    assert desk.written["revision"] == 1  # for a gateway that starts
    desk.gateway.away = False
    desk.follow(1, 0.1)
    assert desk.gateway.generation == 0
    desk.follow(1, 0.3)
    assert desk.gateway.generation == 1


def test_refused_routes_are_sent_again_and_logged_once(desk: Desk) -> None:
    desk.gateway.refuses = True
    for now in range(5):
        desk.follow(1, now)
    assert desk.lines == ["the gateway refuses the routes of revision 1: out of order"]


def test_routes_that_cannot_be_written_are_in_force_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pytest_mlops.serving.supervisor.routing.save", refuse)
    for now in range(2):
        with pytest.raises(OSError, match="No space left"):
            desk.follow(1, now)
    assert desk.gateway.generation == 1
    monkeypatch.undo()
    desk.follow(1, 2)
    assert desk.written["generation"] == 1


def test_requests_under_way_are_known_only_from_a_gateway_that_follows(desk: Desk) -> None:
    desk.gateway.busy = {"production.1.0": 2}
    desk.follow(1, 0)
    assert desk.routing.in_flight(0) == {"production.1.0": 2}
    desk.gateway.busy = {}
    assert desk.routing.in_flight(0.1) == {"production.1.0": 2}  # it is not asked all the time
    assert desk.gateway.asked == 1
    assert desk.routing.in_flight(0.3) == {}
    desk.gateway.refuses = True
    desk.follow(2, 1)
    assert desk.routing.in_flight(2) is None
    desk.gateway.away = True
    assert desk.routing.in_flight(3) is None


POINTER = Pointer(revision=4, stable="a", weights={"b": 10.0, "a": 90.0}, shadow={"c": 0.5})


def view(name: str, port: int, **changes: bool) -> ReplicaView:
    state = {"alive": True, "ready": True, "was_ready": True, **changes}
    return ReplicaView(name=name, host="127.0.0.1", port=port, **state)


def make(replicas: dict[str, list[ReplicaView]], pointer: Pointer = POINTER) -> Routes:
    return make_routes(pointer, replicas, {"a": "risk@1"}, environment="production", generation=7)


def ports(replicas: list[ReplicaView]) -> list[int]:
    return [each.port for each in make({"a": replicas}).routes[0].replicas]


def test_the_routes_are_those_of_the_pointer() -> None:
    routes = make({"a": [view("a.0", 1), view("a.1", 2)], "b": [view("b.0", 3)], "c": [view("c.0", 4)]})
    parsed = read_routes(encode(routes))
    assert (parsed.generation, parsed.revision, parsed.environment) == (7, 4, "production")
    assert [(each.deployment, each.version, each.weight) for each in parsed.routes] == [
        ("a", "risk@1", 90.0),
        ("b", "b", 10.0),
    ]
    assert [each.port for each in parsed.routes[0].replicas] == [1, 2]
    assert [(each.deployment, each.share, len(each.replicas)) for each in parsed.shadow] == [("c", 0.5, 1)]


def test_nothing_is_served_before_the_pointer_names_it() -> None:
    routes = make({"a": [view("a.0", 1)]}, Pointer())
    assert (routes.revision, routes.routes, routes.shadow) == (0, (), ())


def test_only_ready_replicas_get_requests() -> None:
    assert ports([view("a.0", 1), view("a.1", 2, ready=False), view("a.2", 3, alive=False, ready=False)]) == [
        1
    ]


def test_where_none_is_ready_those_that_were_get_requests_all_the_same() -> None:
    states = [view("a.0", 1, ready=False), view("a.1", 2, ready=False, was_ready=False)]
    assert ports([*states, view("a.2", 3, alive=False, ready=False)]) == [1]


def test_replicas_that_only_start_get_no_requests() -> None:
    assert ports([view("a.0", 1, ready=False, was_ready=False)]) == []
