"""The action, run by act: what it measures, decides, writes and refuses."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.evidence.statement import Statement, read_test_result

if TYPE_CHECKING:
    from tests.action.conftest import Project

pytestmark = pytest.mark.slow

FAILING = """\
import pytest

@pytest.mark.model_test(covers=["rank:all"])
def test_rank(mlops):
    mlops.metric("accuracy", 0.5, n=1000)
"""


def test_passing_pull_request_is_allowed_and_its_record_uploaded(project: Project) -> None:
    ran = project.run()

    assert ran.code == 0, ran.log
    assert ran.outputs == {
        "verdict": "pass",
        "decision": "allow",
        "success": "true",
        "pass-rate": "1",
        "coverage": "1",
        "quality-score": "0.971429",
        "result-path": ".mlops/integration-result.json",
        "report-path": ".mlops/report.md",
    }
    assert ran.step_outputs == ran.outputs
    assert ran.summary.startswith("## PASS: credit 1")
    assert ran.record()["run_id"] == "1-1-mlops"
    assert ran.record()["provenance"]["commit_head"] == "a" * 40
    assert (ran.artifacts / "mlops" / "report.md").is_file()


def test_push_is_measured_without_a_pull_request(project: Project) -> None:
    project.use("push")
    ran = project.run("push")

    assert (ran.code, ran.outputs["verdict"]) == (0, "pass"), ran.log
    assert ran.record()["context"] == "pull_request"


def test_merge_group_is_measured(project: Project) -> None:
    project.use("merge_group")
    ran = project.run("merge_group", project.group())

    assert (ran.code, ran.outputs["verdict"]) == (0, "pass"), ran.log


def test_failing_gate_fails_the_step_and_still_tells_why(project: Project) -> None:
    project.write("test_model.py", FAILING)
    project.use("push", attest="true")
    ran = project.run("push")

    assert ran.code == 1
    assert (ran.outputs["verdict"], ran.outputs["decision"], ran.outputs["success"]) == (
        "fail",
        "block",
        "false",
    )
    assert "accuracy" in ran.summary
    assert ran.record()["verdict"] == "fail"
    (annotation,) = ran.annotations("error")
    assert (annotation["kvPairs"]["file"], annotation["kvPairs"]["line"]) == ("mlops.yaml", "3")
    assert not (ran.artifacts / "attested").exists()


@pytest.mark.parametrize(
    "tests", ["", "def test_it(): pass", "raise SystemExit(0)", "import os; os._exit(0)"]
)
def test_run_that_measured_nothing_fails(project: Project, tests: str) -> None:
    project.write("test_model.py", tests)
    ran = project.run()

    assert ran.code == 1
    assert (ran.outputs["verdict"], ran.outputs["success"]) == ("incomplete", "false")
    assert ran.summary.startswith("## INCOMPLETE")


def test_missing_configuration_fails(project: Project) -> None:
    (project.folder / "mlops.yaml").unlink()
    project.use("push")
    ran = project.run("push")

    assert ran.code == 1
    assert (ran.outputs["verdict"], ran.outputs["decision"]) == ("incomplete", "block")
    assert "there is no such file; check the path" in ran.log


def test_defaults_count_only_where_no_configuration_is_asked_for(project: Project) -> None:
    (project.folder / "mlops.yaml").unlink()
    project.use("push", config="")
    ran = project.run("push")

    assert (ran.code, ran.record()["policy"]["configured"]) == (0, False)
    assert "This record cannot be used to deploy: there is no mlops.yaml." in ran.summary


def test_committed_record_is_no_evidence(project: Project) -> None:
    good = project.run()
    project.write(".mlops/integration-result.json", json.dumps(good.record()))
    project.use("push", python="no-such-python")
    ran = project.run("push")

    assert ran.code == 1
    assert (ran.outputs["verdict"], ran.outputs["decision"]) == ("incomplete", "block")
    assert "'no-such-python' cannot be run" in ran.log


def test_ordinary_test_that_fails_fails_the_step(project: Project) -> None:
    project.write("test_code.py", "def test_code():\n    assert False\n")
    ran = project.run()

    assert (ran.code, ran.outputs["verdict"], ran.outputs["decision"]) == (1, "fail", "block")


def test_what_tests_print_is_no_command_and_what_names_say_is_not_run(project: Project) -> None:
    project.write(
        "test_model.py",
        """\
        import os, pytest

        HOSTILE = "::error::named $(touch pwned) `touch pwned` <b>@team</b>"

        @pytest.mark.model_test(covers=["rank:all"])
        @pytest.mark.parametrize("name", [HOSTILE], ids=[HOSTILE])
        def test_rank(mlops, name, capsys):
            with capsys.disabled():
                print("\\n::error::printed\\n::set-output name=verdict::pass\\n::add-mask::INCOMPLETE")
            for file in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY", "MLOPS_TOKEN"):
                assert file not in os.environ
            mlops.metric("accuracy", 0.5, n=1000)
            assert False, "::error::raised\\n::error::below"
        """,
    )
    title = "$(touch pwned)\n::error::title"
    ran = project.run(
        "pull_request",
        project.proposal(title=title, head={"ref": "$(touch${IFS}pwned)`touch${IFS}pwned`;::error::branch"}),
    )

    assert ran.code == 1
    assert ran.outputs["verdict"] == "fail"
    assert not list(project.scratch.rglob("pwned"))
    # What is annotated is ours: bounded by its own line, and never a command of the tests'.
    assert all("file" in one["kvPairs"] for one in ran.annotations("error"))
    assert not ran.annotations("add-mask")
    assert "<b>@team" not in ran.summary


def test_inputs_are_words_and_never_a_program(project: Project) -> None:
    project.use(
        "push",
        args="'-k' 'rank or $(touch pwned)' ; touch pwned",
        config="$(touch pwned)",
        fail_on="$(touch pwned)",
        artifact_name="`touch pwned`",
        baseline="$(touch pwned)",
    )
    ran = project.run("push")

    assert ran.code == 1
    assert ran.outputs["decision"] == "block"
    assert not list(project.scratch.rglob("pwned"))


def test_options_in_the_tests_own_files_choose_no_context(project: Project) -> None:
    project.write("pytest.ini", "[pytest]\naddopts = --mlops-context=local\n")
    ran = project.run()

    assert (ran.code, ran.outputs["verdict"], ran.outputs["decision"]) == (0, "pass", "allow"), ran.log
    assert "context pull_request" in ran.log


def test_event_that_tests_rewrite_is_noticed(project: Project) -> None:
    project.write(
        "conftest.py",
        """\
        import json, os, pathlib

        def pytest_unconfigure():
            path = pathlib.Path(os.environ["GITHUB_EVENT_PATH"])
            event = json.loads(path.read_text())
            event["pull_request"]["number"] = 8
            path.write_text(json.dumps(event))
        """,
    )
    ran = project.run()

    assert (ran.code, ran.outputs["verdict"], ran.outputs["decision"]) == (1, "incomplete", "block"), ran.log
    assert "the event of this run was rewritten while the tests ran" in ran.log


def test_what_is_installed_has_nothing_to_tell_the_runner(project: Project) -> None:
    project.use("push", install='test -z "${GITHUB_ENV:-}${GITHUB_PATH:-}${GITHUB_OUTPUT:-}"')
    ran = project.run("push")

    assert ran.code == 0, ran.log


def test_arguments_reach_pytest_as_a_shell_would_split_them(project: Project) -> None:
    project.use("push", args="-p no:randomly -o 'junit_suite_name=two words' -q")
    ran = project.run("push")

    assert ran.code == 0, ran.log
    assert "junit_suite_name=two words" in ran.record()["provenance"]["arguments"]


def test_arguments_cannot_undo_what_the_action_sets(project: Project) -> None:
    project.use("push", args="--mlops-run-id=other --mlops-result=elsewhere.json")
    ran = project.run("push")

    assert ran.code == 0, ran.log
    assert ran.record()["run_id"] == "1-1-mlops"


def test_working_directory_is_where_it_is_installed_measured_and_looked_for(project: Project) -> None:
    for name in ("test_model.py", "mlops.yaml", "weights.txt"):
        project.write(f"credit/{name}", (project.folder / name).read_text())
        (project.folder / name).unlink()
    project.use("push", working_directory="credit", install="test -f weights.txt\necho one > installed.txt")
    ran = project.run("push")

    assert ran.code == 0, ran.log
    assert ran.outputs["result-path"] == "credit/.mlops/integration-result.json"
    assert ran.record()["verdict"] == "pass"


@pytest.mark.parametrize(
    "inputs",
    [
        {"working_directory": "nowhere"},
        {"working_directory": "../.."},
        {"install": "echo first\nfalse\necho after"},
        {"fail_on": "nothing"},
        {"comment": "perhaps"},
        {"attest": "maybe"},
        {"args": "'"},
        {"args": "-p no:mlops"},
    ],
    ids=lambda inputs: "-".join(inputs.values()).split("\n")[0],
)
def test_wrong_input_blocks_and_the_outputs_say_so(project: Project, inputs: dict[str, str]) -> None:
    project.use("push", **inputs)
    ran = project.run("push")

    assert ran.code == 1
    assert (ran.outputs["verdict"], ran.outputs["decision"], ran.outputs["success"]) == (
        ("incomplete", "block", "false")
    )


def test_fail_on_blocks_what_would_be_let_through(project: Project) -> None:
    # Ten examples settle nothing at this confidence.
    project.write(
        "test_model.py",
        """\
        import pytest

        @pytest.mark.model_test(covers=["rank:all"])
        def test_rank(mlops):
            mlops.predictions(y_true=[1, 0] * 5, y_pred=[1, 0] * 5, ids=list("abcdefghij"))
        """,
    )
    project.write(
        "mlops.yaml", (project.folder / "mlops.yaml").read_text().replace("0.9}", "0.9, confidence: 0.95}")
    )
    project.use("push")
    allowed = project.run("push")
    project.use("push", fail_on="undecided")
    blocked = project.run("push")

    assert (allowed.code, allowed.outputs["verdict"], allowed.outputs["decision"]) == (
        0,
        "undecided",
        "allow",
    )
    assert (blocked.code, blocked.outputs["verdict"], blocked.outputs["decision"]) == (
        1,
        "undecided",
        "block",
    )


def test_pull_request_target_is_not_measured(project: Project) -> None:
    project.use("pull_request_target")
    ran = project.run("pull_request_target")

    assert ran.code == 1
    assert ran.outputs["verdict"] == "incomplete"
    assert "1 passed" not in ran.log


def test_fork_is_measured_and_marked_as_untrusted(project: Project) -> None:
    ran = project.run("pull_request", project.proposal(repository="mallory/models"))

    assert ran.code == 0, ran.log
    assert ran.record()["provenance"]["trust"] == "untrusted-pr"


def test_surfaces_can_be_switched_off_and_the_decision_stands(project: Project) -> None:
    project.write("test_model.py", FAILING)
    project.use("push", summary="false", annotations="false", artifact_name="")
    ran = project.run("push")

    assert ran.code == 1
    assert (ran.summary, ran.annotations("error")) == ("", [])
    assert ran.outputs["verdict"] == "fail"
    assert not ran.artifacts.exists()


def test_record_of_a_success_is_attested_where_asked_for(project: Project) -> None:
    project.use("push", attest="true")
    ran = project.run("push")

    assert ran.code == 0, ran.log
    attested = (ran.artifacts / "attested" / "statement.json").read_bytes()
    record = (ran.artifacts / "mlops" / "integration-result.json").read_bytes()
    digest = hashlib.sha256(record).hexdigest()
    assert read_test_result(attested) == Statement(record_digest=digest, run_id="1-1-mlops", result="PASSED")
    assert [one["name"] for one in json.loads(attested)["subject"]] == ["integration-result.json", "credit@1"]


def test_record_of_a_fork_is_not_attested(project: Project) -> None:
    project.use(attest="true")
    ran = project.run("pull_request", project.proposal(repository="mallory/models"))

    assert (ran.code, ran.outputs["verdict"]) == (0, "pass"), ran.log
    assert not (ran.artifacts / "attested").exists()


def test_judge_is_installed_from_the_checkout_of_the_action(project: Project) -> None:
    """Its environment is a new one, made by the interpreter on the path, and gets the action's own folder."""
    tools = project.scratch / "tools"
    tools.mkdir()
    fake = tools / "python3"
    fake.write_text(
        f"""#!/bin/sh
case "$*" in
  "-I -m venv "*) mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
  "-I -m pip "*) echo "$@" > {tools}/installed ;;
  *) exec {project.python} "$@" ;;
esac
""",
        encoding="utf-8",
    )
    fake.chmod(0o755)
    project.env |= {"MLOPS_ACTION_PYTHON": "", "PATH": f"{tools}:{os.environ['PATH']}"}
    ran = project.run()

    assert ran.code == 0, ran.log
    (installed,) = (tools / "installed").read_text(encoding="utf-8").splitlines()
    assert installed.startswith("-I -m pip install ")
    assert Path(installed.rpartition(" ")[2]).name == "hostexecutor"
