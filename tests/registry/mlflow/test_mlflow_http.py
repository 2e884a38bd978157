"""What a server may do to us: errors, delays, odd answers; and what never leaks."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import httpx
import pytest

pytest.importorskip("sqlalchemy")

from pytest_mlops.errors import ConfigError, HttpError, InvalidMetadata
from pytest_mlops.http import MAX_ANSWER
from pytest_mlops.registry.mlflow import artifacts
from pytest_mlops.registry.mlflow.client import MlflowClient, connect
from pytest_mlops.registry.mlflow.http import MlflowHttp, credentials_from, server_url
from pytest_mlops.registry.mlflow.importing import import_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_mlops.registry.registry import Registry

SERVER = "https://mlflow.example/base"
MODEL = {"registered_model": {"name": "credit"}}


class Waits(list[float]):
    """Waits by noting how long."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def make(handler: Callable[[httpx.Request], httpx.Response], **variables: str) -> tuple[MlflowHttp, Waits]:
    waits = Waits()
    http = MlflowHttp(
        SERVER, credentials=credentials_from(variables), transport=httpx.MockTransport(handler), sleep=waits
    )
    return http, waits


def answers(*given: httpx.Response | Exception) -> tuple[MlflowHttp, Waits, list[httpx.Request]]:
    """Return a server that gives these answers in turn."""
    waiting, seen = list(given), []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        answer = waiting.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return *make(handle), seen


def test_what_fails_on_the_way_is_tried_again_with_growing_waits() -> None:
    http, waits, seen = answers(
        httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), httpx.Response(200, json=MODEL)
    )
    assert MlflowClient(http).model("credit").name == "credit"
    assert waits == [1.0, 2.0]
    assert seen[-1].url == f"{SERVER}/api/2.0/mlflow/registered-models/get?name=credit"


def test_a_busy_server_is_waited_for_as_it_asks() -> None:
    busy = httpx.Response(503, headers={"Retry-After": "7"})
    odd = httpx.Response(502, headers={"Retry-After": "soon"})
    http, waits, _ = answers(busy, odd, httpx.Response(200, json=MODEL))
    MlflowClient(http).model("credit")
    assert waits == [7.0, 2.0]


def test_a_server_that_asks_for_a_long_wait_is_given_up() -> None:
    http, waits, _ = answers(httpx.Response(429, headers={"Retry-After": "99999"}))
    with pytest.raises(HttpError, match="HTTP 429"):
        MlflowClient(http).model("credit")
    assert waits == []


def test_in_the_end_the_sentence_says_what_got_no_answer() -> None:
    http, waits, _ = answers(*[httpx.ConnectError("refused")] * 4)
    with pytest.raises(
        HttpError,
        match=r"server https://mlflow.example/base did not answer GET /base/api/2.0/mlflow/\S+ to the end",
    ):
        MlflowClient(http).model("credit")
    assert len(waits) == 3


@pytest.mark.parametrize(
    ("fault", "tries"),
    [
        (httpx.ReadTimeout("slow"), 1),
        (httpx.Response(503), 1),
        (httpx.ConnectError("refused"), 2),
        (httpx.Response(429), 2),
    ],
)
def test_what_would_make_two_of_something_is_repeated_only_if_nothing_was_done(
    fault: httpx.Response | Exception, tries: int
) -> None:
    created = httpx.Response(200, json={"model_version": {"name": "credit", "version": "1"}})
    http, _, seen = answers(fault, created)
    make = MlflowClient(http).create_version
    if tries == 1:
        with pytest.raises(HttpError):
            make("credit", source="s3://b", run_id=None, tags={}, description="")
    else:
        assert make("credit", source="s3://b", run_id=None, tags={}, description="").version == "1"
    assert len(seen) == tries


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (httpx.Response(401), "HTTP 401; set MLFLOW_TRACKING_TOKEN"),
        (httpx.Response(403, json={"message": "no"}), "HTTP 403; set MLFLOW_TRACKING_TOKEN"),
        (httpx.Response(400, json={"error_code": "X", "message": "wrong\nname."}), "HTTP 400: wrong name$"),
        (httpx.Response(404, text="<html>"), "HTTP 404 and no reason; check that this is the address"),
        (httpx.Response(302, headers={"Location": "https://evil.example"}), "HTTP 302 and no reason"),
        (httpx.Response(200, text="<html>"), "HTTP 200 and no JSON object"),
        (httpx.Response(200, json=[1]), "HTTP 200 and no JSON object"),
        (httpx.Response(200, json={}), "sent an unexpected response: registered_model: "),
        (
            httpx.Response(200, json={"registered_model": {"name": 3}}),
            "sent an unexpected response: registered_model.name: ",
        ),
        (httpx.Response(200, content=b"[" * 100_000), "no JSON object"),
        (httpx.Response(200, content=b" " * (MAX_ANSWER + 1)), "more than 33,554,432 bytes"),
    ],
)
def test_a_bad_answer_is_one_sentence(answer: httpx.Response, message: str) -> None:
    http, _, seen = answers(answer)
    with pytest.raises(HttpError, match=message):
        MlflowClient(http).model("credit")
    assert len(seen) == 1


