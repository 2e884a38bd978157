"""What a pull request changes of its own policy: what is looser is found, what is stricter is not."""

from __future__ import annotations

import pytest
import yaml

from pytest_mlops.errors import ConfigError
from pytest_mlops.github.policy_changes import Effect, PolicyChange, policy_changes
from pytest_mlops.github.policy_snapshot import PolicySnapshot, snapshot_of_yaml

BASE = """
requirements:
  - {capability: rank, slices: [all, young], weight: 2}
  - {capability: calibrate}
gate: {min_pass_rate: 0.9, min_coverage: 0.8, min_quality_score: 0.7, on_undecided: block, min_n: 50,
       policy_changes: block, require_evidence: true}
quality:
  weights: {metrics: 0.5, tests: 0.5, code: 0.2}
  metrics: {accuracy: 0.5, mae: {weight: 0.5, best: 0, worst: 60}}
  code: {ruff: ruff.json}
baseline: {from: ["artifact:main", run], removed_cases: fail, confidence: 0.95, alpha: 0.01,
           first_run_until: 2026-01-01, max_age_days: 30}
rules:
  - {metric: accuracy, min: 0.9, confidence: 0.95}
  - {metric: latency, max: 20}
  - {metric: recall, min_delta: -0.01, max_delta: 0.05}
  - {metric: auc, id: shown, min: 0.5, severity: report}
checks:
  - {check: calibration, of: holdout, covers: ["calibrate:all"], max_ece: 0.1}
  - {check: latency, of: serving, name: fast, max_ms: 20}
waivers:
  - {rule: latency, scope: "1.*", reason: slow box, approver: ann, expires: 2026-06-30}
environments:
  staging: {accept_waived: true}
  production: {min_n: 40, min_coverage: 0.9, max_age: 3600, trust: [ci],
               trusted_keys: [{name: ci, file: ci.pub}], rules: [{metric: auc, min: 0.6}],
               requirements: [{capability: safety}],
               serve: {command: [serve], code: [app], environ: {MODE: strict}}, config: {replicas: 2},
               golden: {file: golden.json, tolerance: 0.001}, gateway: {timeout: 5},
               health_checks: [{name: up, check_type: tcp, endpoint: "{host}:{port}", failure_threshold: 2}],
               rollout: {strategy: canary, rollback_max_age: 7200, require_consistency: 0.9, tries: 2,
                         bake: 60, judge: {min_requests: 500, harmful_ratio: 1.5, alpha_promote: 0.01}}}
"""


def snapshot(text: str) -> PolicySnapshot:
    return snapshot_of_yaml(text.encode(), "mlops.yaml")


def changes(old: str, new: str) -> tuple[PolicyChange, ...]:
    assert old in BASE, old
    return policy_changes(snapshot(BASE), snapshot(BASE.replace(old, new, 1)))


