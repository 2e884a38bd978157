"""Recording a run in the store's history, after its record was written and without a say in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_mlops.gate.run import GateRun
    from pytest_mlops.records.integration import IntegrationResult

__all__ = ["keep_history"]

LOCK_SECONDS = 5.0
"""How long a store that somebody else writes to is waited for; the verdict stands already."""


def keep_history(run: GateRun, record: IntegrationResult) -> str | None:
    """Record a run where ``mlops.yaml`` asks for it; a sentence says what went wrong.

    The code of an untrusted pull request made what it says, so a run of it never enters the history.
    """
    settings = None if run.config is None else run.config.config.history
    if settings is None or run.provenance.trust == "untrusted-pr":
        return None
    try:
        # Here and not above: whoever keeps no history needs no database.
        from pytest_mlops.store.actor import default_actor  # noqa: PLC0415
        from pytest_mlops.store.engine import open_store  # noqa: PLC0415
        from pytest_mlops.store.history import record_result  # noqa: PLC0415

        with open_store(folder=run.folder, timeout=LOCK_SECONDS) as store:
            record_result(store, record, actor=default_actor(), keep=settings.keep, max_age=settings.max_age)
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- the verdict stands, whatever the store says
        return f"this run is not in the history: {str(error) or type(error).__name__}"
    return None
