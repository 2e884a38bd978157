"""What the tests share does what it promises."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

from tests.conftest import pytest_configure

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def test_processes_of_tests_share_a_cache_of_bytecode_that_ends_with_the_run() -> None:
    cleanups: list[Callable[[], Any]] = []
    config = cast("pytest.Config", SimpleNamespace(add_cleanup=cleanups.append))
    with mock.patch.dict(os.environ, {"PYTHONDONTWRITEBYTECODE": "1"}):
        os.environ.pop("PYTHONPYCACHEPREFIX", None)
        pytest_configure(config)
        assert "PYTHONDONTWRITEBYTECODE" not in os.environ
        cache = Path(os.environ["PYTHONPYCACHEPREFIX"])
    assert cache.is_dir()
    for cleanup in cleanups:
        cleanup()
    assert not cache.exists()
