"""``python -m pytest_mlops.serving.gateway``: runs the gateway of one environment in the foreground."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from pydantic import ValidationError

from pytest_mlops.errors import MLOpsError
from pytest_mlops.records.serving import GatewaySettings
from pytest_mlops.serving.logs import log_to_stderr
from pytest_mlops.serving.ports import listen
from pytest_mlops.state.paths import Layout
from pytest_mlops.text import describe_problems


def main(arguments: list[str] | None = None) -> int:
    """Run the gateway; return 0 after a stop that was asked for, 1 where it cannot run."""
    parser = argparse.ArgumentParser(prog="python -m pytest_mlops.serving.gateway", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of the environment's files")
    parser.add_argument("--host", help="address to listen on, instead of the settings'")
    parser.add_argument("--port", type=int, help="port to listen on, instead of the settings'; 0: a free one")
    parser.add_argument("--settings", type=Path, help="GatewaySettings as JSON; without, the defaults")
    given = parser.parse_args(arguments)
    log_to_stderr()
    try:
        settings = _settings(given)
        with listen(settings.host, settings.port) as listening:
            # Takes most of the time; clients that come meanwhile wait instead of being refused.
            from pytest_mlops.serving.gateway.serve import run  # noqa: PLC0415

            run(Layout(root=given.root.absolute()), settings, listening)
    except (MLOpsError, OSError, ValidationError) as error:
        cause = describe_problems(error) if isinstance(error, ValidationError) else error
        logging.getLogger("pytest_mlops.serving.gateway").error("the gateway cannot run: %s", cause)
        return 1
    return 0


def _settings(given: argparse.Namespace) -> GatewaySettings:
    settings = GatewaySettings()
    if given.settings is not None:
        settings = GatewaySettings.model_validate_json(given.settings.read_bytes())
    changed = {name: getattr(given, name) for name in ("host", "port") if getattr(given, name) is not None}
    return GatewaySettings.model_validate(settings.model_dump() | changed)


if __name__ == "__main__":
    sys.exit(main())
