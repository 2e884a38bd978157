"""Runs in CI that pytest's settings turn into ones without a test.  PYTEST_DONT_REWRITE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.gate.output import write_record
from pytest_mlops.gate.seal import unfinished
from pytest_mlops.gate.settle import bare_runs
from pytest_mlops.verdict import Context

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pytest

__all__ = ["block_silent_run"]


def block_silent_run(config: pytest.Config, options: Mapping[str, Sequence[str]]) -> bool:
    """Tell whether a run without a test has to block; where it has, put an INCOMPLETE record in its place.

    What a person types is left alone, and so is a run outside of CI: they see what they asked for. In CI
    an option that ``addopts`` or ``PYTEST_ADDOPTS`` brings in would leave a green run.

    Args:
        config: pytest's configuration.
        options: Options under which pytest runs no test: where the value is kept -> how they are spelt.

    Raises:
        IoError: the record could not be written.
    """
    typed = [str(argument).partition("=")[0] for argument in config.invocation_params.args]
    brought_in = [
        spelt[0]
        for name, spelt in options.items()
        if config.getoption(name, None) and not any(argument in spelt for argument in typed)
    ]
    runs = bare_runs(config) if brought_in else []
    if not any(run.context is not Context.LOCAL for run in runs):
        return False
    why = f"no test ran: {', '.join(brought_in)} comes from addopts or PYTEST_ADDOPTS; remove it there"
    for run in runs:
        write_record(run, unfinished(run, why))
    config.get_terminal_writer().line(f"mlops gate: INCOMPLETE: {why}", red=True, bold=True)
    return True
