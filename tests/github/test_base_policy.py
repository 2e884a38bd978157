"""The policy that a pull request starts from, read from before it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.config.load import load_config
from pytest_mlops.github.base_policy import changes_from_file, changes_in_checkout, changes_in_search
from pytest_mlops.github.policy_changes import Effect
from pytest_mlops.verdict import Decision

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlops.records.integration import IntegrationResult
    from tests.github.conftest import Make

STRICT = """
requirements: [{capability: rank}]
gate: {policy_changes: block}
rules: [{metric: accuracy, min: 0.5}]
checks: [{check: latency, of: serving, name: fast, max_ms: 20}]
baseline: {from: ["file:baseline.json", "file:../../outside.json", run]}
"""


class Checkout:
    """A repository with a strict policy on main, and a branch."""

    def __init__(self, folder: Path, make: Make) -> None:
        self.folder, self.make = folder, make
        self.config = folder / "mlops.yaml"
        self.git("init", "--quiet", "--initial-branch=main")
        (folder / "baseline.json").write_text("{}", encoding="utf-8")
        self.commit(STRICT)
        self.git("checkout", "--quiet", "-b", "feature")

    def git(self, *arguments: str) -> None:
        names = ("-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *names, *arguments], cwd=self.folder, check=True, capture_output=True)

    def output(self, *arguments: str) -> str:
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, text: str) -> None:
        self.config.write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "c")

    def record(self) -> IntegrationResult:
        policy = load_config(self.config).config.policy()
        checks = (self.make.test("mlops.yaml::fast", covers=()),)
        return self.make.record(tests=(self.make.test(), *checks), policy=policy, shares=(("accuracy", 90),))

    def changes(self, record: IntegrationResult | None = None) -> tuple[list[str], Decision]:
        found, decision = changes_in_checkout(record or self.record(), self.config, "main")
        return [change.text for change in found], decision


@pytest.fixture
def checkout(tmp_path: Path, make: Make) -> Checkout:
    return Checkout(tmp_path, make)


def test_nothing_changed_is_nothing_and_the_base_s_own_word_counts(checkout: Checkout) -> None:
    assert checkout.changes() == ([], Decision.BLOCK)


def test_the_change_cannot_relax_what_is_done_about_it(checkout: Checkout) -> None:
    checkout.commit(STRICT.replace("policy_changes: block", "policy_changes: allow"))
    found, decision = checkout.changes()
    assert found == ["gate.policy_changes is allow, was block"]
    assert decision is Decision.BLOCK


def test_what_a_check_is_told_is_compared_where_the_file_is_at_hand(checkout: Checkout) -> None:
    checkout.commit(STRICT.replace("max_ms: 20", "max_ms: 99"))
    assert checkout.changes()[0] == ["max_ms of check fast is 99, was 20"]
    record = checkout.record()
    checkout.config.write_text("rules: [", encoding="utf-8")
    assert checkout.changes(record)[0] == []
    checkout.config.unlink()
    assert checkout.changes(record)[0] == []


def test_a_check_that_did_not_even_appear_was_removed(checkout: Checkout) -> None:
    record = checkout.record()
    left = checkout.make.record(policy=record.policy, shares=(("accuracy", 90),))
    checkout.config.unlink()
    assert checkout.changes(left)[0] == ["the check fast was removed"]


def test_the_record_s_policy_counts_and_not_what_the_file_says_later(checkout: Checkout) -> None:
    checkout.commit(STRICT.replace("min: 0.5", "min: 0.1"))
    record = checkout.record()
    checkout.config.write_text(STRICT, encoding="utf-8")
    assert checkout.changes(record)[0] == ["min of rule accuracy is 0.1, was 0.5"]


def test_a_gate_that_was_moved_is_not_a_new_one(checkout: Checkout) -> None:
    record = checkout.record()
    checkout.git("mv", "mlops.yaml", "mlops.yml")
    checkout.git("commit", "--quiet", "-m", "moved")
    checkout.config = checkout.folder / "mlops.yml"
    found, decision = checkout.changes(record)
    assert found[0] == "mlops.yaml is gone, and its gate with it"
    assert found[1].startswith("mlops.yml is new")
    assert decision is Decision.BLOCK


def test_a_gate_that_was_taken_away_is_named_with_any_other(checkout: Checkout) -> None:
    other = checkout.folder / "models" / "mlops.yaml"
    other.parent.mkdir()
    checkout.git("checkout", "--quiet", "main")
    other.write_text("rules: [", encoding="utf-8")
    checkout.commit(STRICT)
    checkout.git("checkout", "--quiet", "-B", "feature")
    checkout.git("rm", "--quiet", "models/mlops.yaml")
    checkout.commit(STRICT)
    assert checkout.changes()[0] == ["models/mlops.yaml is gone, and its gate with it"]


def test_a_configuration_beside_those_of_the_base_is_loosening(checkout: Checkout) -> None:
    other = checkout.folder / "models" / "mlops.yaml"
    other.parent.mkdir()
    other.write_text("gate: {min_coverage: 0}", encoding="utf-8")
    checkout.commit(STRICT)
    ((change,), decision) = changes_in_checkout(checkout.record(), other, "main")
    assert change.text.startswith("models/mlops.yaml is new")
    assert (change.effect, decision) == (Effect.LOOSENED, Decision.BLOCK)


NAMED = """
gate: {policy_changes: block}
quality: {code: {ruff: reports/ruff.json}}
environments:
  production:
    trusted_keys: [{name: ci, file: keys/ci.pub}]
    golden: {file: golden.json}
    serve: {command: [serve], code: [serving]}
