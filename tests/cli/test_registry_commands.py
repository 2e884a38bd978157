"""The ``registry`` commands: what they print, and the codes they exit with."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from pytest_mlops.cli.app import app
from pytest_mlops.cli.exits import exit_code_of
from pytest_mlops.errors import MLOpsError
from pytest_mlops.registry.registry import open_registry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Gate

TEST = """\
import pytest

@pytest.mark.model_test(covers="accuracy")
def test_it(mlops):
    mlops.metric("accuracy", 0.9, n=100)
"""
RECORD = ".mlops/integration-result.json"


class Cli:
    """The commands, run in the folder of a project."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    def run(self, version: str, **model: Any) -> None:
        config = {"id": "credit", "version": version, "artifact": "model", **model}
        wanted = "requirements: [{capability: accuracy}]"
        self.gate.write("mlops.yaml", f"version: 1\nmodel: {json.dumps(config)}\n{wanted}\n")
        self.gate.write("model/weights", version)
        self.gate.write("test_model.py", TEST)
        self.gate.run()

    def __call__(self, *arguments: str) -> tuple[int, str]:
        """Return the exit code and what was printed."""
        answer = CliRunner().invoke(app, ["registry", *arguments])
        if isinstance(answer.exception, MLOpsError):
            return int(exit_code_of(answer.exception)), str(answer.exception)
        return answer.exit_code, answer.output

    def json(self, *arguments: str) -> Any:
        code, output = self(*arguments, "--json")
        assert code == 0, output
        return json.loads(output)


