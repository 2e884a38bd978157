"""Installed but not asked for, the plugin costs no import, no fixture and no file."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

TRIVIAL = "def test_trivial():\n    pass\n"

# Reports what an idle run left in the interpreter, from inside that run.
SPY = """\
import json
import sys


def pytest_unconfigure(config):
    with open(config.rootpath / "modules.json", "w") as stream:
        json.dump(sorted(sys.modules), stream)
"""

# What pytest itself needs of us: the package, the plugin, and the hooks that a conftest.py may implement.
IDLE = {"pytest_mlops", "pytest_mlops.plugin", "pytest_mlops.hookspecs"}
HEAVY = {"pydantic", "pydantic_core", "yaml", "httpx", "numpy", "scipy", "typer", "rich"}
RUNS = {"collected": ("--collect-only",), "run": ()}
LOADED_BY = {
    "entry point": ({}, ()),
    "option": ({"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, ("-p", "pytest_mlops.plugin")),
}


def idle_pytest(
    folder: Path, *arguments: str, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run pytest in ``folder`` in a process of its own, as a user without our options does."""
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COVERAGE_"))
    }
    # Other plugins may import whatever they like; they are not what is looked at here.
    blocked = ("-p", "no:hypothesispytest", "-p", "no:anyio", "-p", "no:pytest_cov", "-p", "no:cacheprovider")
    return subprocess.run(
        [sys.executable, "-B", "-m", "pytest", *blocked, *arguments],
        cwd=folder,
        env={**ours, "PYTHONDONTWRITEBYTECODE": "1", **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def modules_after(folder: Path, *arguments: str, environ: dict[str, str] | None = None) -> set[str]:
    """Return the modules that an idle run of one trivial test had imported at its end."""
    (folder / "test_trivial.py").write_text(TRIVIAL)
    (folder / "conftest.py").write_text(SPY)
    done = idle_pytest(folder, *arguments, environ=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return set(json.loads((folder / "modules.json").read_text()))


@pytest.mark.parametrize("arguments", RUNS.values(), ids=RUNS.keys())
@pytest.mark.parametrize(("environ", "loading"), LOADED_BY.values(), ids=LOADED_BY.keys())
def test_idle_run_imports_only_what_pytest_needs_of_us(
    tmp_path: Path, environ: dict[str, str], loading: tuple[str, ...], arguments: tuple[str, ...]
) -> None:
    modules = modules_after(tmp_path, *loading, *arguments, environ=environ)
    assert {name for name in modules if name.partition(".")[0] == "pytest_mlops"} == IDLE
    assert not HEAVY & modules


def test_gate_on_is_seen_by_the_same_spy(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(SPY)
    (tmp_path / "test_trivial.py").write_text(TRIVIAL)
    idle_pytest(tmp_path, "--mlops-gate", "--mlops-context=local")
    modules = set(json.loads((tmp_path / "modules.json").read_text()))
    assert {"pydantic", "pytest_mlops.gate.session"} <= modules


def test_disabled_autoloading_leaves_the_plugin_out_altogether(tmp_path: Path) -> None:
    modules = modules_after(tmp_path, environ={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    assert not any(name.startswith("pytest_mlops") for name in modules)


def test_idle_run_sets_up_no_fixture_of_ours(tmp_path: Path) -> None:
    (tmp_path / "test_trivial.py").write_text(TRIVIAL)
    done = idle_pytest(tmp_path, "--setup-show")
    assert "test_trivial.py::test_trivial" in done.stdout
    assert "mlops" not in done.stdout.partition("collected 1 item")[2]


def test_idle_run_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "test_trivial.py").write_text(TRIVIAL)
    (tmp_path / "mlops.yaml").write_text("version: 1\n")
    before = sorted(tmp_path.rglob("*"))
    assert idle_pytest(tmp_path).returncode == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_idle_run_does_not_read_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "test_trivial.py").write_text(TRIVIAL)
    (tmp_path / "mlops.yaml").write_text("this: [is not\n")
    done = idle_pytest(tmp_path)
    assert done.returncode == 0
    assert "mlops" not in done.stdout.partition("plugins:")[2].partition("\n")[2]


def test_marker_is_registered_while_the_gate_is_off(tmp_path: Path) -> None:
    (tmp_path / "test_marked.py").write_text(
        "import pytest\n@pytest.mark.model_test(covers=['a:all'])\ndef test_marked():\n    pass\n"
    )
    done = idle_pytest(tmp_path, "--strict-markers", "-W", "error")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_recorder_checks_and_keeps_nothing_while_the_gate_is_off(tmp_path: Path) -> None:
    (tmp_path / "test_recording.py").write_text(
        "def test_fine(mlops):\n    mlops.metric('accuracy', 0.9)\n\n\n"
        "def test_nan(mlops):\n    mlops.metric('accuracy', float('nan'))\n"
    )
    done = idle_pytest(tmp_path)
    assert "1 failed, 1 passed" in done.stdout
    assert not (tmp_path / ".mlops").exists()


def test_help_shows_the_option_group(tmp_path: Path) -> None:
    done = idle_pytest(tmp_path, "--help")
    assert done.returncode == 0
    assert "model gate (pytest-mlops):" in done.stdout
    assert "--mlops-gate" in done.stdout


def test_blocking_the_plugin_takes_its_options_away(tmp_path: Path) -> None:
    done = idle_pytest(tmp_path, "-p", "no:mlops", "--mlops-gate")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "unrecognized arguments: --mlops-gate" in done.stderr


WHILE_RUNNING = """\
import gc


def test_run():
    print("frozen while tests run:", gc.get_freeze_count())
"""


@pytest.mark.parametrize(("options", "frozen"), [((), False), (("--mlops-gate",), True)], ids=["off", "on"])
def test_only_a_gate_freezes_what_was_collected_and_only_until_the_run_ends(
    tmp_path: Path, options: tuple[str, ...], *, frozen: bool
) -> None:
    (tmp_path / "test_freezing.py").write_text(WHILE_RUNNING)
    arguments = ["-s", "-p", "no:cacheprovider", "--mlops-context=local", *options]
    # Python itself may have frozen some of its own at start.
    program = (
        "import gc, pytest; print('frozen before:', gc.get_freeze_count());"
        f"pytest.main({arguments!r}); print('frozen after:', gc.get_freeze_count())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    counts = re.findall(r"frozen \D+(\d+)$", done.stdout, re.MULTILINE)
    before, running, after = (int(count) for count in counts)
    assert (running > before) is frozen
    assert after <= before