LOOSER = [
    ("min_pass_rate: 0.9", "min_pass_rate: 0.8", "gate.min_pass_rate is 0.8, was 0.9"),
    ("min_coverage: 0.8, ", "min_coverage: 0.5, ", "gate.min_coverage is 0.5, was 0.8"),
    ("min_quality_score: 0.7", "min_quality_score: 0", "gate.min_quality_score is 0, was 0.7"),
    ("min_n: 50", "min_n: 1", "gate.min_n is 1, was 50"),
    ("on_undecided: block", "on_undecided: allow", "gate.on_undecided is allow, was block"),
    ("policy_changes: block", "policy_changes: allow", "gate.policy_changes is allow, was block"),
    ("require_evidence: true", "require_evidence: false", "gate.require_evidence is false, was true"),
    (", require_evidence: true", "", "gate.require_evidence is not set, was true"),
    ("slices: [all, young], ", "", "the requirement rank:young was removed"),
    ("  - {capability: calibrate}\n", "", "the requirement calibrate:all was removed"),
    ("weight: 2}", "weight: 1}", "the weight of requirement rank:all is 1, was 2"),
    ("min: 0.9, ", "min: 0.89, ", "min of rule accuracy is 0.89, was 0.9"),
    ("confidence: 0.95}", "confidence: 0.999}", "confidence of rule accuracy is 0.999, was 0.95"),
    (
        "latency, max: 20}",
        "latency, max: 20, confidence: 0.9}",
        "confidence of rule latency is 0.9, was not set",
    ),
    ("min: 0.9, confidence: 0.95", "min: 0.9", "confidence of rule accuracy is not set, was 0.95"),
    ("{metric: latency, max: 20}", "{metric: latency, min: 0}", "max of rule latency is not set, was 20"),
    ("{metric: latency, max: 20}", "{metric: latency, max: 21}", "max of rule latency is 21, was 20"),
    ("  - {metric: latency, max: 20}\n", "", "the rule latency was removed"),
    ("min_delta: -0.01", "min_delta: -0.02", "min_delta of rule Δrecall is -0.02, was -0.01"),
    ("max_delta: 0.05", "max_delta: 0.5", "max_delta of rule Δrecall is 0.5, was 0.05"),
    ("max_delta: 0.05", "max_delta: 0.05, critical: false", "rule Δrecall is no longer critical"),
    ("max_delta: 0.05", "max_delta: 0.05, better: lower", "rule Δrecall takes lower for better"),
    ("max: 20}", "max: 20, severity: report}", "rule latency only reports, and blocked"),
    ("metric: auc, id: shown", "metric: f1, id: shown", "rule shown is about another metric"),
    ("metrics: 0.5, ", "metrics: 0.4, ", "quality.weights.metrics is 0.4, was 0.5"),
    ("{accuracy: 0.5, mae", "{mae", "quality.metrics.accuracy takes no part in the quality score"),
    ("accuracy: 0.5", "accuracy: 0.1", "quality.metrics.accuracy is 0.1, was 0.5"),
    ("worst: 60", "worst: 600", "quality.metrics.mae.worst is 600, was 60"),
    ("tests: 0.5", "tests: 9", "quality.weights.metrics counts for 0.0515 of the whole, was 0.417"),
    ("{accuracy: 0.5,", "{accuracy: 0.5, luck: 9,", "quality.metrics.accuracy counts for 0.05 of the whole"),
    ("ruff: ruff.json", "ruff: other.json", "quality.code reads other reports"),
    ('"artifact:main", run', "run", "baseline.from is run, was artifact:main, run"),
    ("removed_cases: fail", "removed_cases: intersect", "baseline.removed_cases is intersect, was fail"),
    ("removed_cases: fail", "removed_cases: fail, pair_by: position", "baseline.pair_by is position"),
    ("confidence: 0.95, alpha", "confidence: 0.9, alpha", "baseline.confidence is 0.9, was 0.95"),
    ("alpha: 0.01", "alpha: 0.001", "baseline.alpha is 0.001, was 0.01"),
    ("until: 2026-01-01", "until: 2027-01-01", "baseline.first_run_until is 2027-01-01, was 2026-01-01"),
    ("max_age_days: 30", "max_age_days: 90", "baseline.max_age_days is 90, was 30"),
    ("expires: 2026-06-30", "expires: 2027-06-30", "the waiver of rule latency counts until 2027-06-30"),
    ('scope: "1.*"', 'scope: "*"', "a new waiver of rule latency for *, by ann until 2026-06-30: slow box"),
    ("production: {", "production: {accept_waived: true, ", "the environment production accepts WAIVED"),
    ("min_coverage: 0.9, ", "", "min_coverage of environment production is not set, was 0.9"),
    ("{min_n: 40, ", "{min_n: 20, ", "min_n of environment production is 20, was 40"),
    (
        "{min_n: 40, ",
        "{min_n: 40, require_evidence: false, ",
        "environment production accepts claims without a recorded number",
    ),
    ("max_age: 3600", "max_age: null", "max_age of environment production is not set, was 3600"),
    ("trust: [ci]", "trust: [ci, local]", "environment production trusts evidence of ci, local, was ci"),
    ("file: ci.pub", "file: other.pub", "environment production trusts a key that it did not trust"),
    (
        "trust: [ci],",
        "trust: [ci], require_signature: false,",
        "environment production no longer requires a signature",
    ),
    ("[{metric: auc, min: 0.6}]", "[]", "rules of environment production were removed or changed"),
    ("  production: {", "  live: {", "the environment production is gone, and its demands with it"),
    (
        "[{capability: safety}]",
        "[]",
        "requirements of environment production were removed or changed",
    ),
    (
        "rollback_max_age: 7200",
        "rollback_max_age: 9e9",
        "rollout.rollback_max_age of environment",
    ),
    ("require_consistency: 0.9", "require_consistency: 0", "rollout.require_consistency of environment"),
    ("tries: 2", "tries: 50", "rollout.tries of environment production is 50, was 2"),
    ("bake: 60", "bake: 0", "rollout.bake of environment production is 0, was 60"),
    (
        "strategy: canary",
        "strategy: all_at_once",
        "rollout.strategy of environment production",
    ),
    ("min_requests: 500", "min_requests: 1", "rollout.judge.min_requests of environment production is 1"),
    ("harmful_ratio: 1.5", "harmful_ratio: 9", "rollout.judge.harmful_ratio of environment production is 9"),
    ("alpha_promote: 0.01", "alpha_promote: 0.4", "rollout.judge.alpha_promote of environment production"),
    (
        "judge: {",
        "auto_rollback: false, judge: {",
        "rollout.auto_rollback of environment production",
    ),
    ("judge: {", "on_hold: wait, judge: {", "rollout.on_hold of environment production is wait"),
    ("name: up,", "name: other,", "the health check up of environment production was removed"),
    (
        "failure_threshold: 2",
        "failure_threshold: 99",
        "the health check up of environment",
    ),
    ("tolerance: 0.001", "tolerance: 9", "golden.tolerance of environment production is 9, was 0.001"),
    ("file: golden.json", "file: easy.json", "golden.file of environment production is easy.json"),
    ("code: [app]", "code: [other]", "serve.code of environment production is"),
    ("command: [serve]", "command: [other]", "serve.command of environment production is"),
    ("MODE: strict", "MODE: lax", "serve.environ.MODE of environment production is lax, was strict"),
    ("replicas: 2", "replicas: 1", "config.replicas of environment production is 1, was 2"),
    ("timeout: 5", "timeout: 500", "gateway.timeout of environment production is 500, was 5"),
    ("gateway: {", "gateway: {log: null, ", "gateway.log.buffer of environment production is not set"),
    ("  - {check: latency, of: serving, name: fast, max_ms: 20}\n", "", "the check fast was removed"),
    ("max_ms: 20", "max_ms: 30", "max_ms of check fast is 30, was 20"),
    ("of: serving", "of: easy", "of of check fast is easy, was serving"),
    (", max_ece: 0.1", "", "max_ece of check calibration-holdout is not set, was 0.1"),
]