@pytest.fixture
def cli(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.chdir(gate.folder)
    monkeypatch.setenv("MLOPS_ACTOR", "ada")
    monkeypatch.setenv("COLUMNS", "80")
    return Cli(gate)


@pytest.fixture
def filled(cli: Cli) -> Cli:
    """Return the commands where version 1 is registered and the champion."""
    cli.run("1", dependencies=["pytest>=8"], tags=["gold"], algorithm="trees")
    assert cli("register", RECORD, "--tag", "team=risk")[0] == 0
    assert cli("alias", "credit", "champion", "--to", "1", "--new", "--reason", "first")[0] == 0
    return cli


def test_without_a_store_nothing_is_registered_and_none_is_made(cli: Cli) -> None:
    code, output = cli("list")
    assert (code, output) == (4, "there is no store here, so nothing is registered; choose one with --store")
    assert not (cli.gate.folder / ".mlops").exists()


def test_a_record_is_registered_once(cli: Cli) -> None:
    cli.run("1", tags=["gold"])
    code, output = cli("register", RECORD, "--tag", "team=risk")
    assert code == 0
    assert "credit 1" in output
    assert "tags: gold, team=risk" in output
    assert "bytes: kept here" in output
    code, output = cli("register", RECORD)
    assert (code, output.splitlines()[0]) == (0, "Registered already, with these bytes.")
    values = cli.json("register", RECORD)
    assert values["created"] is False
    assert values["created_by"] == "ada"
    assert values["model_version"]["model_id"] == "credit"


def test_without_the_model_or_on_request_no_bytes_are_kept(cli: Cli) -> None:
    cli.run("1")
    (cli.gate.folder / "model" / "weights").unlink()
    (cli.gate.folder / "model").rmdir()
    assert cli.json("register", RECORD)["stored"] is False
    cli.run("2")
    assert cli.json("register", RECORD, "--no-artifacts")["stored"] is False
    assert cli.json("register", RECORD, "--model", "model")["stored"] is True


def test_other_bytes_under_a_name_end_with_4_and_a_bad_record_with_5(cli: Cli) -> None:
    cli.run("1")
    cli("register", RECORD)
    cli.run("1")
    cli.gate.write("model/weights", "changed")
    cli.gate.run()
    code, output = cli("register", RECORD)
    assert code == 4
    assert "use a new version id" in output
    cli.gate.path.write_text("{}")
    assert cli("register", RECORD)[0] == 5


def test_a_list_fits_80_columns_and_pages(filled: Cli) -> None:
    filled.run("2")
    filled("register", RECORD)
    code, output = filled("list")
    assert code == 0
    assert "@champion, gold, team=risk" in output
    assert max(map(len, output.splitlines())) <= 80
    code, output = filled("list", "--limit", "1")
    assert "repeat with --cursor 2" in output
    page = filled.json("list", "--limit", "1", "--cursor", "2")
    assert [one["version_id"] for one in page["versions"]] == ["1"]
    assert page["versions"][0]["aliases"] == ["@champion"]
    assert page["cursor"] is None


def test_a_list_can_be_filtered(filled: Cli) -> None:
    def count(*options: str) -> int:
        return len(filled.json("list", *options)["versions"])

    assert count("--model", "credit", "--tag", "team=risk", "--alias", "champion", "--verdict", "pass") == 1
    assert count("--since", "2100-01-01") == 0
    assert count("--before", "2100-01-01") == 1
    assert "None." in filled("list", "--verdict", "fail")[1]


def test_a_version_is_shown_by_name_or_alias_and_fetched(filled: Cli, tmp_path: Path) -> None:
    assert filled.json("get", "credit", "@champion")["version_id"] == "1"
    target = tmp_path / "fetched"
    code, output = filled("get", "credit", "1", "--to", str(target))
    assert code == 0
    assert "evidence: run" in output
    assert (target / "weights").read_text() == "1"
    code, output = filled("get", "credit", "2")
    assert (code, output) == (4, "credit has no version 2")


def test_bytes_that_are_not_kept_cannot_be_fetched(cli: Cli, tmp_path: Path) -> None:
    cli.run("1")
    cli("register", RECORD, "--no-artifacts")
    code, output = cli("get", "credit", "1", "--to", str(tmp_path / "x"))
    assert (code, output) == (4, "the files of credit 1 are not stored here")


def test_tags_are_changed(filled: Cli) -> None:
    assert filled.json("tag", "credit", "@champion", "blue", "--remove", "gold")["tags"] == {
        "blue": "",
        "team": "risk",
    }


def test_an_alias_moves_only_from_where_it_is_believed_to_point(filled: Cli) -> None:
    filled.run("2")
    filled("register", RECORD)
    move = ("alias", "credit", "champion", "--to", "2", "--reason", "better")
    code, output = filled(*move)
    assert code == 2
    assert "that is --expect 1" in output
    code, output = filled(*move, "--new")
    assert code == 4
    assert "ada moved it to 1" in output
    code, output = filled(*move, "--expect", "1", "--require-pass")
    assert (code, output) == (0, "champion of credit: 1 -> 2 (revision 2)\n")
    run = filled.json("get", "credit", "2")["run_id"]
    moved = filled.json(
        "alias",
        "credit",
        "shadow",
        "--to",
        "@champion",
        "--expect-revision",
        "0",
        "--reason",
        "x",
        "--evidence",
        run,
    )
    assert (moved["version_id"], moved["run_id"]) == ("2", run)
    code, output = filled("alias", "credit", "shadow", "--delete", "--expect", "2", "--reason", "y")
    assert (code, output) == (0, "shadow of credit: 2 -> nowhere (revision 2)\n")


def test_an_alias_goes_to_one_place(filled: Cli) -> None:
    base = ("alias", "credit", "champion", "--expect", "1", "--reason", "x")
    assert filled(*base)[0] == 2
    assert filled(*base, "--to", "1", "--delete")[0] == 2
    assert filled(*base, "--to", "1", "--new")[0] == 2
    assert filled(*base, "--to", "9")[0] == 4


def test_a_verdict_that_is_no_pass_ends_with_5_where_one_is_required(filled: Cli) -> None:
    filled.run("2")
    filled.gate.write("test_model.py", TEST + "    assert False\n")
    filled.gate.run()
    filled("register", RECORD)
    move = ("alias", "credit", "champion", "--to", "2", "--expect", "1", "--reason", "better")
    code, output = filled(*move, "--require-pass")
    assert code == 5
    assert "has the verdict fail" in output
    assert filled(*move)[0] == 0


def test_the_history_says_who_when_and_why(filled: Cli) -> None:
    filled("alias", "credit", "champion", "--delete", "--expect", "1", "--reason", "bad recall")
    code, output = filled("history", "credit", "champion")
    assert code == 0
    for word in ("ada", "bad recall", "first", "nowhere"):
        assert word in output
    page = filled.json("history", "credit", "champion", "--limit", "1")
    assert (page["moves"][0]["reason"], page["cursor"]) == ("bad recall", 2)
    assert "repeat with --cursor 2" in filled("history", "credit", "champion", "--limit", "1")[1]
    assert filled("history", "credit", "nothing")[0] == 4


def test_lineage_names_ancestors_data_and_evidence(filled: Cli) -> None:
    filled.run("2", parent="1", data_version="2026-10")
    filled("register", RECORD)
    code, output = filled("lineage", "credit", "2")
    assert code == 0
    assert "data: 2026-10" in output
    assert "evidence: " in output
    assert output.index("credit 2") < output.index("credit 1")
    values = filled.json("lineage", "credit", "2")
    assert [one["version_id"] for one in values["versions"]] == ["2", "1"]
    with open_registry(filled.gate.folder) as registry:
        child = registry.get("credit", "2").model_version.model_copy(
            update={"version_id": "3", "parent_version": "elsewhere"}
        )
        registry.register(child)
    assert "Not registered." in filled("lineage", "credit", "3")[1]


def test_pruning_spares_what_is_pointed_to(filled: Cli) -> None:
    filled.run("2")
    filled("register", RECORD)
    filled("pin", "credit", "2", "--holder", "deployment/a")
    assert "No version." in filled("prune", "--keep", "0")[1]
    code, output = filled("unpin", "credit", "2", "--holder", "deployment/a")
    assert (code, output) == (0, "deployment/a no longer pins credit 2\n")
    assert "had not pinned" in filled("unpin", "credit", "2", "--holder", "deployment/a")[1]
    assert "Would be removed" in filled("prune", "--keep", "0", "--dry-run")[1]
    values = filled.json("prune", "--keep", "0", "--older-than", "0", "--model", "credit")
    assert [one["version_id"] for one in values["versions"]] == ["2"]
    assert filled("prune")[0] == 4
    assert filled.json("pin", "credit", "@champion", "--holder", "x")["version_id"] == "1"


def test_a_check_ends_with_1_where_something_is_missing(filled: Cli) -> None:
    code, output = filled("check", "credit", "@champion")
    assert code == 0
    assert "Everything it needs is here." in output
    filled.run("2", dependencies=["pytest>=99", "no-such-package"], algorithm="forest")
    filled("register", RECORD)
    code, output = filled("check", "credit", "2", "--against", "@champion")
    assert code == 1
    assert "pytest>=99: installed" in output
    assert "no-such-package is not there" in output
    assert "Changed since 1" in output
    assert "forest" in output
    assert max(map(len, output.splitlines())) <= 80


def test_a_check_reads_the_bytes_that_are_kept(filled: Cli) -> None:
    with open_registry(filled.gate.folder) as registry:
        entry = registry.get("credit", "1")
        assert registry.artifacts is not None
        file = registry.artifacts.manifest(str(entry.digest)).files[0]
        blob = next((filled.gate.folder / ".mlops/artifacts").rglob(file.digest))
    blob.write_bytes(b"0")
    code, output = filled("check", "credit", "1")
    assert code == 1
    assert "has the digest" in output


def test_a_check_does_without_a_record_that_history_has_let_go(filled: Cli) -> None:
    from pytest_mlops.store.schema import integration_results

    with open_registry(filled.gate.folder) as registry, registry.store.write() as connection:
        connection.execute(integration_results.delete())
    assert filled("check", "credit", "1")[0] == 0


def test_a_check_notices_evidence_that_was_lost(filled: Cli) -> None:
    with open_registry(filled.gate.folder) as registry:
        links = registry.links(registry.get("credit", "1"))
    digest = next(str(link.digest) for link in links if link.relation == "evidence")
    (filled.gate.folder / ".mlops/artifacts/manifests" / digest[:2] / f"{digest}.json").unlink()
    code, output = filled("check", "credit", "1")
    assert code == 1
    assert "its evidence, run" in output


def test_from_a_folder_within_the_project_its_store_is_used_and_named(
    filled: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (filled.gate.folder / "src").mkdir()
    monkeypatch.chdir(filled.gate.folder / "src")
    code, output = filled("register", f"../{RECORD}")
    assert code == 0
    assert "Registered already" in output
    assert f"The project is {filled.gate.folder}".replace("\n", "") in output.replace("\n", "")
    assert not (filled.gate.folder / "src" / ".mlops").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("prune", "--older-than", "1e300"),
        ("list", "--cursor", "9" * 23),
        ("history", "credit", "champion", "--cursor", "9" * 23),
    ],
)
def test_numbers_beyond_measure_are_mistakes_of_the_command(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    # In a process of its own: in this one, what draws the mistake may have been loaded twice.
    command = [sys.executable, "-c", "from pytest_mlops.cli.app import app; app()", "registry", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
