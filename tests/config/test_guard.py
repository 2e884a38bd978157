"""Documents that are too much are refused before they are built."""

from __future__ import annotations

import pytest

from pytest_mlops.config import guard
from pytest_mlops.config.yaml import parse_yaml
from pytest_mlops.errors import ConfigError


def refusal(text: str) -> tuple[str, int | None]:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text.encode(), "mlops.yaml")
    (problem,) = caught.value.problems
    return problem.message, problem.line


def test_a_file_past_the_size_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_mlops.config.yaml.MAX_BYTES", 10)
    assert parse_yaml(b"a: 1234567", "mlops.yaml").data == {"a": 1234567}
    message, line = refusal("a: 12345678")
    assert message == "the file is larger than the limit of 10 bytes"
    assert line is None


def test_the_deepest_nesting_allowed_is_read_and_one_more_refused() -> None:
    inner = guard.MAX_DEPTH - 1
    assert parse_yaml(f"a: {'[' * inner}{']' * inner}".encode(), "mlops.yaml").data["a"]
    message, _ = refusal(f"\na: {'[' * (inner + 1)}{']' * (inner + 1)}")
    assert message == "nested more than 32 levels deep; the format needs five"


def test_a_hundred_thousand_brackets_are_refused_without_recursion() -> None:
    message, line = refusal("a:\n  " + "[" * 100_000)
    assert "levels deep" in message
    assert line == 2


def test_depth_reached_through_aliases_counts() -> None:
    chain = ["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 40))]
    message, line = refusal("\n".join(chain))
    assert "levels deep" in message
    # Line 31 is the last within the limit: the top level, and a list for each line so far.
    assert line == 32


def test_the_depth_of_what_an_alias_names_counts_in_full() -> None:
    deep = f"{'[' * 20}{']' * 20}"
    assert parse_yaml(f"a: &x {deep}\nb: {'[' * 11}*x{']' * 11}".encode(), "mlops.yaml").data["b"]
    assert "levels deep" in refusal(f"a: &x {deep}\nb: {'[' * 12}*x{']' * 12}")[0]


def test_depth_below_a_mapping_in_an_alias_counts() -> None:
    chain = ["a0: &a0 {x: 1}", *(f"a{i}: &a{i} {{y: 1, x: *a{i - 1}}}" for i in range(1, 40))]
    assert refusal("\n".join(chain))[1] == 32


def test_as_many_values_as_allowed_are_read_and_one_more_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MAX_NODES", 6)
    # The top level, the key a, the list and three items.
    assert parse_yaml(b"a: [1, 2, 3]", "mlops.yaml").data == {"a": [1, 2, 3]}
    assert refusal("a: [1, 2, 3, 4]") == ("more than 6 values, aliases followed; split the file", 1)


def test_values_behind_an_alias_count_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MAX_NODES", 9)
    assert parse_yaml(b"a: &x [1, 2]\nb: *x", "mlops.yaml").data == {"a": [1, 2], "b": [1, 2]}
    assert refusal("a: &x [1, 2]\nb: *x\nc: *x")[1] == 3


def test_an_alias_of_a_scalar_counts_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MAX_NODES", 5)
    assert parse_yaml(b"a: &x 1\nb: *x", "mlops.yaml").data == {"a": 1, "b": 1}


def test_an_alias_bomb_is_refused_at_the_line_where_it_grows_too_large() -> None:
    bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    bomb += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 20)]
    message, line = refusal("\n".join(bomb))
    assert message == "more than 20,000 values, aliases followed; split the file"
    assert line == 5


@pytest.mark.parametrize("text", ["a: &x [*x]", "a: &x {b: [1, *x]}"])
def test_an_alias_inside_what_it_names_is_refused(text: str) -> None:
    assert refusal(text) == ("the alias *x is inside the value of its anchor; write the value out", 1)


def test_an_alias_of_nothing_is_refused() -> None:
    assert refusal("a: 1\nb: *x") == ("the alias *x has no anchor above it; write its value out", 2)


def test_a_second_document_is_refused() -> None:
    assert refusal("a: 1\n---\nb: 2\n") == (
        "a second document starts here; expected one, so remove the line ---",
        2,
    )


@pytest.mark.parametrize(
    ("tag", "shown"),
    [
        ("!!python/object/apply:os.system", "!!python/object/apply:os.system"),
        ("!mine", "!mine"),
        ("!!str", "!!str"),
        ("!!binary", "!!binary"),
        ("!<tag:example.org,2026:x>", "tag:example.org,2026:x"),
    ],
)
@pytest.mark.parametrize("value", ["x", "[x]", "{x: y}"])
def test_tags_are_refused_on_every_kind_of_value(tag: str, shown: str, value: str) -> None:
    message, line = refusal(f"a: 1\nb: {tag} {value}\n")
    assert message == f"the tag {shown} is not supported; remove it (to write text, use quotes)"
    assert line == 2