"""


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("keys/ci.pub", "the key keys/ci.pub is rewritten"),
        ("golden.json", "the golden file golden.json is rewritten"),
        ("serving/part/app.py", "the serving code serving is rewritten"),
        ("reports/ruff.json", "the code report reports/ruff.json is rewritten"),
    ],
)
def test_bytes_of_files_that_the_policy_names_are_part_of_it(
    checkout: Checkout, path: str, message: str
) -> None:
    checkout.git("checkout", "--quiet", "main")
    for name in ("keys/ci.pub", "golden.json", "serving/part/app.py", "reports/ruff.json"):
        (checkout.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout.folder / name).write_text("a", encoding="utf-8")
    checkout.commit(NAMED)
    checkout.git("checkout", "--quiet", "-B", "feature")
    record = checkout.make.record(policy=load_config(checkout.config).config.policy())
    assert checkout.changes(record) == ([], Decision.BLOCK)
    (checkout.folder / path).write_text("b", encoding="utf-8")
    checkout.commit(NAMED)
    assert checkout.changes(record) == ([message], Decision.BLOCK)
    (checkout.folder / path).unlink()
    checkout.commit(NAMED)
    ((text,), _) = checkout.changes(record)
    assert text == message.replace("is rewritten", "is gone")


def searched(checkout: Checkout, record: IntegrationResult, config: str | None) -> tuple[list[str], Decision]:
    record = record.model_copy(update={"provenance": record.provenance.model_copy(update={"config": config})})
    found, decision = changes_in_search(record, checkout.folder, "main")
    return [change.text for change in found], decision


def test_a_configuration_that_the_base_lacks_is_compared_with_the_one_it_replaces(
    checkout: Checkout, make: Make
) -> None:
    (checkout.folder / "loose.yaml").write_text("gate: {min_coverage: 0}", encoding="utf-8")
    checkout.commit(STRICT)
    for config in ("loose.yaml", "models/mlops.yaml", None):
        found, decision = searched(checkout, make.record(), config)
        assert "the rule accuracy was removed" in found
        assert decision is Decision.BLOCK
    assert searched(checkout, checkout.record(), "mlops.yaml") == ([], Decision.BLOCK)


def test_a_configuration_under_another_name_is_still_compared(checkout: Checkout, make: Make) -> None:
    checkout.git("mv", "mlops.yaml", "mlops.yml")
    checkout.git("commit", "--quiet", "-m", "moved")
    found, decision = searched(checkout, make.record(), "mlops.yml")
    assert found[0] == "mlops.yaml is gone, and its gate with it"
    assert "the rule accuracy was removed" in found
    assert decision is Decision.BLOCK


def test_a_base_with_configurations_below_does_not_pass_for_one_without(
    checkout: Checkout, make: Make
) -> None:
    checkout.git("checkout", "--quiet", "main")
    (checkout.folder / "models" / "a").mkdir(parents=True)
    checkout.git("mv", "mlops.yaml", "models/a/mlops.yaml")
    checkout.git("commit", "--quiet", "-m", "moved")
    checkout.git("checkout", "--quiet", "-B", "feature")
    ((text,), decision) = searched(checkout, make.record(), "loose.yaml")
    assert "loose.yaml judged, and the base has models/a/mlops.yaml; name one with config:" in text
    assert decision is Decision.BLOCK
    ((text,), decision) = searched(checkout, make.record(), None)
    assert "no configuration judged" in text
    assert decision is Decision.BLOCK


def test_a_first_configuration_that_was_searched_for_loosens_nothing(checkout: Checkout, make: Make) -> None:
    checkout.git("checkout", "--quiet", "main")
    checkout.git("rm", "--quiet", "mlops.yaml")
    checkout.git("commit", "--quiet", "-m", "none")
    checkout.git("checkout", "--quiet", "-B", "feature")
    assert searched(checkout, make.record(), "mlops.yaml") == ([], Decision.ALLOW)


def test_a_configuration_outside_the_repository_is_unknown(checkout: Checkout, make: Make) -> None:
    ((text,), _) = searched(checkout, make.record(), "../../outside.yaml")
    assert "is outside the repository" in text


def test_a_rewritten_baseline_is_named(checkout: Checkout) -> None:
    (checkout.folder / "baseline.json").write_text("[]", encoding="utf-8")
    checkout.commit(STRICT)
    found, _ = changes_in_checkout(checkout.record(), checkout.config, "main")
    assert [(change.effect, change.text) for change in found] == [
        (
            Effect.OTHER,
            "the baseline file:baseline.json is rewritten; the comparison used the version before",
        )
    ]


def test_a_base_that_cannot_be_reached_is_unknown_and_a_strict_policy_stays_strict(
    checkout: Checkout, make: Make
) -> None:
    ((change,), decision) = changes_in_checkout(checkout.record(), checkout.config, make.BASE)
    assert (change.effect, decision) == (Effect.UNKNOWN, Decision.BLOCK)
    assert "history in this clone does not contain" in change.text
    assert changes_in_checkout(make.record(), checkout.config, make.BASE)[1] is Decision.ALLOW


def test_a_base_that_is_not_valid_is_unknown(checkout: Checkout) -> None:
    checkout.git("checkout", "--quiet", "main")
    checkout.commit("rules: [")
    checkout.git("checkout", "--quiet", "-B", "feature")
    checkout.commit(STRICT)
    assert "the base's own mlops.yaml is not valid" in checkout.changes()[0][0]


def test_a_copy_of_the_base_s_file_serves_where_there_is_no_checkout(make: Make, tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_text(STRICT, encoding="utf-8")
    head = tmp_path / "mlops.yaml"
    head.write_text(STRICT.replace("max_ms: 20", "max_ms: 99"), encoding="utf-8")
    changes, decision = changes_from_file(make.record(), base, head)
    assert "max_ms of check fast is 99, was 20" in [change.text for change in changes]
    changes, decision = changes_from_file(make.record(), base)
    assert "the rule accuracy was removed" in [change.text for change in changes]
    assert decision is Decision.BLOCK
    ((change,), _) = changes_from_file(make.record(), tmp_path / "none.yaml")
    assert change.effect is Effect.UNKNOWN


def test_added_requirements_hide_no_gap_in_what_the_base_declares(checkout: Checkout) -> None:
    checkout.git("checkout", "--quiet", "main")
    checkout.commit(STRICT.replace("{capability: rank}", "{capability: rank}, {capability: speed}"))
    checkout.git("checkout", "--quiet", "-B", "feature")
    heavy = "{capability: rank}, {capability: speed}, {capability: easy, weight: 100}"
    checkout.commit(STRICT.replace("{capability: rank}", heavy))
    policy = load_config(checkout.config).config.policy()
    checks = checkout.make.test("mlops.yaml::fast", covers=())

    def record(*covers: str) -> IntegrationResult:
        tests = (checkout.make.test(covers=covers), checks)
        return checkout.make.record(tests=tests, policy=policy, shares=(("accuracy", 90),))

    assert checkout.changes(record("rank:all", "easy:all"))[0] == [
        "coverage of what the base declares is 0.5, at least 0.8; added requirements hide it"
    ]
    assert checkout.changes(record("rank:all", "speed:all", "easy:all"))[0] == []
    # Without them nothing is hidden: the verdict itself says that coverage is too small.
    assert checkout.changes(record("rank:all"))[0] == []


def test_commit_that_was_measured_counts_wherever_head_was_moved_since(checkout: Checkout) -> None:
    checkout.commit(STRICT.replace("min: 0.5", "min: 0.1"))
    record = checkout.record()
    measured = checkout.output("rev-parse", "HEAD")
    # An older base, under which the change is none.
    checkout.git("checkout", "--quiet", "--orphan", "loose")
    checkout.commit(STRICT.replace("min: 0.5", "min: 0.1"))
    loose = checkout.output("rev-parse", "HEAD")
    checkout.git("replace", "--graft", "main", loose)

    found, _ = changes_in_checkout(record, checkout.config, "main", measured)
    assert [change.text for change in found] == ["min of rule accuracy is 0.1, was 0.5"]


def test_contents_that_were_replaced_are_not_taken_for_those_that_were_committed(checkout: Checkout) -> None:
    was = checkout.output("rev-parse", "main:mlops.yaml")
    checkout.commit(STRICT.replace("min: 0.5", "min: 0.1"))
    checkout.git("replace", was, checkout.output("rev-parse", "HEAD:mlops.yaml"))

    assert checkout.changes()[0] == ["min of rule accuracy is 0.1, was 0.5"]


def test_repository_that_tests_wrote_into_makes_the_judge_run_no_program(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partial clone asks its remote for what it lacks, through a program that its configuration names."""
    monkeypatch.setenv("MLOPS_TOKEN", "s3cr3t")
    ran = checkout.folder.parent / "ran"
    was = checkout.output("rev-parse", "main:mlops.yaml")
    checkout.commit(STRICT.replace("min: 0.5", "min: 0.1"))
    record = checkout.record()
    for name, value in (
        ("remote.origin.url", f"ext::sh -c env>{ran}"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.partialclonefilter", "blob:none"),
        ("extensions.partialClone", "origin"),
        ("core.repositoryformatversion", "1"),
        ("protocol.ext.allow", "always"),
        ("core.fsmonitor", f"env>{ran}"),
    ):
        checkout.git("config", name, value)
    (checkout.folder / ".git" / "objects" / was[:2] / was[2:]).unlink()

    found, _ = checkout.changes(record)
    assert not ran.exists()
    assert found[0].startswith("the policy could not be compared with its base")


def test_configuration_that_became_a_pipe_is_not_waited_for(checkout: Checkout) -> None:
    record = checkout.record()
    checkout.config.unlink()
    os.mkfifo(checkout.config)
    assert checkout.changes(record)[0] == []
