"""Texts that do not fit are refused in the same words on every database."""

from __future__ import annotations

import pytest

from pytest_mlops.errors import StoreError
from pytest_mlops.store.limits import require_fit
from pytest_mlops.store.schema import aliases, integration_results


def test_what_fits_passes() -> None:
    row = {"model_id": "é" * 200, "alias": "", "version": None, "revision": 1, "elsewhere": "x" * 300}
    require_fit(aliases, row)
    require_fit(integration_results, {"record": b"\0" * 300})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x" * 201, r"alias has 201 characters, beginning 'x{40}', the limit is 200"),
        ("a\0", r"alias is 'a\\x00'; a NUL"),
        ("\udfff", r"alias is '\\udfff'; a NUL or half a surrogate pair cannot be stored"),
    ],
)
def test_what_does_not_is_refused(value: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        require_fit(aliases, {"alias": value})
