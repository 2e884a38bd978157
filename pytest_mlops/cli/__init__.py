"""The command line ``pytest-mlops``."""

from __future__ import annotations

import sys

from pytest_mlops.cli.exits import exit_code_of
from pytest_mlops.errors import MLOpsError

__all__ = ["main"]


def main() -> None:
    """Run ``pytest-mlops``; an error of ours becomes one message on stderr and an exit code."""
    # Importing one command does not import all of them.
    from pytest_mlops.cli.app import app

    try:
        app()
    except MLOpsError as error:
        sys.stderr.write(f"pytest-mlops: {error}\n")
        raise SystemExit(exit_code_of(error)) from error