@pytest.mark.parametrize(("old", "new", "message"), LOOSER, ids=[message for *_, message in LOOSER])
def test_what_asks_for_less_is_named(old: str, new: str, message: str) -> None:
    found = changes(old, new)
    assert any(change.text.startswith(message) for change in found), found
    assert {change.effect for change in found} == {Effect.LOOSENED}


STRICTER = [
    ("min_pass_rate: 0.9", "min_pass_rate: 1.0"),
    ("capability: calibrate}", "capability: calibrate, slices: [all, old]}"),
    ("min: 0.9, ", "min: 0.95, "),
    ("max: 20}", "max: 10}"),
    ("min_delta: -0.01", "min_delta: 0"),
    ("severity: report", "severity: block"),
    ("alpha: 0.01", "alpha: 0.05"),
    ("first_run_until: 2026-01-01, ", ""),
    ("max_age_days: 30", "max_age_days: 7"),
    ("expires: 2026-06-30", "expires: 2026-05-30"),
    ("max_ms: 20", "max_ms: 10"),
    ("staging: {accept_waived: true}", "staging: {}"),
    ("rollback_max_age: 7200", "rollback_max_age: 60"),
    ("require_consistency: 0.9", "require_consistency: 1.0"),
    ("tries: 2", "tries: 1"),
    ("tolerance: 0.001", "tolerance: 0"),
    ("min_requests: 500", "min_requests: 900"),
    ("rules:\n", "rules:\n  - {metric: f1, min: 0.5}\n"),
]


