"""What a run with the gate imports: what it needs, and nothing that its configuration does not name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SPY = """
import json
import sys

import pytest


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    name = "worker.json" if hasattr(config, "workerinput") else "modules.json"
    with open(config.rootpath / name, "w") as stream:
        json.dump(sorted(sys.modules), stream)
"""
TRIVIAL = """
import pytest


@pytest.mark.model_test
@pytest.mark.parametrize("case", range(10))
def test_trivial(case):
    assert case >= 0
"""
PLAIN_METRIC = """
import pytest


@pytest.mark.model_test
def test_metric(mlops):
    mlops.metric("mae", 0.9)
"""

BELOW = {
    "ci": {"context", "event", "git", "provenance", "redaction"},
    "config": {"find", "problems"},
    "decision": None,
    "evidence": {"attest", "dsse", "statement"},
    "gate": None,
    "records": {
        "base",
        "codec",
        "comparison",
        "integration",
        "measurement",
        "model",
        "policy",
        "results",
        "rule",
    },
    "report": {"changes", "messages"},
    "stats": {"binomial", "estimate", "normal"},
}
"""Package -> the modules of it that every run with the gate may load; ``None``: all of them."""
ALONE = {"errors", "files", "hookspecs", "names", "plugin", "strict_json", "text", "verdict"}
WITH_CONFIG = {
    *(
        f"config.{name}"
        for name in ("checks", "entries", "guard", "load", "messages", "models", "reserved", "yaml")
    ),
    "checks",
    "checks.catalog",
}
"""What a configuration adds that names neither checks nor environments."""
NEVER = {
    *("gate.code_quality", "gate.in_process", "gate.items", "gate.merge", "gate.reports"),
    *("decision.deltas", "decision.limits", "decision.margins", "decision.planning", "decision.rules"),
}
"""Modules of these packages for which a run has to ask."""

HEAVY = {
    "numpy",
    "scipy",
    "pandas",
    "httpx",
    "typer",
    "rich",
    "jinja2",
    "plotly",
    "sqlalchemy",
    "cryptography",
}
HEAVY |= {"starlette", "uvicorn", "psutil", "pyarrow", "fsspec", "asyncio", "multiprocessing"}


def modules_of(folder: Path, *arguments: str, file: str = "modules.json") -> set[str]:
    """Run pytest in ``folder`` and return the modules that are loaded at its end."""
    (folder / "conftest.py").write_text(SPY, encoding="utf-8")
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "COVERAGE_", "COV_"))
    }
    others = ("hypothesispytest", "anyio", "pytest_cov", "benchmark")
    blocked = [option for name in others for option in ("-p", f"no:{name}")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *blocked, "--mlops-gate", "--mlops-context=local", *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return set(json.loads((folder / file).read_text(encoding="utf-8")))


def ours(modules: set[str]) -> set[str]:
    """Return the modules of this package, without its name."""
    return {name.partition(".")[2] for name in modules if name.startswith("pytest_mlops.")}


def beyond(modules: set[str]) -> set[str]:
    """Return the modules of this package that no run with the gate may load unasked."""
    found = set()
    for name in ours(modules):
        package, _, module = name.partition(".")
        allowed = BELOW.get(package, set())
        known = name in ALONE or (package in BELOW and (not module or allowed is None or module in allowed))
        if not known or name in NEVER:
            found.add(name)
    return found


def test_without_a_configuration_the_gate_loads_this_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "test_trivial.py").write_text(TRIVIAL, encoding="utf-8")
    modules = modules_of(tmp_path)
    assert "gate.session" in ours(modules)
    assert beyond(modules) == set()
    assert not modules & {*HEAVY, "yaml"}


def test_a_configuration_adds_its_reader_and_no_model_that_it_does_not_name(tmp_path: Path) -> None:
    (tmp_path / "mlops.yaml").write_text("model: {id: m, version: '1'}\n", encoding="utf-8")
    (tmp_path / "test_trivial.py").write_text(TRIVIAL, encoding="utf-8")
    modules = modules_of(tmp_path)
    assert "config.load" in ours(modules)
    assert beyond(modules) - WITH_CONFIG == set()
    assert not modules & HEAVY


def test_a_plain_metric_needs_no_numerics(tmp_path: Path) -> None:
    (tmp_path / "test_metric.py").write_text(PLAIN_METRIC, encoding="utf-8")
    modules = modules_of(tmp_path)
    assert "gate.recorder" in ours(modules)
    assert beyond(modules) == set()
    assert not modules & HEAVY


@pytest.mark.parametrize(
    ("config", "module"),
    [
        ("environments: {production: {}}", "records.ticket"),
        ("environments: {production: {}}", "records.serving"),
        ("checks: [{check: model_size, max_mb: 1}]", "checks.base"),
    ],
)
def test_what_a_configuration_names_is_loaded(tmp_path: Path, config: str, module: str) -> None:
    (tmp_path / "model.bin").write_text("weights", encoding="utf-8")
    model = "model: {id: m, version: '1', artifact: model.bin}\n"
    (tmp_path / "mlops.yaml").write_text(f"{model}{config}\n", encoding="utf-8")
    (tmp_path / "test_trivial.py").write_text(TRIVIAL, encoding="utf-8")
    assert module in ours(modules_of(tmp_path))


def test_a_worker_loads_neither_records_nor_configuration(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    (tmp_path / "mlops.yaml").write_text("model: {id: m, version: '1'}\n", encoding="utf-8")
    (tmp_path / "test_metric.py").write_text(PLAIN_METRIC, encoding="utf-8")
    modules = modules_of(tmp_path, "-n1", file="worker.json")
    assert "gate.evidence_source" in ours(modules)
    packages = {name.partition(".")[0] for name in ours(modules)}
    assert packages <= {*ALONE, "decision", "gate", "stats"}
    assert not modules & {*HEAVY - {"multiprocessing"}, "pydantic", "yaml"}


FROZEN_AT_EXIT = """
import atexit
import gc

before = gc.get_freeze_count()  # Python itself may have frozen some of its own at start
atexit.register(lambda: print("frozen at exit:", gc.get_freeze_count() > before))
"""


@pytest.mark.parametrize(
    ("start", "frozen"),
    [
        (("-m", "pytest"), True),
        (
            ("-c", "import sys, pytest; arguments = sys.argv[1:]; del sys.argv[1:]; pytest.main(arguments)"),
            False,
        ),
    ],
    ids=["a process of its own", "a call in a process that goes on"],
)
def test_what_the_gate_froze_stays_so_only_where_the_process_ends_with_the_run(
    tmp_path: Path, start: tuple[str, ...], *, frozen: bool
) -> None:
    (tmp_path / "conftest.py").write_text(FROZEN_AT_EXIT, encoding="utf-8")
    (tmp_path / "test_trivial.py").write_text(TRIVIAL, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, *start, "-q", "--mlops-gate", "--mlops-context=local"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert f"frozen at exit: {frozen}" in done.stdout, done.stdout + done.stderr
