"""What the gateway costs: a small real model, asked directly and through it, with its log on.

``python -m benchmarks.gateway_cost`` serves a logistic regression with uvicorn. Each round takes the servers
in turn: as many requests as sixteen connections get answered (``wrk`` where it is installed), then 100 a
second at fixed times. Ratios are taken within a round; medians are held against the limits. A proxy of
Starlette and httpx is measured beside where Starlette is installed, and ``mlflow models serve`` with
``--mlflow PYTHON``, an interpreter that has MLflow and scikit-learn; neither is held against a limit.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks._limits import Finding, report
from benchmarks._load import Load, Request, saturate, steady
from benchmarks._served_model import BODY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

THROUGHPUT = 0.25
P99_MILLISECONDS = 8.0
CONNECTIONS = 16
RATE = 100.0
ROOT = Path(__file__).parents[1]
TITLES = {"gateway": "gateway", "plain": "Starlette and httpx", "mlflow": "mlflow models serve"}

MLFLOW = """
import sys, mlflow, numpy
from sklearn.linear_model import LogisticRegression
rng = numpy.random.default_rng(0)
x = rng.normal(size=(200, 30))
mlflow.sklearn.save_model(LogisticRegression().fit(x, x[:, 0] > 0), sys.argv[1])
"""


def main(argv: list[str] | None = None) -> int:
    """Measure, print the table, return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gateway_cost", description="Cost of the gateway."
    )
    parser.add_argument("--rounds", type=int, default=7, help="measured rounds (default: 7)")
    parser.add_argument("--seconds", type=float, default=5.0, help="seconds of each load (default: 5)")
    parser.add_argument(
        "--mlflow", metavar="PYTHON", help="measure mlflow models serve of this interpreter too"
    )
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        requests = {"direct": stack.enter_context(_direct())}
        requests["gateway"] = stack.enter_context(_gateway(Path(name), requests["direct"]))
        if find_spec("starlette") is not None:
            requests["plain"] = stack.enter_context(_plain(requests["direct"]))
        if options.mlflow:
            requests["mlflow"] = stack.enter_context(_mlflow(Path(name), options.mlflow))
        full, paced = _measure(requests, rounds=options.rounds, seconds=options.seconds)
        written = _written(Path(name))
    failed = {name: sum(load.failed for load in (*full[name], *paced[name])) for name in requests}
    print(f"failed requests: {failed}; rows in the gateway's log: {written}\n")
    return report(list(_findings(full, paced))) or int(failed["gateway"] > 0 or written == 0)


Loads = dict[str, list[Load]]


def _measure(requests: dict[str, Request], *, rounds: int, seconds: float) -> tuple[Loads, Loads]:
    full: Loads = defaultdict(list)
    paced: Loads = defaultdict(list)
    for number in range(-1, rounds):
        for name, request in requests.items():
            first = saturate(request, seconds=seconds, connections=CONNECTIONS)
            second = steady(request, seconds=2 * seconds, rate=RATE)
            if number >= 0:  # the round before the first warms up
                full[name].append(first)
                paced[name].append(second)
    return full, paced


def _findings(full: Loads, paced: Loads) -> Iterator[Finding]:
    for name, title in TITLES.items():
        if name not in full:
            continue
        limited = name == "gateway"
        pairs = list(zip(full[name], full["direct"], strict=True))
        yield _finding(
            f"{title} / direct, saturated throughput",
            [ours.per_second / direct.per_second for ours, direct in pairs],
            limit=THROUGHPUT if limited else None,
            at_least=True,
        )
        pairs = list(zip(paced[name], paced["direct"], strict=True))
        yield _finding(
            f"{title} - direct, p99 at {RATE:g}/s, ms",
            [ours.p99 - direct.p99 for ours, direct in pairs],
            limit=P99_MILLISECONDS if limited else None,
        )
        yield _finding(f"{title} - direct, median at {RATE:g}/s, ms", [a.median - b.median for a, b in pairs])
    yield _finding("direct, p99 at 100/s, ms", [load.p99 for load in paced["direct"]])
    yield _finding("direct, requests/s", [load.per_second for load in full["direct"]])


