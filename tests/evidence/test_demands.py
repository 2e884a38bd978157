"""What an environment demands: how it is written, and that it only ever tightens."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from pytest_mlops.config.load import load_config
from pytest_mlops.errors import ConfigError, EvidenceError
from pytest_mlops.evidence.demands import judge_under, tightened
from pytest_mlops.evidence.keys import generate_key
from pytest_mlops.evidence.trust import load_trusted_key, load_trusted_keys
from pytest_mlops.records.policy import GateSettings, Policy, Requirement
from pytest_mlops.records.rule import Rule
from pytest_mlops.records.ticket import TicketPolicy, TrustedKey
from pytest_mlops.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from tests.evidence.conftest import Scene

KEY = TrustedKey(name="a", file="a.pub")


@pytest.mark.parametrize(
    ("demands", "message"),
    [
        ({"trusted_keys": [{"name": "a"}]}, "either file or public_key, got neither"),
        ({"trusted_keys": [{"name": "a", "file": "a", "public_key": "b"}]}, "got both"),
        (
            {
                "trusted_keys": [
                    {"name": "a", "file": "a", "not_before": "2026-02-01", "not_after": "2026-01-01"}
                ]
            },
            "not_before 2026-02-01 is after not_after 2026-01-01",
        ),
        (
            {"trusted_keys": [{"name": "a", "file": "a"}, {"name": "a", "file": "b"}]},
            "two trusted keys are named a",
        ),
        ({"require_signature": True}, "min_signatures is 1, but there are 0 trusted keys"),
        (
            {"trusted_keys": [{"name": "a", "file": "a"}], "min_signatures": 2},
            "min_signatures is 2, but there are 1 trusted keys",
        ),
        ({"trust": ["untrusted-pr"]}, "trust"),
        ({"trust": []}, "trust"),
        ({"max_age": -1.0}, "max_age"),
        ({"rules": [{"metric": "accuracy", "min_delta": 0.0}]}, "bounds a change"),
        ({"min_signatures": 0}, "min_signatures"),
    ],
)
def test_demands_that_cannot_be_met_or_mean_nothing_are_refused(
    demands: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        TicketPolicy.model_validate(demands)


@pytest.mark.parametrize(
    ("keys", "required", "demanded"),
    [((), None, False), ((KEY,), None, True), ((KEY,), False, False), ((KEY,), True, True)],
)
def test_trusted_keys_demand_a_signature_unless_set_otherwise(
    keys: tuple[TrustedKey, ...], required: bool | None, demanded: bool
) -> None:
    assert TicketPolicy(trusted_keys=keys, require_signature=required).demands_signature is demanded


def test_environments_of_a_configuration_make_ticket_policies(tmp_path: Path) -> None:
    path = tmp_path / "mlops.yaml"
    path.write_text(
        "environments:\n"
        "  production:\n"
        "    trusted_keys: [{name: ci, file: ci.pub, not_after: 2027-01-31}]\n"
        "    max_age: 3600\n"
        "    trust: [ci]\n"
        "    rules: [{metric: accuracy, min: 0.9}]\n",
        encoding="utf-8",
    )
    policy = load_config(path).config.environments["production"].ticket_policy()
    assert type(policy) is TicketPolicy
    assert policy.trusted_keys[0].not_after == date(2027, 1, 31)
    assert (policy.max_age, policy.trust, policy.demands_signature) == (3600.0, ("ci",), True)


def test_a_mistake_in_an_environment_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mlops.yaml"
    path.write_text("environments:\n  production:\n    min_signature: 2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"environments.production.min_signature: .*line 3"):
        load_config(path)


@pytest.mark.parametrize("recorded", [0.0, 0.8, 1.0])
@pytest.mark.parametrize("demanded", [None, 0.0, 0.8, 1.0])
def test_thresholds_are_only_ever_raised(recorded: float, demanded: float | None) -> None:
    names = ("min_pass_rate", "min_coverage", "min_quality_score")
    policy = Policy(gate=GateSettings().model_copy(update=dict.fromkeys(names, recorded)))
    demands = TicketPolicy().model_copy(update=dict.fromkeys(names, demanded))
    gate = tightened(policy, demands, "production").gate
    assert {getattr(gate, name) for name in names} == {max(recorded, demanded or 0.0)}


def test_cells_and_rules_are_added_and_never_replaced() -> None:
    policy = Policy(
        requirements=(Requirement(capability="rank", slices=("all", "old")),),
        rules=(Rule(metric="accuracy", min=0.7),),
    )
    demands = TicketPolicy(
        requirements=(Requirement(capability="rank", slices=("old", "young"), datasets=()),),
        rules=(Rule(metric="accuracy", min=0.1),),
    )
    both = tightened(policy, demands, "production")
    assert [cell.title for cell in both.cells()] == ["rank:all", "rank:old", "rank:young"]
    assert [rule.name for rule in both.rules] == ["accuracy", "production: accuracy"]


def test_a_cell_of_a_data_set_is_demanded_as_such() -> None:
    demands = TicketPolicy(requirements=(Requirement(capability="rank", datasets=("holdout",)),))
    assert [cell.title for cell in tightened(Policy(), demands, "p").cells()] == ["rank:all@holdout"]


def test_evidence_that_sufficed_for_a_run_may_not_suffice_for_a_release(scene: Scene) -> None:
    demands = TicketPolicy(rules=(Rule(metric="accuracy", min=0.95),))
    record = scene.record()
    assert record.verdict is Verdict.PASS
    verdicts = {
        judge_under(record, demand, environment="p", now=scene.now).verdict
        for demand in (TicketPolicy(), demands)
    }
    assert verdicts == {Verdict.PASS, Verdict.FAIL}


def test_a_key_may_stand_in_the_configuration_itself(tmp_path: Path) -> None:
    key, _ = generate_key(tmp_path / "ci.key")
    entry = TrustedKey(name="ci", public_key=key.public.to_pem())
    assert load_trusted_key(entry, tmp_path, date(2026, 1, 1)).key.id == key.public.id
    broken = TrustedKey(name="ci", public_key="hello")
    with pytest.raises(ConfigError, match="ci of trusted_keys"):
        load_trusted_key(broken, tmp_path, date(2026, 1, 1))


@pytest.mark.parametrize(
    ("limits", "day", "counts"),
    [
        ({"not_before": date(2026, 2, 1)}, date(2026, 1, 31), False),
        ({"not_before": date(2026, 2, 1)}, date(2026, 2, 1), True),
        ({"not_after": date(2026, 2, 1)}, date(2026, 2, 1), True),
        ({"not_after": date(2026, 2, 1)}, date(2026, 2, 2), False),
        ({"revoked": True}, date(2026, 2, 2), False),
    ],
)
def test_a_key_counts_from_its_first_day_to_its_last(
    tmp_path: Path, limits: dict[str, Any], day: date, counts: bool
) -> None:
    generate_key(tmp_path / "ci.key")
    entry = TrustedKey(name="ci", file="ci.pub", **limits)
    assert (load_trusted_key(entry, tmp_path, day).objection is None) is counts


def test_one_key_under_two_names_is_refused(tmp_path: Path) -> None:
    generate_key(tmp_path / "ci.key")
    entries = [TrustedKey(name=name, file="ci.pub") for name in "ab"]
    with pytest.raises(EvidenceError, match="a and b are one key"):
        load_trusted_keys(entries, tmp_path, date(2026, 1, 1))