def test_a_long_message_is_cut_and_its_control_characters_shown() -> None:
    http, _, _ = answers(httpx.Response(400, json={"message": "\x1b[31m" + "x" * 1000}))
    with pytest.raises(HttpError) as caught:
        MlflowClient(http).model("credit")
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("variables", "header"),
    [
        ({"MLFLOW_TRACKING_TOKEN": "s3cret"}, "Bearer s3cret"),
        ({"MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": "s3cret"}, "Basic YWRhOnMzY3JldA=="),
        ({"MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_TOKEN": "t"}, "Bearer t"),
        ({}, None),
    ],
)
def test_credentials_come_from_mlflows_own_variables(variables: dict[str, str], header: str | None) -> None:
    found: list[str | None] = []

    def handle(request: httpx.Request) -> httpx.Response:
        found.append(request.headers.get("Authorization"))
        return httpx.Response(200, json=MODEL)

    http, _ = make(handle, **variables)
    MlflowClient(http).model("credit")
    assert found == [header]


def test_a_secret_stands_in_no_message_no_log_and_no_representation(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"message": f"who is {request.headers['Authorization']}?"})

    http, _ = make(echo, MLFLOW_TRACKING_TOKEN="s3cret")
    with caplog.at_level(logging.DEBUG), pytest.raises(HttpError) as caught:
        MlflowClient(http).model("credit")
    assert "who is Bearer ***?" in str(caught.value)
    assert "s3cret" not in caplog.text
    assert "s3cret" not in repr(credentials_from({"MLFLOW_TRACKING_TOKEN": "s3cret"}))


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("ftp://host", "expected an address"),
        ("host:5000", "expected an address"),
        ("http://", "expected an address"),
        ("http://ada:pw@host", "user name"),
        ("http://host?x=1", "without '\\?'"),
        ("http://host/#/models", "without '\\?'"),
        ("http://host:port", "not an address"),
    ],
)
def test_an_address_that_cannot_be_is_refused_without_its_password(address: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word) as caught:
        server_url(address)
    assert "pw" not in str(caught.value)


def test_an_address_is_remembered_in_one_way(monkeypatch: pytest.MonkeyPatch) -> None:
    assert server_url(" HTTP://Host:5000/base/ ") == "http://host:5000/base"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000/")
    assert connect().server == "http://host:5000"
    with pytest.raises(ConfigError, match="not valid in a header"):
        credentials_from({"MLFLOW_TRACKING_TOKEN": "a\nb"})


def test_versions_are_read_page_by_page() -> None:
    def page(*numbers: str, token: str | None = None) -> httpx.Response:
        listed = [{"name": "it's", "version": number} for number in numbers]
        return httpx.Response(200, json={"model_versions": listed, "next_page_token": token})

    http, _, seen = answers(page("3", "2", token="more"), page("1"))
    assert [one.version for one in MlflowClient(http).versions("it's")] == ["3", "2", "1"]
    assert seen[0].url.params["filter"] == 'name = "it\'s"'
    assert seen[1].url.params["page_token"] == "more"


# ---- files ----


def listing(*files: tuple[str, bool, int]) -> httpx.Response:
    rows = [{"path": path, "is_dir": folder, "file_size": size} for path, folder, size in files]
    return httpx.Response(200, json={"files": rows})