def _finding(
    what: str, values: Sequence[float], *, limit: float | None = None, at_least: bool = False
) -> Finding:
    return Finding(
        what=what,
        value=statistics.median(values),
        low=min(values),
        high=max(values),
        limit=limit,
        at_least=at_least,
    )


@contextlib.contextmanager
def _serving(command: Sequence[str], ready: Callable[[], str | None], **environ: str) -> Iterator[None]:
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120
        while not _answers(ready()):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"it does not serve: {' '.join(command)}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str | None) -> bool:
    if url is None:
        return False
    request = urllib.request.Request(url, data=BODY, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _uvicorn(app: str, port: int) -> list[str]:
    quiet = ["--no-access-log", "--log-level", "critical", "--http", "httptools", "--loop", "asyncio"]
    return [sys.executable, "-m", "uvicorn", *quiet, "--host", "127.0.0.1", "--port", str(port), app]


@contextlib.contextmanager
def _direct() -> Iterator[Request]:
    port = _free_port()
    url = f"http://127.0.0.1:{port}/predict"
    with _serving(_uvicorn("benchmarks._served_model:app", port), lambda: url):
        yield Request(port=port, path="/predict", body=BODY)


@contextlib.contextmanager
def _plain(behind: Request) -> Iterator[Request]:
    port = _free_port()
    url = f"http://127.0.0.1:{port}/predict"
    with _serving(_uvicorn("benchmarks._plain_proxy:app", port), lambda: url, BEHIND=str(behind.port)):
        yield Request(port=port, path="/predict", body=BODY)


@contextlib.contextmanager
def _gateway(root: Path, behind: Request) -> Iterator[Request]:
    replica = {"id": "model.0", "host": "127.0.0.1", "port": behind.port}
    route = {"deployment": "model", "version": "model@1", "weight": 100, "replicas": [replica]}
    table = {"generation": 1, "revision": 1, "environment": "benchmark", "routes": [route]}
    (root / "run").mkdir()
    (root / "run" / "routes.json").write_text(json.dumps(table), encoding="utf-8")
    (root / "settings.json").write_text("{}", encoding="utf-8")
    port = _free_port()
    command = [sys.executable, "-m", "pytest_mlops.serving.gateway", "--root", str(root), "--port", str(port)]
    url = f"http://127.0.0.1:{port}/predict"
    with _serving([*command, "--settings", str(root / "settings.json")], lambda: url):
        yield Request(port=port, path="/predict", body=BODY)


@contextlib.contextmanager
def _mlflow(root: Path, python: str) -> Iterator[Request]:
    subprocess.run([python, "-c", MLFLOW, str(root / "mlflow")], check=True, cwd=root)
    port = _free_port()
    command = [
        python,
        "-m",
        "mlflow",
        "models",
        "serve",
        "-m",
        str(root / "mlflow"),
        "--env-manager",
        "local",
    ]
    url = f"http://127.0.0.1:{port}/invocations"
    path = os.pathsep.join((str(Path(python).parent), os.environ["PATH"]))
    with _serving([*command, "-h", "127.0.0.1", "-p", str(port)], lambda: url, PATH=path):
        yield Request(port=port, path="/invocations", body=BODY)


def _written(root: Path) -> int:
    gateway = json.loads((root / "run" / "gateway.json").read_bytes())
    request = urllib.request.Request(
        f"http://127.0.0.1:{gateway['control_port']}/status",
        headers={"Authorization": f"Bearer {gateway['token']}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        log = json.load(answer)["log"]
    return int(log["written"] + log["buffered"])


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


if __name__ == "__main__":
    raise SystemExit(main())
