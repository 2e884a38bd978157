"""Seeds from digests."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from pytest_mlops.stats.seeds import seed_from


def test_a_seed_follows_from_its_texts() -> None:
    hashed = hashlib.sha256((1).to_bytes(8, "big") + b"a" + (2).to_bytes(8, "big") + b"bc").digest()
    assert seed_from("a", "bc") == int.from_bytes(hashed[:8], "big") >> 11


def test_texts_cannot_flow_into_each_other() -> None:
    assert (
        len({seed_from(*texts) for texts in [("ab", "c"), ("a", "bc"), ("abc",), ("abc", ""), ("c", "ab")]})
        == 5
    )


@given(st.lists(st.text(), max_size=3))
def test_every_json_reader_keeps_a_seed_exactly(texts: list[str]) -> None:
    seed = seed_from(*texts)
    assert 0 <= seed < 2**53
    assert int(float(seed)) == seed


def test_a_lone_surrogate_has_a_seed_too() -> None:
    assert seed_from("\ud800") != seed_from("\ud801")
