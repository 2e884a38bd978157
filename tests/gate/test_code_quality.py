"""Code reports are read as what anybody may have written: measured, or a sentence why not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_mlops.gate import code_quality as module
from pytest_mlops.gate.code_quality import read_code_quality
from pytest_mlops.records.integration import CodeQuality
from pytest_mlops.records.policy import CodeReports

# What radon 6.0.1 wrote with ``cc --json --show-closures``: four functions, one of them of complexity 12,
# the method and the closure named twice.
RADON = {
    "shop.py": [
        {
            "type": "function",
            "rank": "C",
            "col_offset": 0,
            "complexity": 12,
            "lineno": 13,
            "endline": 22,
            "name": "route",
            "closures": [],
        },
        {
            "type": "class",
            "rank": "A",
            "col_offset": 0,
            "complexity": 4,
            "lineno": 1,
            "endline": 3,
            "name": "Basket",
            "methods": [
                {
                    "type": "method",
                    "rank": "A",
                    "col_offset": 4,
                    "classname": "Basket",
                    "complexity": 3,
                    "lineno": 2,
                    "endline": 3,
                    "name": "total",
                    "closures": [],
                }
            ],
        },
        {
            "type": "method",
            "rank": "A",
            "col_offset": 4,
            "classname": "Basket",
            "complexity": 3,
            "lineno": 2,
            "endline": 3,
            "name": "total",
            "closures": [],
        },
        {
            "type": "function",
            "rank": "A",
            "col_offset": 4,
            "complexity": 2,
            "lineno": 7,
            "endline": 8,
            "name": "discount.apply",
            "closures": [],
        },
        {
            "type": "function",
            "rank": "A",
            "col_offset": 0,
            "complexity": 1,
            "lineno": 6,
            "endline": 10,
            "name": "discount",
            "closures": [
                {
                    "type": "function",
                    "rank": "A",
                    "col_offset": 4,
                    "complexity": 2,
                    "lineno": 7,
                    "endline": 8,
                    "name": "apply",
                    "closures": [],
                }
            ],
        },
    ]
}


def write(folder: Path, name: str, data: object) -> None:
    (folder / name).write_text(data if isinstance(data, str) else json.dumps(data))


def coverage_of(covered: object, statements: object) -> dict[str, object]:
    return {"totals": {"covered_lines": covered, "num_statements": statements}}


def problem(folder: Path, report: str, data: object) -> str:
    """Return the one sentence that a report of this content leads to."""
    write(folder, "report.json", data)
    (folder / "code.py").write_text("x = 1\n")
    found, problems = read_code_quality(folder, CodeReports.model_validate({report: "report.json"}))
    assert found == CodeQuality()
    assert list(problems) == [report]
    return problems[report]


def test_reports_that_are_not_named_are_not_measured(tmp_path: Path) -> None:
    write(tmp_path, "coverage.json", coverage_of(9, 10))
    found, problems = read_code_quality(tmp_path, CodeReports(coverage="coverage.json"))
    assert found == CodeQuality(line_coverage=0.9)
    assert problems == {}


def test_report_of_coverage_py_itself_gives_lines_and_not_branches(tmp_path: Path) -> None:
    write(tmp_path, "code.py", "x = 1\nif x:\n    y = 2\nif not x:\n    y = 3\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    for arguments in (["run", "--branch", "--rcfile=", "code.py"], ["json", "-q", "--rcfile="]):
        command = [sys.executable, "-m", "coverage", *arguments]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, timeout=60)
    found, problems = read_code_quality(tmp_path, CodeReports(coverage="coverage.json"))
    assert problems == {}
    assert found.line_coverage == 4 / 5
    assert json.loads((tmp_path / "coverage.json").read_text())["totals"]["percent_covered"] < 80


def test_findings_are_counted_per_thousand_lines_of_the_source(tmp_path: Path) -> None:
    (tmp_path / "src" / "deep").mkdir(parents=True)
    write(tmp_path, "src/a.py", "x = 1\n" * 150)
    write(tmp_path, "src/deep/b.py", "\n" * 49 + "last line without an end")
    write(tmp_path, "src/notes.txt", "x\n" * 900)
    write(tmp_path, "other.py", "x\n" * 900)
    write(tmp_path, "ruff.json", [{"code": "F401"}, {"code": None}, {}])
    found, problems = read_code_quality(tmp_path, CodeReports(ruff="ruff.json", source=("src", "src/deep")))
    assert problems == {}
    assert found.findings_per_kloc == 15.0


def test_report_of_ruff_itself_is_read(tmp_path: Path) -> None:
    ruff = Path(sys.executable).with_name("ruff")
    if not ruff.exists():
        pytest.skip("ruff is not installed beside this Python")
    write(tmp_path, "code.py", "import os\nimport sys\n")
    command = [
        str(ruff),
        "check",
        "--isolated",
        "--no-cache",
        "--output-format",
        "json",
        "-o",
        "ruff.json",
        ".",
    ]
    subprocess.run(command, cwd=tmp_path, check=False, timeout=60, capture_output=True)
    found, problems = read_code_quality(tmp_path, CodeReports(ruff="ruff.json"))
    assert (found.findings_per_kloc, problems) == (1000.0, {})


@pytest.mark.parametrize(
    "place", [".hidden", "venv", "node_modules", "site-packages", "build", "dist", "__pycache__"]
)
def test_lines_that_are_not_the_projects_source_do_not_count(tmp_path: Path, place: str) -> None:
    (tmp_path / "package" / place).mkdir(parents=True)
    write(tmp_path, f"package/{place}/a.py", "x\n" * 90)
    write(tmp_path, "package/b.py", "x\n" * 10)
    write(tmp_path, "ruff.json", [{}])
    assert read_code_quality(tmp_path, CodeReports(ruff="ruff.json"))[0].findings_per_kloc == 100.0


@pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")
def test_links_and_pipes_among_the_source_are_not_read(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "x\n" * 10)
    (tmp_path / "again.py").symlink_to("a.py")
    (tmp_path / "self").symlink_to(".", target_is_directory=True)
    os.mkfifo(tmp_path / "pipe.py")
    write(tmp_path, "ruff.json", [{}])
    assert read_code_quality(tmp_path, CodeReports(ruff="ruff.json"))[0].findings_per_kloc == 100.0


def test_simple_functions_count_methods_and_closures_once_and_classes_never(tmp_path: Path) -> None:
    write(tmp_path, "radon.json", RADON)
    found, problems = read_code_quality(tmp_path, CodeReports(complexity="radon.json"))
    assert problems == {}
    assert found.simple_functions == 3 / 4


@pytest.mark.parametrize(("complexity", "share"), [(10, 1.0), (11, 0.0)])
def test_function_is_simple_up_to_a_complexity_of_ten(tmp_path: Path, complexity: int, share: float) -> None:
    block = {"type": "function", "complexity": complexity, "lineno": 1, "col_offset": 0}
    write(tmp_path, "radon.json", {"a.py": [block]})
    assert read_code_quality(tmp_path, CodeReports(complexity="radon.json"))[0].simple_functions == share


def test_one_bad_report_leaves_the_others(tmp_path: Path) -> None:
    write(tmp_path, "radon.json", RADON)
    write(tmp_path, "coverage.json", "{")
    reports = CodeReports(complexity="radon.json", coverage="coverage.json", ruff="ruff.json")
    found, problems = read_code_quality(tmp_path, reports)
    assert found == CodeQuality(simple_functions=0.75)
    assert set(problems) == {"coverage", "ruff"}
    assert problems["ruff"].startswith("ruff.json: 'ruff.json' does not exist; create it before the gate")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ([], "lacks the key totals"),
        ({}, "lacks the key totals"),
        ({"totals": [1]}, "lacks the key totals"),
        ({"totals": {}}, "num_statements is None"),
        (coverage_of(1, "2"), "num_statements is '2'"),
        (coverage_of(True, 2), "covered_lines is True"),
        (coverage_of(-1, 2), "covered_lines is -1"),
        (coverage_of(1.5, 2), "covered_lines is 1.5"),
        (coverage_of([1], 2), "covered_lines is a list"),
        (coverage_of("x" * 1000, 2), f"covered_lines is '{'x' * 79}…'"),
        (coverage_of(3, 2), "covers 3 lines of 2"),
        (coverage_of(0, 0), "measured no statement"),
        ('{"totals": {"covered_lines": NaN, "num_statements": 1}}', "NaN is not a number"),
        ('{"totals": {"covered_lines": 1e999, "num_statements": 1}}', "1e999 is too large a number"),
        ("[" * 100_000, "is not valid JSON"),
        ("", "is not valid JSON"),
    ],
)
def test_coverage_report_that_says_nothing_is_a_sentence(tmp_path: Path, data: object, sentence: str) -> None:
    assert sentence in problem(tmp_path, "coverage", data)


@pytest.mark.parametrize("data", [{}, [1], None, "text in quotes"])
def test_ruff_report_that_is_no_list_of_findings_is_a_sentence(tmp_path: Path, data: object) -> None:
    assert "write it with ruff check --output-format json" in problem(tmp_path, "ruff", json.dumps(data))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ([], "is not an object of files"),
        ({"a.py": {"error": "invalid syntax"}}, "radon could not read 'a.py': 'invalid syntax'"),
        ({"a.py": 3}, "radon could not read 'a.py': 3"),
        ({"\ud800": None}, r"radon could not read '\ud800'"),
        ({"a.py": [3]}, "lacks the key type"),
        ({"a.py": [{"type": "lambda"}]}, "has a block of type 'lambda'"),
        ({"a.py": [{"type": "class", "methods": {}}]}, "lacks the key methods"),
        ({"a.py": [{"type": "function", "lineno": 1, "col_offset": 0}]}, "complexity is None"),
        ({"a.py": [{"type": "function", "complexity": 1, "col_offset": 0}]}, "lineno is None"),
        ({"a.py": [{"type": "class", "complexity": 1}]}, "contains no functions"),
        ({}, "contains no functions"),
    ],
)
def test_complexity_report_that_says_nothing_is_a_sentence(
    tmp_path: Path, data: object, sentence: str
) -> None:
    assert sentence in problem(tmp_path, "complexity", data)


@pytest.mark.parametrize(
    ("source", "sentence"), [("docs", "no lines of Python"), ("a.txt", "is not a folder")]
)
def test_source_without_python_is_a_sentence(tmp_path: Path, source: str, sentence: str) -> None:
    (tmp_path / "docs").mkdir()
    write(tmp_path, "a.txt", "x\n")
    write(tmp_path, "ruff.json", [])
    found, problems = read_code_quality(tmp_path, CodeReports(ruff="ruff.json", source=(source,)))
    assert found == CodeQuality()
    assert sentence in problems["ruff"]


@pytest.mark.parametrize("name", ["/etc/hostname", "../report.json", "project/../report.json"])
def test_report_outside_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "project").mkdir()
    write(tmp_path, "report.json", coverage_of(1, 1))
    found, problems = read_code_quality(tmp_path / "project", CodeReports(coverage=name))
    assert found == CodeQuality()
    assert "is not a relative path without '..'" in problems["coverage"]


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
def test_link_out_of_the_folder_is_refused_for_reports_and_source(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    write(tmp_path, "report.json", coverage_of(1, 1))
    (project / "coverage.json").symlink_to("../report.json")
    (project / "src").symlink_to("..", target_is_directory=True)
    write(project, "ruff.json", [])
    reports = CodeReports(coverage="coverage.json", ruff="ruff.json", source=("src",))
    found, problems = read_code_quality(project, reports)
    assert found == CodeQuality()
    assert "is outside the folder of mlops.yaml" in problems["coverage"]
    assert "is outside the folder of mlops.yaml" in problems["ruff"]


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
@pytest.mark.parametrize("name", ["circle.json", "a\0b"])
def test_path_that_cannot_be_followed_is_a_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "circle.json").symlink_to("circle.json")
    found, problems = read_code_quality(tmp_path, CodeReports(coverage=name))
    assert found == CodeQuality()
    assert problems["coverage"]


def test_folder_in_the_place_of_a_report_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "coverage.json").mkdir()
    problems = read_code_quality(tmp_path, CodeReports(coverage="coverage.json"))[1]
    assert "is not a file; set the path of the report" in problems["coverage"]


def test_report_that_may_not_be_read_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    write(tmp_path, "coverage.json", coverage_of(1, 1))
    monkeypatch.setattr(Path, "open", refuse)
    problems = read_code_quality(tmp_path, CodeReports(coverage="coverage.json"))[1]
    assert "Permission denied" in problems["coverage"]


def test_report_above_the_size_cap_is_refused_unparsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_REPORT_BYTES", 100)
    assert "has more than 100 bytes" in problem(tmp_path, "ruff", "[" + " " * 99 + "]")
