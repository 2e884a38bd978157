"""The terminal section: verdict first, then why, within the width of the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Gate

CONFIG = """
model: {id: credit-risk, version: "2026.11.0"}
requirements:
  - {capability: ranking, slices: [all, "age<40 and a rather long name of a slice of the data"], weight: 2}
  - {capability: calibration}
gate: {min_coverage: 0.5}
rules:
  - {metric: accuracy, min: 0.93}
  - {metric: recall, slice: "age<40 and a rather long name of a slice of the data", min: 0.9}
  - {metric: f1, min: 0.99, severity: report}
quality: {metrics: {accuracy: 1}}
waivers:
  - {test: "*test_nothing*", scope: "*", reason: known, approver: Ada, expires: 2099-12-31}
"""
TESTS = """
import pytest

SLICE = "age<40 and a rather long name of a slice of the data"

@pytest.mark.model_test(covers=["ranking:all", f"ranking:{SLICE}"])
def test_ranking(mlops):
    mlops.metric("accuracy", 0.95, n=1000, stderr=0.01)
    mlops.metric("recall", 0.8, slice=SLICE, n=400)
    mlops.metric("f1", 0.9)

@pytest.mark.model_test(covers=["calibration:all"])
def test_nothing_wrong(): pass
"""


@pytest.fixture
def project(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Gate:
    monkeypatch.setenv("COLUMNS", "80")
    gate.write("mlops.yaml", CONFIG)
    gate.write("test_model.py", TESTS)
    return gate


def section(result: pytest.RunResult) -> list[str]:
    """Return the lines of our section, its title first."""
    lines = result.outlines
    start = next(index for index, line in enumerate(lines) if "= mlops gate =" in line)
    ends = (index for index in range(start + 1, len(lines)) if lines[index].startswith("="))
    return lines[start : next(ends, len(lines))]


def test_the_verdict_comes_first_then_reasons_scores_rules_and_the_record(project: Gate) -> None:
    lines = section(project.run())
    assert lines[1] == "FAIL: credit-risk 2026.11.0 is blocked here"
    text = "\n".join(lines)
    order = ["FAIL recall", "  coverage", "  pass rate", "  quality score", "  rule ", "record: .mlops/"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_only_rules_that_did_not_pass_are_shown(project: Gate) -> None:
    text = "\n".join(section(project.run()))
    assert "FAIL (report)" in text
    assert "accuracy" not in text


def test_with_v_every_part_is_shown(project: Gate) -> None:
    text = "\n".join(section(project.run("-v")))
    for part in ("accuracy", "PASS", "cell ", "calibration:all", "asserted", "quality ", "waiver of test"):
        assert part in text


@pytest.mark.parametrize("options", [(), ("-v",), ("-k", "ranking")])
def test_no_line_of_ours_is_longer_than_the_screen(project: Gate, options: tuple[str, ...]) -> None:
    lines = section(project.run(*options))
    assert [line for line in lines if len(line) > 80] == []


def test_with_q_it_is_one_line(project: Gate) -> None:
    result = project.run("-q")
    ours = [line for line in result.outlines if "mlops" in line]
    assert ours == [
        "mlops gate: FAIL: credit-risk 2026.11.0 is blocked here (.mlops/integration-result.json)"
    ]


def test_the_header_says_what_is_gated(project: Gate) -> None:
    result = project.run()
    result.stdout.fnmatch_lines(
        ["mlops gate: credit-risk 2026.11.0; 3 cells, 3 rules, context local (mlops.yaml)"]
    )


def test_without_header_the_section_still_comes(project: Gate) -> None:
    result = project.run("--no-header")
    result.stdout.no_fnmatch_line("mlops gate: *")
    assert section(result)


def test_with_the_gate_off_nothing_is_printed(project: Gate, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess()
    result.stdout.no_fnmatch_line("*mlops gate*")
    assert not project.path.exists()


@pytest.mark.parametrize(
    ("context", "headline"),
    [
        ("local", "UNDECIDED: this version is allowed although the evidence is insufficient here"),
        ("pull_request", "UNDECIDED: this version is allowed although the evidence is insufficient for *"),
        ("release", "UNDECIDED: this version is blocked for release"),
    ],
)
def test_undecided_is_allowed_loudly(gate: Gate, context: str, headline: str) -> None:
    gate.write(
        "test_model.py",
        """
        import pytest
        tries = []

        @pytest.mark.model_test
        def test_good(): pass

        @pytest.mark.model_test
        def test_it():
            tries.append(1)
            assert len(tries) > 1
        """,
    )
    gate.write("mlops.yaml", "version: 1")
    gate.run("--reruns=1", f"--mlops-context={context}").stdout.fnmatch_lines([headline])


def test_a_narrowed_run_says_how_much_ran_and_gives_no_verdict(project: Gate) -> None:
    lines = section(project.run("-k", "nothing"))
    assert lines[1] == "partial: 1 of 2 model tests ran, no verdict"


def test_a_pass_without_config_says_why_it_is_no_ticket(gate: Gate) -> None:
    gate.write("test_model.py", "import pytest\n@pytest.mark.model_test\ndef test_it(): pass\n")
    text = " ".join("\n".join(section(gate.run())).split())
    assert "cannot be used to deploy: there is no mlops.yaml." in text


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ("version: 1", "mlops.yaml declares no requirements"),
        ("requirements: [{capability: ranking}]", "mlops.yaml names no model artifact"),
    ],
)
def test_a_pass_without_requirements_or_model_says_why_it_is_no_ticket(
    gate: Gate, config: str, why: str
) -> None:
    gate.write("mlops.yaml", config)
    gate.write(
        "test_model.py",
        "import pytest\n@pytest.mark.model_test(covers='ranking')\ndef test_it(): pass\n"
        if "ranking" in config
        else "import pytest\n@pytest.mark.model_test\ndef test_it(): pass\n",
    )
    text = " ".join("\n".join(section(gate.run())).split())
    assert why in text


def test_of_many_reasons_and_rules_the_first_are_shown(gate: Gate) -> None:
    rules = "\n".join(f"  - {{metric: m{index}, min: 1}}" for index in range(30))
    gate.write("mlops.yaml", f"rules:\n{rules}\n")
    gate.write("test_model.py", "import pytest\n@pytest.mark.model_test\ndef test_it(): pass\n")
    text = "\n".join(section(gate.run()))
    assert "and 20 more reasons; -v shows them" in text
    assert "and 10 more; -v shows every rule" in text
    assert "-v shows" not in "\n".join(section(gate.run("-v")))


def test_a_record_outside_the_folder_is_named_in_full(gate: Gate) -> None:
    gate.write("test_model.py", "import pytest\n@pytest.mark.model_test\ndef test_it(): pass\n")
    elsewhere = gate.folder.parent / "elsewhere.json"
    result = gate.run(f"--mlops-result={elsewhere}")
    assert f"record: {elsewhere}" in result.outlines