def test_files_are_fetched_with_their_folders(tmp_path: Path) -> None:
    http, _, seen = answers(
        listing(("a b", False, 2), ("sub", True, 0)),
        httpx.Response(200, content=b"AB"),
        listing(("c", False, 1)),
        httpx.Response(200, content=b"C"),
    )
    artifacts.fetch(http, "mlflow-artifacts:/1/x", tmp_path / "model")
    assert (tmp_path / "model" / "a b").read_bytes() == b"AB"
    assert (tmp_path / "model" / "sub" / "c").read_bytes() == b"C"
    assert seen[1].url.raw_path == b"/base/api/2.0/mlflow-artifacts/artifacts/1/x/a%20b"


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "C:\\x", "..\\x", "", "a\0b"])
def test_a_name_that_leads_out_of_the_model_is_refused(tmp_path: Path, path: str) -> None:
    http, _, _ = answers(listing((path, False, 1)), httpx.Response(200, content=b"x"))
    with pytest.raises(HttpError, match="expected a path inside the model"):
        artifacts.fetch(http, "mlflow-artifacts:/1/x", tmp_path / "model")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("sent", "message"), [(b"", "expected 2; try"), (b"x", "expected 2; try"), (b"xxx", "more than 2 bytes")]
)
def test_a_file_of_another_size_is_refused(tmp_path: Path, sent: bytes, message: str) -> None:
    http, _, _ = answers(listing(("a", False, 2)), httpx.Response(200, content=sent))
    with pytest.raises(HttpError, match=message):
        artifacts.fetch(http, "mlflow-artifacts:/1/x", tmp_path / "model")


def test_a_listing_that_names_a_file_twice_or_nothing_is_refused(tmp_path: Path) -> None:
    http, _, _ = answers(listing(("a", False, 1), ("a", False, 1)), httpx.Response(200, content=b"x"))
    with pytest.raises(HttpError, match="twice"):
        artifacts.fetch(http, "mlflow-artifacts:/1/x", tmp_path / "one")
    http, _, _ = answers(httpx.Response(200, json={}))
    with pytest.raises(HttpError, match="no files"):
        artifacts.fetch(http, "mlflow-artifacts:/1/x", tmp_path / "two")


def test_a_download_that_breaks_off_or_is_refused_is_one_sentence(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x"
        raise httpx.ReadError("gone")

    faults = [httpx.Response(200, content=broken()) for _ in range(4)]
    http, _, _ = answers(listing(("a", False, 2)), *faults)
    with pytest.raises(HttpError, match="to the end: ReadError: gone"):
        artifacts.fetch(http, "mlflow-artifacts:/1/x", tmp_path / "one")
    http, _, _ = answers(
        listing(("a", False, 2)), httpx.Response(200, content=broken()), httpx.Response(200, content=b"AB")
    )
    artifacts.fetch(http, "mlflow-artifacts:/1/x", tmp_path / "again")
    assert (tmp_path / "again" / "a").read_bytes() == b"AB"
    http, _, _ = answers(listing(("a", False, 2)), httpx.Response(404, json={"message": "No such artifact"}))
    with pytest.raises(HttpError, match="No such artifact"):
        artifacts.fetch(http, "mlflow-artifacts:/1/x", tmp_path / "two")


def test_an_upload_that_is_refused_or_breaks_off_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    http, _, _ = answers(httpx.Response(507, json={"message": "disk full"}), httpx.WriteError("gone"))
    with pytest.raises(HttpError, match="HTTP 507: disk full"):
        artifacts.put(http, "mlflow-artifacts:/1", tmp_path, ["a"])
    with pytest.raises(HttpError, match=r"PUT .* to the end: WriteError: gone"):
        artifacts.put(http, "mlflow-artifacts:/1", tmp_path, ["a"])


def test_an_import_copes_with_what_servers_leave_out(local: Registry) -> None:
    """A run that is gone, times beyond reason, tag names that would read as a name and a value."""
    remote = {
        "name": "credit",
        "version": "1",
        "run_id": "r",
        "creation_timestamp": 10**18,
        "tags": [{"key": "odd=name", "value": "x"}, {"key": "gold"}],
    }
    gone = httpx.Response(404, json={"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no run"})
    http, _, _ = answers(httpx.Response(200, json={"model_version": remote}), gone)
    done = import_version(local, MlflowClient(http), "credit", "1")
    assert done.registration.entry.tags == {"gold": ""}
    assert done.registration.entry.model_version.created_at is None
    assert [message.partition(":")[0] for message in done.left_out] == [
        "metrics and parameters",
        "tag 'odd=name'",
    ]


def test_an_import_under_a_name_that_cannot_be_is_refused(local: Registry) -> None:
    remote = {"name": "credit", "version": "1"}
    http, _, _ = answers(httpx.Response(200, json={"model_version": remote}))
    with pytest.raises(InvalidMetadata, match="begins with '@'"):
        import_version(local, MlflowClient(http), "credit", "1", version_id="@x")
