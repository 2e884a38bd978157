"""The policy that a pull request starts from, read from before it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.config.load import load_config
from pytest_mlops.github.base_policy import changes_from_file, changes_in_checkout
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
    assert checkout.changes(record) == (["mlops.yaml is gone, and its gate with it"], Decision.BLOCK)


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


def test_a_first_configuration_has_nothing_to_be_compared_with(checkout: Checkout) -> None:
    other = checkout.folder / "models" / "mlops.yaml"
    other.parent.mkdir()
    other.write_text("gate: {min_coverage: 0}", encoding="utf-8")
    checkout.commit(STRICT)
    assert changes_in_checkout(checkout.record(), other, "main") == ((), Decision.ALLOW)


def test_a_rewritten_baseline_is_named(checkout: Checkout) -> None:
    (checkout.folder / "baseline.json").write_text("[]", encoding="utf-8")
    checkout.commit(STRICT)
    found, _ = changes_in_checkout(checkout.record(), checkout.config, "main")
    assert [(change.effect, change.text) for change in found] == [
        (
            Effect.OTHER,
            "the baseline file:baseline.json is rewritten; it was compared with as it stood before",
        )
    ]


def test_a_base_that_cannot_be_reached_is_unknown_and_a_strict_policy_stays_strict(
    checkout: Checkout, make: Make
) -> None:
    ((change,), decision) = changes_in_checkout(checkout.record(), checkout.config, make.BASE)
    assert (change.effect, decision) == (Effect.UNKNOWN, Decision.BLOCK)
    assert "does not reach back" in change.text
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
    changes, decision = changes_from_file(make.record(), base)
    assert "the rule accuracy was removed" in [change.text for change in changes]
    assert decision is Decision.BLOCK
    ((change,), _) = changes_from_file(make.record(), tmp_path / "none.yaml")
    assert change.effect is Effect.UNKNOWN
