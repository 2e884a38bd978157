"""YAML text becomes plain data with lines, or one sentence."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlops.config.yaml import parse_yaml
from pytest_mlops.errors import ConfigError

NAMES = st.text("abcXYZ019_ -é", min_size=1, max_size=8)
TEXTS = st.text("ab01 :-[]{}&*!#'\"\\\n\t€😀", max_size=8)
NUMBERS = st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)


def refusal(text: str | bytes) -> tuple[str, int | None]:
    """Return the sentence and line that a document is refused with."""
    content = text.encode() if isinstance(text, str) else text
    with pytest.raises(ConfigError) as caught:
        parse_yaml(content, "mlops.yaml")
    (problem,) = caught.value.problems
    assert caught.value.source == "mlops.yaml"
    return problem.message, problem.line


def mistakes(text: str) -> list[tuple[tuple[str | int, ...], str, int | None]]:
    return [(m.key_path, m.message, m.line) for m in parse_yaml(text.encode(), "mlops.yaml").mistakes]


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_every_json_object_is_read_as_json_reads_it(data: dict[str, object]) -> None:
    document = parse_yaml(json.dumps(data, ensure_ascii=False).encode(), "mlops.yaml")
    assert document.data == data
    assert document.mistakes == ()


@given(
    st.binary(max_size=60) | st.text(alphabet="ab01:-[]{}&*!<'\"# \n\t.%|>?,", max_size=60).map(str.encode)
)
def test_no_bytes_end_in_anything_but_data_or_a_config_error(content: bytes) -> None:
    data: object = {}
    sentence = ""
    try:
        data = parse_yaml(content, "mlops.yaml").data
    except ConfigError as error:
        sentence = error.problems[0].message
    assert isinstance(data, dict)
    assert "\n" not in sentence


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null\n"])
def test_an_empty_document_is_an_empty_mapping(text: str) -> None:
    assert parse_yaml(text.encode(), "mlops.yaml").data == {}


def test_each_value_has_the_line_of_its_key_or_item() -> None:
    text = "a: 1\nb:\n  c:\n    - x\n    - {d: 2,\n       e: 3}\n"
    assert parse_yaml(text.encode(), "mlops.yaml").lines == {
        (): 1,
        ("a",): 1,
        ("b",): 2,
        ("b", "c"): 3,
        ("b", "c", 0): 4,
        ("b", "c", 1): 5,
        ("b", "c", 1, "d"): 5,
        ("b", "c", 1, "e"): 6,
    }


def test_an_alias_is_what_its_anchor_names() -> None:
    document = parse_yaml(b"a: &x [1, {b: 2}]\nc: *x\n", "mlops.yaml")
    assert document.data == {"a": [1, {"b": 2}], "c": [1, {"b": 2}]}


def test_a_byte_order_mark_is_skipped() -> None:
    assert parse_yaml(b"\xef\xbb\xbfa: 1\n", "mlops.yaml").data == {"a": 1}


def test_windows_line_ends_count_once() -> None:
    assert parse_yaml(b"a: 1\r\nb: 2\r\n", "mlops.yaml").lines["b",] == 2


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-3", 0.001),
        ("1.5e3", 1500.0),
        (".5E+1", 5.0),
        ("-1.", -1.0),
        ("+7", 7),
        ("yes", True),
        ("Off", False),
        ("~", None),
        ("2026-12-31", "2026-12-31"),
        ("2026-13-01", "2026-13-01"),
        ("=", "="),
        ('"<<"', "<<"),
        ("1.2.3", "1.2.3"),
    ],
)
def test_scalars_are_read_as_people_mean_them(written: str, value: object) -> None:
    document = parse_yaml(f"a: {written}\n".encode(), "mlops.yaml")
    assert document.data == {"a": value}
    assert type(document.data["a"]) is type(value)
    assert document.mistakes == ()


def test_values_without_quotes_keep_their_spelling() -> None:
    document = parse_yaml(b'a: 2026.10\nb: "2026.10"\nc: [off]\n', "mlops.yaml")
    assert document.spellings == {("a",): "2026.10", ("c", 0): "off"}


def test_infinity_is_left_to_whoever_knows_the_field() -> None:
    assert parse_yaml(b"a: -.inf\n", "mlops.yaml").data == {"a": float("-inf")}


@pytest.mark.parametrize("written", ["010", "0x1f", "1_000", "1:30", "190:20:30.15", "0b11"])
def test_numbers_that_yaml_readers_disagree_on_are_mistakes(written: str) -> None:
    ((place, message, line),) = mistakes(f"a: {written}\n")
    assert (place, line) == (("a",), None)
    assert message.startswith(f"{written} is read as different numbers")


def test_a_number_of_a_hundred_digits_and_more_is_a_mistake() -> None:
    ((_, message, _),) = mistakes(f"a: {'9' * 5000}\n")
    assert message == "a number of 5,000 characters; expected at most 100"


def test_a_key_given_twice_names_both_lines_and_keeps_the_first() -> None:
    text = "a: 1\nb: 2\na: 3\n"
    ((place, message, line),) = mistakes(text)
    assert (place, line) == (("a",), 3)
    assert "line 1" in message
    assert parse_yaml(text.encode(), "mlops.yaml").data == {"a": 1, "b": 2}


def test_a_date_is_a_key_like_any_text() -> None:
    assert parse_yaml(b"2026-12-31: 1\n", "mlops.yaml").data == {"2026-12-31": 1}


def test_the_same_key_in_two_mappings_is_no_mistake() -> None:
    assert mistakes("a: {x: 1}\nb: {x: 2}\n") == []


def test_a_merge_key_is_a_mistake() -> None:
    ((place, message, line),) = mistakes("a: &x {b: 1}\nc:\n  <<: *x\n")
    assert (place, line) == (("c", "<<"), 3)
    assert message.startswith("merge keys are not read")


@pytest.mark.parametrize(
    ("key", "kind"), [("on", "true or false"), ("no", "true or false"), ("1", "a number"), ("~", "nothing")]
)
def test_a_key_that_yaml_reads_as_no_text_is_to_be_quoted(key: str, kind: str) -> None:
    ((place, message, line),) = mistakes(f"{key}: 1\n")
    assert (place, line) == ((key,), 1)
    assert message == f'YAML reads this key as {kind}, not as text; write it in quotes: "{key}"'


def test_a_list_as_a_key_is_a_mistake() -> None:
    ((_, message, line),) = mistakes("b: 1\n? [a]\n: 2\n")
    assert (message, line) == ("a key must be text, got a list or mapping", 2)


@pytest.mark.parametrize(
    ("text", "kind"), [("- a\n", "a list"), ("text\n", "a single value"), ("3", "a single")]
)
def test_the_top_level_is_a_mapping(text: str, kind: str) -> None:
    message, line = refusal(text)
    assert message.startswith(f"the file contains {kind}")
    assert line == 1


@pytest.mark.parametrize(
    ("text", "part", "line"),
    [
        ("a: [1\n", "the end of the file", 2),
        ("a:\n\t- b\n", "Indent with spaces, not tabs, column 1", 2),
        ("a: 1\nb: c: d\n", "mapping values are not allowed here, column 5", 2),
        ("a: 'x\n", "quoted scalar", 2),
        ("a: &x 1\nb: &x 2\n", "duplicate anchor", 2),
        ('a: "\\z"\n', "unknown escape character", 1),
        ("a: !q!x 1\n", "undefined tag handle", 1),
    ],
)
def test_a_syntax_error_is_one_sentence_with_its_place(text: str, part: str, line: int) -> None:
    message, found = refusal(text)
    assert message.startswith("not valid YAML: ")
    assert part in message
    assert found == line


def test_bytes_that_are_not_utf8_are_refused() -> None:
    assert refusal(b"a: 1\nb: \xff\n") == ("byte 8 is not UTF-8; save the file as UTF-8", 2)


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x7f", "\x9b"])
def test_control_characters_are_refused(character: str) -> None:
    message, line = refusal(f"a: 1\nb: x{character}y\n")
    assert message == f"contains the control character U+{ord(character):04X}; remove it"
    assert line == 2


def test_our_reader_leaves_yaml_itself_as_it_was() -> None:
    assert yaml.safe_load("a: 1e-3") == {"a": "1e-3"}
    assert str(yaml.safe_load("a: 2026-12-31")["a"]) == "2026-12-31"
    assert not isinstance(yaml.safe_load("a: 2026-12-31")["a"], str)
