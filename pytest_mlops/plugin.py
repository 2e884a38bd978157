"""The pytest plugin: options, marker, fixtures and activation; wiring only.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

import argparse
import gc
import inspect
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_mlops.gate.recorder import Recorder
    from pytest_mlops.records.model import ModelVersion

DEFAULT_RESULT = ".mlops/integration-result.json"

# Options under which pytest runs no test, so that there is nothing to seal.
SILENT = {
    "help": ("--help", "-h"),
    "version": ("--version", "-V", "-VV"),
    "markers": ("--markers",),
    "showfixtures": ("--fixtures", "--funcargs"),
    "show_fixtures_per_test": ("--fixtures-per-test",),
    "cacheshow": ("--cache-show",),
}
PLANNING = {
    "collectonly": ("--collect-only", "--collectonly", "--co"),
    "setupplan": ("--setup-plan", "--setupplan"),
}


# ---- options and markers ----


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"got {text!r}; expected a number from 0 to 1")
    return value


def _reports(text: str) -> list[tuple[str, str]]:
    targets = []
    for part in text.split(","):
        kind, _, path = part.strip().partition("=")
        if kind not in {"html", "md"} or not path:
            raise argparse.ArgumentTypeError(f"got {part.strip()!r}; expected html=PATH or md=PATH")
        targets.append((kind, path))
    return targets


THRESHOLD: dict[str, Any] = {
    "metavar": "SHARE",
    "type": _share,
    "help": "0 to 1; raises the threshold of mlops.yaml, never lowers it",
}
OPTIONS: dict[str, dict[str, Any]] = {
    "gate": {
        "action": "store_true",
        "help": "Judge the model tests of this run and write an IntegrationResult",
    },
    "config": {
        "metavar": "PATH",
        "action": "append",
        "help": "Configuration file; by default the mlops.yaml nearest to the tests. "
        "Given several times, each gates the tests below its folder and has a record of its own",
    },
    "result": {
        "metavar": "PATH",
        "default": DEFAULT_RESULT,
        "help": f"Where the record goes (default: {DEFAULT_RESULT})",
    },
    "context": {
        "choices": ("local", "pull_request", "release"),
        "help": "Where the verdict is needed; by default from the CI event, else local. "
        "In CI, the stricter of this and the event counts",
    },
    "environment": {
        "metavar": "NAME",
        "help": "Environment of mlops.yaml whose demands a release must meet",
    },
    "model-version": {
        "metavar": "PATH",
        "help": "JSON of the model version to test, instead of the model section of mlops.yaml",
    },
    "run-id": {
        "metavar": "ID",
        "help": "Id of this run, by which readers recognise its record (default: a random one)",
    },
    "sign-key": {
        "metavar": "FILE",
        "help": "Private key to sign the statement with (default: $MLOPS_SIGNING_KEY, else unsigned)",
    },
    "report": {
        "metavar": "KIND=PATH",
        "action": "extend",
        "type": _reports,
        "default": [],
        "help": "Write a report beside the record: html=PATH, md=PATH, or both with a comma; may be repeated",
    },
    "min-pass-rate": THRESHOLD,
    "min-coverage": THRESHOLD,
    "min-quality-score": THRESHOLD,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options; nothing is read here."""
    group = parser.getgroup("mlops", "model gate (pytest-mlops)")
    for name, settings in OPTIONS.items():
        group.addoption(f"--mlops-{name}", dest=f"mlops_{name.replace('-', '_')}", **settings)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare our own hooks."""
    from pytest_mlops import hookspecs  # noqa: PLC0415 -- where pytest asks for it

    pluginmanager.add_hookspecs(hookspecs)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    """Raise the exit code to 1 at the very end where the decision is to block."""
    if not config.option.mlops_gate:
        code = yield
        # --help ends the reading of options, so that a later --mlops-gate is never seen.
        asked = config.option.help and "--mlops-gate" in map(str, config.invocation_params.args)
        return pytest.ExitCode.TESTS_FAILED if asked and _silenced(config) else code
    if list(config.invocation_params.args) != sys.argv[1:]:
        # Cleanups run in reverse, so this one thaws what the gate froze after pytest's own last collections.
        # A process that was started for this run ends with it: Python's last collections would visit every
        # item of the session, for up to an eighth of the run, and free nothing that ending does not free.
        config.add_cleanup(gc.unfreeze)
    try:
        code = yield
    except SystemExit as error:
        code = error.code or 0
        if code != 0 or not _blocked(config):
            raise
    blocked = _silenced(config) or _blocked(config)
    return pytest.ExitCode.TESTS_FAILED if code == 0 and blocked else code


def _silenced(config: pytest.Config) -> bool:
    if hasattr(config, "workerinput") or not any(config.getoption(name, None) for name in SILENT | PLANNING):
        return False
    from pytest_mlops.gate.silent import block_silent_run  # noqa: PLC0415 -- where no test runs only

    return block_silent_run(config, SILENT | PLANNING)


def _blocked(config: pytest.Config) -> bool:
    from pytest_mlops.gate.run import CONFIG_RUNS_KEY  # noqa: PLC0415 -- gate on only

    return any(config_run.blocked for config_run in config.stash.get(CONFIG_RUNS_KEY, ()))


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and start the gate if it is on."""
    config.addinivalue_line(
        "markers",
        'model_test(covers=["capability:slice"], dataset="name"): '
        "a test of a model, which the gate judges; covers names the cells of mlops.yaml it exercises.",
    )
    if not config.option.mlops_gate or any(config.getoption(name, None) for name in SILENT):
        return
    if hasattr(config, "workerinput"):
        from pytest_mlops.gate.evidence_source import activate_worker  # noqa: PLC0415 -- gate on only

        activate_worker(config, config.workerinput["mlops"])
    else:
        from pytest_mlops.gate.collector import collector_paused  # noqa: PLC0415 -- gate on only

        with collector_paused():
            from pytest_mlops.gate.activate import activate_controller  # noqa: PLC0415 -- as above

            planning = any(config.getoption(name, None) for name in PLANNING)
            activate_controller(config, planning=planning)
            gc.freeze()  # its classes live as long as the run: no collection need visit them


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind for a second run in the same process."""
    if config.option.mlops_gate:
        from pytest_mlops.gate.evidence_source import deactivate  # noqa: PLC0415 -- gate on only

        deactivate(config)


# ---- model tests that are classes ----


def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> pytest.Item | None:
    """Collect ModelTest classes; there are none unless their base was imported."""
    base = sys.modules.get("pytest_mlops.checks.model_test")
    if base is None or not isinstance(obj, type) or not issubclass(obj, base.ModelTest):
        return None
    if not vars(obj).get("__test__", True):  # its own; that of the base class is for the base class
        return None
    if inspect.isabstract(obj) or obj.__module__ != getattr(collector, "obj", obj).__name__:
        return None
    from pytest_mlops.gate.items import model_test_item  # noqa: PLC0415 -- where there are any only

    return model_test_item(collector, name, obj)


# ---- fixtures ----


@pytest.fixture
def mlops(request: pytest.FixtureRequest) -> Recorder:
    """Record the evidence of a model test: metrics, predictions, latencies, scores, artifacts."""
    from pytest_mlops.gate.evidence_source import SOURCE_KEY  # noqa: PLC0415
    from pytest_mlops.gate.extensions import extra_metrics  # noqa: PLC0415 -- where used only
    from pytest_mlops.gate.recorder import Recorder  # noqa: PLC0415

    node = request.node
    source = request.config.stash.get(SOURCE_KEY, None)
    worker_config = source.worker_config_of(node) if source is not None else None
    sink = source.open_sink(node, worker_config) if source is not None and worker_config is not None else None
    return Recorder(sink, worker_config, partial(extra_metrics, node.ihook))


def _model_scope(fixture_name: str, config: pytest.Config) -> Literal["session", "module"]:  # noqa: ARG001
    """Return how long a model lives: with several configurations, one module may test another model."""
    return "module" if len(config.option.mlops_config or ()) > 1 else "session"


@pytest.fixture(scope=_model_scope)
def mlops_model_version(request: pytest.FixtureRequest) -> ModelVersion | None:
    """The model version under test, its ``artifact_path`` absolute; ``None`` without the gate or a model."""
    from pytest_mlops.gate.evidence_source import SOURCE_KEY  # noqa: PLC0415 -- where used only

    source = request.config.stash.get(SOURCE_KEY, None)
    worker_config = source.worker_config_of(request.node) if source is not None else None
    return worker_config.model_version() if worker_config is not None else None


@pytest.fixture(scope=_model_scope)
def mlops_model(request: pytest.FixtureRequest, mlops_model_version: ModelVersion | None) -> object:
    """The model under test, as a ``pytest_mlops_load_model`` hook loads it."""
    from pytest_mlops.gate.extensions import load_model  # noqa: PLC0415 -- where used only

    return load_model(request, mlops_model_version)