@pytest.mark.parametrize(("old", "new"), STRICTER)
def test_what_asks_for_more_is_not_mentioned(old: str, new: str) -> None:
    assert changes(old, new) == ()


def test_nothing_changed_is_nothing() -> None:
    assert policy_changes(snapshot(BASE), snapshot(BASE)) == ()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "approver: ann",
            "approver: bob",
            "the waiver of rule latency for 1.*, by bob until 2026-06-30: slow box, was by ann: slow box",
        ),
        (
            "  - {metric: auc, id: shown, min: 0.5, severity: report}\n",
            "",
            "the rule shown, which only reported, was removed",
        ),
    ],
)
def test_what_is_as_strict_is_mentioned_and_nothing_more(old: str, new: str, message: str) -> None:
    assert changes(old, new) == (PolicyChange(effect=Effect.OTHER, text=message),)


def test_from_a_sample_to_a_census_is_looser() -> None:
    sample = "gate: {estimand: sample, min_bound: 0.8}"
    found = policy_changes(snapshot(sample), snapshot("gate: {}"))
    assert [change.text for change in found] == [
        "gate.min_bound is not set, was 0.8",
        "gate.estimand is census, was sample",
    ]


def test_looser_changes_come_first() -> None:
    new = BASE.replace("approver: ann", "approver: bob").replace("max_age_days: 30", "max_age_days: 90")
    found = policy_changes(snapshot(BASE), snapshot(new))
    assert [change.effect for change in found] == [Effect.LOOSENED, Effect.OTHER]


def test_a_configuration_that_is_gone_asks_for_nothing() -> None:
    head = snapshot("")
    gone = PolicySnapshot(policy=head.policy.model_copy(update={"configured": False}), checks={})
    (change,) = policy_changes(snapshot(BASE), gone)
    assert change.text == "mlops.yaml is gone, and with it every requirement and rule"


def test_checks_of_plugins_need_not_be_installed() -> None:
    text = yaml.safe_dump({"checks": [{"check": "house-style", "of": "texts", "max_words": 3}]})
    before = snapshot(text)
    assert list(before.checks) == ["house-style-texts"]
    (change,) = policy_changes(before, snapshot(text.replace("3", "4")))
    assert change.text == "max_words of check house-style-texts is 4, was 3"


@pytest.mark.parametrize(("least", "effects"), [(1, [Effect.LOOSENED]), (3, [])])
def test_what_a_check_must_at_least_find_may_only_rise(least: int, effects: list[Effect]) -> None:
    before, after = (
        snapshot(f"checks: [{{check: minimal, name: m, min: {number}}}]") for number in (2, least)
    )
    assert [change.effect for change in policy_changes(before, after)] == effects


@pytest.mark.parametrize("text", ["rules: 3", "a: [", "gate: {min_coverage: 2}"])
def test_a_file_that_is_not_valid_is_no_policy(text: str) -> None:
    with pytest.raises(ConfigError):
        snapshot(text)


def test_checks_that_are_no_mappings_are_no_checks() -> None:
    assert snapshot("checks: [1, {check: 3}]").checks == {"3": {"check": 3}}


def test_examples_that_a_check_asks_for_may_not_rise_either() -> None:
    """A slice with fewer of them is UNDECIDED, whatever it shows."""
    before = "checks: [{check: slice_floor, of: holdout, name: floor, metric: accuracy, min: 0.8, min_n: 30}]"
    (change,) = policy_changes(snapshot(before), snapshot(before.replace("30", "30000")))
    assert (change.effect, change.text) == (Effect.LOOSENED, "min_n of check floor is 30000, was 30")


def test_quality_of_ones_own_in_place_of_the_defaults_is_looser() -> None:
    own = snapshot("quality: {metrics: {luck: {weight: 1, best: 1, worst: 0}}, code: {ruff: r.json}}")
    found = {change.text for change in policy_changes(snapshot("rules: []"), own)}
    assert "quality.metrics.accuracy takes no part in the quality score" in found
    assert "quality.code takes part in the quality score, and did not" in found
