"""Where tests and rules stand, without running or trusting what stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlops.github.annotations import annotations_of
from pytest_mlops.github.runner import workflow_commands
from pytest_mlops.github.source_location import SourceLocation, SourceLocator
from pytest_mlops.records.policy import Waiver
from pytest_mlops.records.results import Outcome
from pytest_mlops.records.rule import Rule

if TYPE_CHECKING:
    from pathlib import Path

    from tests.github.conftest import Make

SOURCE = """\
import pytest

def test_one(): pass

class TestA:
    def test_x(self): pass
    async def test_two(self): pass

class TestB:
    def test_x(self): pass
"""
CONFIG = """\
# the gate
rules:
  - {metric: accuracy, min: 0.9}
  - metric: f1
    min: 0.5
"""


@pytest.fixture
def locations(tmp_path: Path) -> SourceLocator:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "test_m.py").write_text(SOURCE, encoding="utf-8")
    (folder / "mlops.yaml").write_text(CONFIG, encoding="utf-8")
    return SourceLocator(tmp_path, (folder, tmp_path), "mlops.yaml")


@pytest.mark.parametrize(
    ("node_id", "line"),
    [
        ("test_m.py::test_one", 3),
        ("test_m.py::test_one[a::b-1]", 3),
        ("test_m.py::TestA::test_x", 6),
        ("test_m.py::TestA::test_two", 7),
        ("test_m.py::TestB::test_x[0]", 10),
        ("test_m.py::test_none", 1),
        ("test_m.py", 1),
    ],
)
def test_a_test_is_found_where_it_is_defined(locations: SourceLocator, node_id: str, line: int) -> None:
    assert locations.of_test(node_id) == SourceLocation(path="models/test_m.py", line=line)


def test_a_node_id_may_be_relative_to_the_repository(locations: SourceLocator) -> None:
    assert locations.of_test("models/test_m.py::TestB::test_x") == SourceLocation(
        path="models/test_m.py", line=10
    )


def test_a_file_that_is_not_at_hand_is_named_where_it_should_be(locations: SourceLocator) -> None:
    assert locations.of_test("test_other.py::test_x") == SourceLocation(path="models/test_other.py", line=1)


@pytest.mark.parametrize("name", ["/etc/passwd", "../../etc/passwd", "a\nb.py", "", "x" * 2000, "a\0b"])
def test_what_leads_out_of_the_repository_has_no_place(locations: SourceLocator, name: str) -> None:
    assert locations.of_test(f"{name}::test_x") is None


def test_a_link_that_leads_out_of_the_repository_is_not_followed(
    locations: SourceLocator, tmp_path: Path
) -> None:
    for name in ("models/link.py", "models/both.py", "both.py"):
        (tmp_path / name).symlink_to("/etc/passwd")
    assert locations.of_test("link.py::root") == SourceLocation(path="link.py", line=1)
    assert locations.of_test("both.py::root") is None


def test_a_loop_of_links_leads_nowhere(locations: SourceLocator, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "models"):
        (folder / "loop.py").symlink_to("loop.py")
    found = locations.of_test("loop.py::test_x")
    assert found is None or found == SourceLocation(path="models/loop.py", line=1)


def test_a_folder_has_no_lines(locations: SourceLocator, tmp_path: Path) -> None:
    (tmp_path / "models" / "folder.py").mkdir()
    assert locations.of_test("folder.py::test_x") == SourceLocation(path="models/folder.py", line=1)


def test_a_rule_is_found_where_it_is_written(locations: SourceLocator) -> None:
    assert [locations.of_rule(index) for index in range(3)] == [
        SourceLocation(path="models/mlops.yaml", line=3),
        SourceLocation(path="models/mlops.yaml", line=4),
        SourceLocation(path="models/mlops.yaml", line=1),
    ]


@pytest.mark.parametrize("content", ["rules: [", "rules: 3", None])
def test_a_configuration_that_cannot_be_read_has_its_first_line(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "mlops.yaml").write_text(content, encoding="utf-8")
    locations = SourceLocator(tmp_path, (tmp_path,), "mlops.yaml")
    assert locations.of_rule(0) == SourceLocation(path="mlops.yaml", line=1)


def test_without_a_configuration_rules_have_no_place(tmp_path: Path) -> None:
    assert SourceLocator(tmp_path, (tmp_path,), None).of_rule(0) is None


def test_annotations_name_failures_first(make: Make, locations: SourceLocator) -> None:
    rules = (
        Rule(metric="accuracy", min=0.9),
        Rule(metric="accuracy", min=0.95, id="shown", severity="report"),
        Rule(metric="accuracy", min=0.1, id="holds"),
        Rule(metric="accuracy", min=0.8, id="unsure", confidence=0.95),
        Rule(metric="accuracy", min=0.99, id="waived"),
    )
    waiver = Waiver.model_validate(
        {"rule": "waived", "scope": "*", "reason": "r", "approver": "a", "expires": "2999-01-01"}
    )
    tests = (
        make.test("test_m.py::test_one"),
        make.test("test_m.py::TestA::test_x", Outcome.FLAKY),
        make.test("test_m.py::TestB::test_x", Outcome.ERRORED, message="boom"),
        make.test("test_m.py::test_skipped", Outcome.SKIPPED),
    )
    policy = make.PASSING.model_copy(update={"rules": rules, "waivers": (waiver,)})
    record = make.record(tests=tests, policy=policy, shares=(("accuracy", 80),))
    found = annotations_of(record, locations)
    assert [(one.level, one.title) for one in found] == [
        ("failure", "errored: test_m.py::TestB::test_x"),
        ("failure", "FAIL: accuracy"),
        ("warning", "flaky: test_m.py::TestA::test_x"),
        ("warning", "UNDECIDED: unsure"),
        ("notice", "FAIL: shown"),
        ("notice", "WAIVED: waived"),
    ]
    assert found[0].location == SourceLocation(path="models/test_m.py", line=10)
    assert (found[0].message, found[2].message) == ("boom", "the model test flaky")
    assert found[1].location == SourceLocation(path="models/mlops.yaml", line=3)
    lines = workflow_commands(found)
    assert lines[0] == (
        "::error file=models/test_m.py,line=10,title=errored%3A test_m.py%3A%3ATestB%3A%3Atest_x::boom"
    )
    assert [line.split(" ")[0] for line in lines] == [
        *["::error"] * 2,
        *["::warning"] * 2,
        *["::notice"] * 2,
    ]


def test_an_annotation_without_a_place_has_none(make: Make, locations: SourceLocator) -> None:
    record = make.record(tests=(make.test("/elsewhere/test_x.py::test", Outcome.FAILED, message="m"),))
    (line,) = workflow_commands(annotations_of(record, locations))
    assert line == "::error title=failed%3A /elsewhere/test_x.py%3A%3Atest::m"
