"""Finding and reading the configuration file."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.config.find import find_config
from pytest_mlops.config.guard import MAX_BYTES
from pytest_mlops.config.load import load_config
from pytest_mlops.errors import ConfigError
from pytest_mlops.verdict import Decision

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = """\
# mlops.yaml
version: 1
model: {id: credit-risk, version: "2026.11.0", artifact: model/, dependencies: ["scikit-learn>=1.7"]}
requirements:                                  # the surface that coverage is measured on
  - {capability: ranking, slices: [all, "age<40"], weight: 2}
  - {capability: calibration}                  # slices: [all]
gate: {min_pass_rate: 1.0, min_coverage: 0.8, min_quality_score: 0.7, on_undecided: allow}
quality:
  weights: {metrics: 0.4, tests: 0.3, code: 0.3}
  metrics: {accuracy: 0.4, precision: 0.2, recall: 0.2, f1: 0.2}
  code: {ruff: reports/ruff.json, coverage: reports/coverage.json}
rules:
  - {metric: accuracy, min: 0.93}
  - {metric: latency_p99_ms, max: 20}
waivers: []
environments: {}
"""


def write(path: Path, text: str = "version: 1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    (problem,) = caught.value.problems
    assert caught.value.source == str(path)
    return problem.message


def test_the_example_of_the_design_is_read(tmp_path: Path) -> None:
    config = load_config(write(tmp_path / "mlops.yaml", EXAMPLE)).config
    assert config.model is not None
    assert config.model.version == "2026.11.0"
    assert [cell.name for cell in config.policy().cells()] == [
        "ranking:all",
        "ranking:age<40",
        "calibration:all",
    ]
    assert config.gate.on_undecided is Decision.ALLOW
    assert config.quality.metrics is not None
    assert config.quality.metrics["accuracy"].weight == 0.4
    assert [rule.name for rule in config.rules] == ["accuracy", "latency_p99_ms"]


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    loaded = load_config(write(tmp_path / "mlops.yaml", ""))
    assert loaded.config.gate.min_coverage == 0.8
    assert loaded.line(("gate",)) is None


def test_what_was_read_says_where_it_came_from(tmp_path: Path) -> None:
    path = write(tmp_path / "mlops.yaml", EXAMPLE)
    loaded = load_config(path)
    assert loaded.path == path
    assert loaded.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert loaded.lines["rules", 1, "max"] == 14
    assert loaded.line(("rules", 1, "confidence")) == 14
    assert loaded.line(("waivers", 3)) == 15


def test_mistakes_are_raised_with_file_path_and_line(tmp_path: Path) -> None:
    path = write(tmp_path / "mlops.yaml", "version: 1\nrules:\n  - {metric: a, mn: 1}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert caught.value.source == str(path)
    (problem,) = caught.value.problems
    assert (problem.path, problem.line) == ("rules[0].mn", 3)


def test_a_mistake_across_entries_alone_is_enough_to_refuse(tmp_path: Path) -> None:
    text = "rules:\n  - {metric: a, min: 1}\n  - {metric: a, max: 1}\n"
    assert refusal(write(tmp_path / "mlops.yaml", text)).startswith("has the name a")


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    assert refusal(tmp_path / "mlops.yaml") == "there is no such file; check the path"


def test_a_folder_is_one_sentence(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "is a folder; expected a YAML file"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mlops.yaml")
    assert refusal(tmp_path / "mlops.yaml") == "is not a regular file; expected a YAML file"


def test_what_the_system_refuses_to_read_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "mlops.yaml"
    path.symlink_to(path)
    assert refusal(path).startswith("cannot be read: ")


def test_a_file_too_large_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "mlops.yaml", "#" * (MAX_BYTES + 1))
    assert refusal(path) == "the file is larger than the limit of 1,048,576 bytes"


@pytest.mark.parametrize("name", ["mlops.yaml", "mlops.yml"])
def test_both_names_are_found(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name)
    assert find_config(tmp_path, tmp_path) == path.resolve()


def test_the_nearest_file_upward_is_found(tmp_path: Path) -> None:
    write(tmp_path / "mlops.yaml")
    near = write(tmp_path / "a" / "mlops.yaml")
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    assert find_config(deep, tmp_path) == near.resolve()


def test_the_search_includes_the_root_and_ends_there(tmp_path: Path) -> None:
    outer = write(tmp_path / "mlops.yaml")
    deep = tmp_path / "root" / "a"
    deep.mkdir(parents=True)
    assert find_config(deep, tmp_path / "root") is None
    assert find_config(deep, tmp_path) == outer.resolve()


def test_a_file_stands_for_its_folder(tmp_path: Path) -> None:
    path = write(tmp_path / "a" / "mlops.yaml")
    assert find_config(write(tmp_path / "a" / "test_x.py", ""), tmp_path) == path.resolve()


def test_outside_the_root_only_the_own_folder_and_the_root_are_searched(tmp_path: Path) -> None:
    write(tmp_path / "mlops.yaml")
    root, start = tmp_path / "root", tmp_path / "elsewhere" / "a"
    start.mkdir(parents=True)
    write(tmp_path / "elsewhere" / "mlops.yaml")
    root.mkdir()
    assert find_config(start, root) is None
    in_root = write(root / "mlops.yaml")
    assert find_config(start, root) == in_root.resolve()
    own = write(start / "mlops.yaml")
    assert find_config(start, root) == own.resolve()


def test_both_names_in_one_folder_are_an_error(tmp_path: Path) -> None:
    write(tmp_path / "mlops.yaml")
    write(tmp_path / "mlops.yml")
    with pytest.raises(ConfigError, match=r"contains both mlops.yaml and mlops.yml; keep one"):
        find_config(tmp_path, tmp_path)


def test_a_dangling_link_is_found_so_that_reading_it_fails(tmp_path: Path) -> None:
    (tmp_path / "mlops.yaml").symlink_to(tmp_path / "gone.yaml")
    found = find_config(tmp_path, tmp_path)
    assert found is not None
    assert refusal(found) == "there is no such file; check the path"
