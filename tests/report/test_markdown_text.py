"""Untrusted text shows itself and does nothing else."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlops.report.markdown_text import to_markdown_text
from pytest_mlops.text import one_line

HOSTILE = (
    "<script>alert(1)</script> | `rm -rf` **x** [a](https://evil.example) @team #1 GH-7 www.x.example\n## h"
)


@given(st.text(alphabet="\\`*_[]<>|~&$^@#:/w.GH-17 \nab", max_size=60))
def test_markdown_keeps_no_markup_mention_reference_or_address(text: str) -> None:
    shown = to_markdown_text(text)
    assert not re.search(r"[\\`*\[\]<>|~$^\n]|&(?!#\d+;)", shown)
    seen = html.unescape(shown)
    assert not re.search(r"(?<![A-Za-z0-9])@\w|#\w|\bgh-\d", seen, re.IGNORECASE)
    assert not re.search(r"://|\bwww\.", shown, re.IGNORECASE)


@given(st.text(max_size=60))
def test_a_reader_of_the_markdown_sees_the_text(text: str) -> None:
    seen = html.unescape(to_markdown_text(text))
    # A soft hyphen and its like have become visible; only what keeps mentions apart may have come in.
    assert seen.replace("\u200b", "") == one_line(text, 300)


@pytest.mark.parametrize("name", ["tests/test_model.py::test_it", "age_40-49", "recall, weighted"])
def test_ordinary_names_stay_readable_as_they_are(name: str) -> None:
    assert to_markdown_text(name) == name


def test_emphasis_by_underscores_is_taken_apart() -> None:
    assert "_" not in to_markdown_text("__init__ _x_")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mail a@b.example", "mail a@&#8203;b.example"),
        ("mailto:a", "mailto:&#8203;a"),
        ("1234567", "123456&#8203;7"),
        ("at DEADBEEFdeadbeef", "at DEADBE&#8203;EFdead&#8203;beef"),
        ("f" * 41, "f" * 41),
        ("0x1234567z", "0x1234567z"),
        (":white_check_mark: PASS", ":&#8203;white_check_mark: PASS"),
        ("a::TestX::test_y", "a::TestX::test_y"),
        ("- # x", "&#45; # x"),
        ("# x", "&#35; x"),
        ("12. x 12. x", "12&#8203;. x 12. x"),
        ("=== ===", "&#61;== ==="),
        ("a\u3164b\u034f", "a\ufffdb\ufffd"),
    ],
)
def test_what_github_finds_in_plain_text_is_taken_apart(text: str, shown: str) -> None:
    assert to_markdown_text(text) == shown


def test_hostile_text_is_all_there_and_all_harmless() -> None:
    shown = to_markdown_text(HOSTILE)
    assert "<script" not in shown
    assert "@&#8203;team" in shown
    assert "#&#8203;1" in shown
    assert "GH-&#8203;7" in shown
    assert "https:&#8203;//" in shown
    assert "www&#8203;.x" in shown
