"""A disk with no space left: no earlier PASS can be taken for the run that could not write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlops.errors import IoError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Gate


def full(_run: object, _record: object) -> bytes:
    raise IoError("cannot write the record: No space left on device")


@pytest.mark.parametrize("locked", [False, True], ids=["removed", "emptied"])
def test_an_earlier_pass_does_not_outlive_a_run_that_cannot_write(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, locked: bool
) -> None:
    gate.write("test_model.py", "import pytest\n\n@pytest.mark.model_test\ndef test_it(): pass\n")
    gate.run()
    assert gate.path.stat().st_size > 0
    monkeypatch.setattr("pytest_mlops.gate.activate.write_record", full)
    if locked:

        def refuse(_path: Path, **_options: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("pathlib.Path.unlink", refuse)
    assert gate.run().ret == 4
    monkeypatch.undo()
    assert gate.path.exists() is locked
    assert not locked or gate.path.read_bytes() == b""
