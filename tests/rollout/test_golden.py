"""Golden predictions: all of them hold, or the version gets no traffic."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.errors import EvidenceError, TaskError
from pytest_mlops.records.serving import GoldenSettings
from pytest_mlops.rollout.golden import GoldenCase, read_golden, replay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = GoldenSettings(file="golden.json", tolerance=0.001, timeout=5.0)


class Doubles(BaseHTTPRequestHandler):
    """Answers a number with twice as much; -1 with a failure, and -2 with something else."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        body = b"oops" if asked == -2 else json.dumps({"double": 2 * asked}).encode()
        self.send_response(500 if asked == -1 else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Doubles) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/predict"
        server.shutdown()
        thread.join()


def case(number: int, answer: object) -> GoldenCase:
    return GoldenCase(request=number, response={"double": answer})


def test_all_hold(url: str) -> None:
    cases = [case(n, 2 * n) for n in range(30)]
    assert replay(cases, url, SETTINGS) == f"30 of 30 golden predictions match at {url}"


def test_within_the_tolerance_is_the_same(url: str) -> None:
    replay([case(1, 2.0005)], url, SETTINGS)


def test_those_that_do_not_are_named(url: str) -> None:
    cases = [case(1, 2), case(2, 5), case(-1, -2), case(-2, -4), case(3, 7)]
    with pytest.raises(TaskError) as refused:
        replay(cases, url, SETTINGS)
    found = str(refused.value)
    assert found.startswith("4 of 5 golden predictions failed: case 1: the answer.double is 4, expected 5")
    assert "answered 500" in found
    assert "not valid JSON" in found
    assert found.endswith("and 1 more")


def test_without_an_answer_none_holds() -> None:
    with pytest.raises(TaskError, match=r"1 of 1 golden predictions failed: .* gave no response"):
        replay([case(1, 2)], "http://127.0.0.1:9/predict", SETTINGS)


def test_of_no_case_nothing_holds(url: str) -> None:
    with pytest.raises(TaskError, match="there are no golden predictions"):
        replay([], url, SETTINGS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "contains no golden predictions"),
        ("{}", "contains no golden predictions"),
        ("[1]", "entry 0 is not of the form"),
        ('[{"request": 1}]', "entry 0 is not of the form"),
        ('[{"request": 1, "response": NaN}]', "NaN is not a number"),
        ("nonsense", "not valid JSON"),
    ],
)
def test_a_file_that_holds_none_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "golden.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(EvidenceError, match=message):
        read_golden(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="cannot read"):
        read_golden(tmp_path / "golden.json")
