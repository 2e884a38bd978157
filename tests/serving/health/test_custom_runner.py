"""Functions of the user's: only True is healthy, and one that cannot be called is a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlops.errors import InvalidHealthCheck
from pytest_mlops.serving.health.custom_runner import HEALTHY, NOT_CALLABLE, NOT_HEALTHY, main
from pytest_mlops.serving.health.engine import check_health, probe_once
from pytest_mlops.serving.health.lookups import run_probes
from pytest_mlops.serving.health.probe import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_mlops.records.health import HealthCheck
    from pytest_mlops.serving.health.engine import Probed

MODULE = """
import asyncio, os, sys, threading

def true(): return True
def false(): return False
def one(): return 1
def text(): return "ok"
def none(): pass
def raises(): raise RuntimeError("the disk is full")
def exits(): sys.exit(0)
def exits_as_healthy(): sys.exit(40)
def dies(): os._exit(0)
def prints_and_is_false(): print("noise"); return False
async def awaited(): await asyncio.sleep(0); return True
async def awaited_false(): return False
def where(host, port): return (host, port) == ("127.0.0.1", 81)
def port_only(port): return port == 81
def anything(**given): return given == {"host": "127.0.0.1", "port": 81}
def wants_more(host, user): return True
def deep(): return deep()
not_a_function = 3

class Checks:
    def __call__(self): return True

instance = Checks()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "broken.py").write_text("import no_such_module_anywhere\n", encoding="utf-8")
    (tmp_path / "quits.py").write_text("import sys\nsys.exit(40)\n", encoding="utf-8")
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "inner.py").write_text("def well(): return True\n", encoding="utf-8")
    return tmp_path


def probe(check: HealthCheck, folder: Path) -> Probed:
    async def once() -> Probed:
        where = Endpoint(host="127.0.0.1", port=81, folder=str(folder))
        return await probe_once(check, where)

    return run_probes(once())


@pytest.mark.parametrize(
    "path", ["mine:true", "mine:awaited", "mine:where", "mine:anything", "pack.inner:well"]
)
def test_true_is_healthy(make_check: Callable[..., HealthCheck], folder: Path, path: str) -> None:
    probed = probe(make_check("custom", endpoint=path), folder)
    assert probed.ok, probed.message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("one", "returned 1; only True is healthy"),
        ("raises", "RuntimeError: the disk is full"),
        ("exits_as_healthy", "SystemExit: 40"),
        ("dies", "its process ended with 0"),
        ("prints_and_is_false", "noise returned False; only True is healthy"),
    ],
)
def test_everything_else_is_not(
    make_check: Callable[..., HealthCheck], folder: Path, name: str, message: str
) -> None:
    probed = probe(make_check("custom", endpoint=f"mine:{name}"), folder)
    assert not probed.ok
    assert probed.message == f"mine:{name}: {message}"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no_such_module:check", "ModuleNotFoundError"),
        ("broken:check", "no_such_module_anywhere"),
        ("quits:check", "SystemExit: 40"),
        ("mine:wants_more", "missing a required argument: 'user'"),
    ],
)
def test_function_that_cannot_be_called_is_a_mistake(
    make_check: Callable[..., HealthCheck], folder: Path, path: str, message: str
) -> None:
    with pytest.raises(InvalidHealthCheck, match=message):
        probe(make_check("custom", endpoint=path), folder)


@pytest.mark.parametrize(
    "path", ["mine", "mine:", ":true", "mine.true", "mine:a.b", "../mine:true", "mine:true()"]
)
def test_what_is_no_import_path_is_a_mistake(
    make_check: Callable[..., HealthCheck], folder: Path, path: str
) -> None:
    with pytest.raises(InvalidHealthCheck, match="expected module:function"):
        probe(make_check("custom", endpoint=path), folder)


def test_mistake_ends_the_whole_verdict(make_check: Callable[..., HealthCheck], folder: Path) -> None:
    checks = [make_check("command", name="slow", command=("sleep", "30")), make_check("custom", endpoint="x")]
    with pytest.raises(InvalidHealthCheck):
        run_probes(check_health(checks, [Endpoint(host="h", port=1)], seconds=30))


def test_process_that_cannot_be_started_is_not_healthy(
    make_check: Callable[..., HealthCheck], folder: Path
) -> None:
    probed = probe(make_check("custom", endpoint="mine:true"), folder / "gone")
    assert not probed.ok
    assert "could not be started" in probed.message


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("true", HEALTHY),
        ("awaited", HEALTHY),
        ("where", HEALTHY),
        ("port_only", HEALTHY),
        ("anything", HEALTHY),
        ("instance", HEALTHY),
        ("false", NOT_HEALTHY),
        ("one", NOT_HEALTHY),
        ("text", NOT_HEALTHY),
        ("none", NOT_HEALTHY),
        ("awaited_false", NOT_HEALTHY),
        ("raises", NOT_HEALTHY),
        ("exits", NOT_HEALTHY),
        ("deep", NOT_HEALTHY),
        ("wants_more", NOT_CALLABLE),
        ("not_a_function", NOT_CALLABLE),
        ("missing", NOT_CALLABLE),
    ],
)
def test_code_of_the_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, code: int
) -> None:
    import json
    import sys

    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    try:
        assert main(json.dumps({"path": f"mine:{name}", "host": "127.0.0.1", "port": 81})) == code
    finally:
        sys.modules.pop("mine", None)
    assert bool(capsys.readouterr().out) is (code != HEALTHY)
