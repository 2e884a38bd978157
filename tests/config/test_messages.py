"""What is wrong with a value is said as got, expected, how to fix it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mlops.config.load import load_config
from pytest_mlops.config.messages import nearest
from pytest_mlops.errors import ConfigError, Problem

if TYPE_CHECKING:
    from pathlib import Path


def problems_of(folder: Path, text: str) -> list[Problem]:
    """Return the problems of a configuration, none if it is valid."""
    path = folder / "mlops.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        load_config(path)
    except ConfigError as error:
        return error.problems
    return []


WAIVER = "waivers: [{rule: a, scope: '*', reason: r, approver: m, expires: %s}]\nrules: [{metric: a, min: 0}]"

CASES = [
    ("version: 2", "version", "expected 1, the only format that this pytest-mlops reads; got 2"),
    ("version: yes", "version", "expected 1, the only format that this pytest-mlops reads; got True"),
    ("version: 1.0", "version", "expected 1, the only format that this pytest-mlops reads; got 1.0"),
    (
        "model: {id: a, version: 2026.10}",
        "model.version",
        'expected text, got 2026.10; write it in quotes: "2026.10"',
    ),
    ("model: {id: no, version: b}", "model.id", 'expected text, got no; write it in quotes: "no"'),
    ("model: {id: [a], version: b}", "model.id", "expected text, got a list"),
    ("model: {id: {a: b}, version: b}", "model.id", "expected text, got a mapping"),
    (
        "model: {id: , version: b}",
        "model.id",
        "expected text, got nothing; give it a value, or remove the key",
    ),
    ("model: {id: '', version: b}", "model.id", "is empty; give it a value, or remove the key"),
    (f"model: {{id: {'a' * 201}, version: b}}", "model.id", "has 201 characters; expected at most 200"),
    ("model: {id: a}", "model.version", "is missing; add `version:` with a value"),
    (
        "model: {id: a, version: b, training: {epochs: 1.5}}",
        "model.training.epochs",
        "expected a whole number, got 1.5",
    ),
    (
        "model: {id: a, version: b, training: {epochs: -1}}",
        "model.training.epochs",
        "expected a number of at least 0, got -1",
    ),
    (
        "model: {id: a, version: b, hyperparameters: {lr: '1e-3'}}",
        "model.hyperparameters.lr",
        'expected a number, got the text "1e-3"; remove the quotes',
    ),
    (
        "model: {id: a, version: b, hyperparameters: {lr: high}}",
        "model.hyperparameters.lr",
        'expected a number, got the text "high"',
    ),
    (
        "model: {id: a, version: b, hyperparameters: {seeds: [1]}}",
        "model.hyperparameters.seeds",
        "expected a number, got a list",
    ),
    (
        "model: {id: a, version: b, hyperparameters: [1]}",
        "model.hyperparameters",
        "expected a mapping, got a list",
    ),
    (
        "model: {id: a, version: b, tags: 3}",
        "model.tags",
        "expected a list, got 3; write it in brackets: [3]",
    ),
    (
        "model: {id: a, version: b, tags: {a: 1}}",
        "model.tags",
        "expected a list, got a mapping",
    ),
    (
        "model: {id: a, version: b, artifact: /srv/model}",
        "model.artifact",
        "/srv/model is absolute; expected a path relative to the folder of mlops.yaml",
    ),
    (
        "gate:",
        "gate",
        "expected a mapping, got nothing; give it a value, or remove the key",
    ),
    (
        "quality: 0.9",
        "quality",
        "expected a mapping, got 0.9; its keys are weights, metrics, code",
    ),
    (
        "gate: {min_coverage: '0.9'}",
        "gate.min_coverage",
        'expected a number, got the text "0.9"; remove the quotes',
    ),
    ("gate: {min_coverage: true}", "gate.min_coverage", "expected a number, got true"),
    ("gate: {min_coverage: .nan}", "gate.min_coverage", "expected a finite number, got .nan"),
    ("gate: {min_coverage: 1e999}", "gate.min_coverage", "expected a finite number, got 1e999"),
    (
        "gate: {min_coverage: 80}",
        "gate.min_coverage",
        "expected a number of at most 1, got 80; it is a share, so 80 % is 0.8",
    ),
    ("gate: {min_coverage: 800}", "gate.min_coverage", "expected a number of at most 1, got 800"),
    ("gate: {min_coverage: -0.1}", "gate.min_coverage", "expected a number of at least 0, got -0.1"),
    ("gate: {min_n: 0}", "gate.min_n", "expected a number of at least 1, got 0"),
    ("gate: {require_evidence: 1}", "gate.require_evidence", "expected true or false, got 1"),
    (
        "gate: {require_evidence: 'yes'}",
        "gate.require_evidence",
        'expected true or false, got the text "yes"',
    ),
    (
        "gate: {on_undecided: alow}",
        "gate.on_undecided",
        'expected allow or block, got the text "alow"; did you mean "allow"?',
    ),
    ("gate: {estimand: all}", "gate.estimand", 'expected census or sample, got the text "all"'),
    (
        "gate: {estimand: sample}",
        "gate",
        "estimand: sample decides by the lower bound, but min_bound is missing; set min_bound",
    ),
    (
        "quality: {weigths: {}}",
        "quality.weigths",
        'is not a known key; did you mean "weights"? Known here: weights, metrics, code',
    ),
    (
        "quality: {xyz: {}}",
        "quality.xyz",
        "is not a known key. Known here: weights, metrics, code",
    ),
    (
        "environments: {prod: {accept: true}}",
        "environments.prod.accept",
        (
            'is not a known key; did you mean "accept_waived"? Known here: accept_waived, require_signature, '
            "trusted_keys, min_signatures, max_age, trust, min_pass_rate, min_coverage, min_quality_score, "
            "require_evidence, min_n, requirements, rules, target, serve, config, resources, health_checks, "
            "golden, gateway, rollout"
        ),
    ),
    (
        "quality: {metrics: {mae: {wait: 1, weight: 2}}}",
        "quality.metrics.mae.wait",
        'is not a known key; did you mean "weight"? Known here: weight, best, worst, dataset',
    ),
    (
        "quality: {metrics: {mae: {weight: 1, best: 0}}}",
        "quality.metrics.mae",
        "only one of best and worst is set; expected both or neither",
    ),
    ("quality: {metrics: {mae: -1}}", "quality.metrics.mae", "expected a number above 0, got -1"),
    (
        "quality: {metrics: {mae: heavy}}",
        "quality.metrics.mae",
        "expected a weight such as 0.4, or a mapping with weight, best, worst; got heavy",
    ),
    ("quality: {metrics: {}}", "quality.metrics", "is empty; give it a value, or remove the key"),
    (
        "quality: {code: {}}",
        "quality.code",
        "no report is set; set at least one of coverage, ruff, complexity",
    ),
    ("requirements: {}", "requirements", "expected a list, got a mapping"),
    (
        "requirements: ranking",
        "requirements",
        'expected a list, got the text "ranking"; write it in brackets: [ranking]',
    ),
    (
        "requirements: [{capability: a, slices: []}]",
        "requirements[0].slices",
        "is empty; give it a value, or remove the key",
    ),
    (
        "requirements: [a]",
        "requirements[0]",
        'expected a mapping, got the text "a"; its keys are capability, slices, datasets, weight',
    ),
    (
        "rules: [{metric: a}]",
        "rules[0]",
        "has no bound; set min, max, min_delta, max_delta, min_rel_delta or max_rel_delta",
    ),
    (
        "rules: [{metric: a, min: 1, confidence: 1}]",
        "rules[0].confidence",
        "expected a number below 1, got 1",
    ),
    (
        "rules: [{metric: a, min: 1, severity: blok}]",
        "rules[0].severity",
        'expected block or report, got the text "blok"; did you mean "block"?',
    ),
    (f"model: {{id: a, version: [b], tag: {'x' * 60}}}", "model.version", "expected text, got a list"),
    (
        WAIVER % "2026-02-30",
        "waivers[0].expires",
        "2026-02-30 is not a valid date: day is out of range for month",
    ),
    (WAIVER % "20261231", "waivers[0].expires", "expected a date such as 2026-12-31, got 20261231"),
    (
        WAIVER % "2026-12-31 10:00:00",
        "waivers[0].expires",
        "expected a date such as 2026-12-31, got 2026-12-31 10:00:00",
    ),
]


@pytest.mark.parametrize(("text", "path", "message"), CASES, ids=[case[0][:50] for case in CASES])
def test_the_sentence_of_a_mistake(tmp_path: Path, text: str, path: str, message: str) -> None:
    assert (path, message) in [(problem.path, problem.message) for problem in problems_of(tmp_path, text)]


def test_every_mistake_of_a_file_is_told_at_once_in_its_order(tmp_path: Path) -> None:
    text = "version: 3\nbogus: 1\ngate:\n  min_n: 0\n  estimand: x\nrules:\n  - {metric: a}\n  - {min: 2}\n"
    assert [(problem.line, problem.path) for problem in problems_of(tmp_path, text)] == [
        (1, "version"),
        (2, "bogus"),
        (4, "gate.min_n"),
        (5, "gate.estimand"),
        (7, "rules[0]"),
        (8, "rules[1].metric"),
    ]


def test_mistakes_of_yaml_and_of_values_are_told_together(tmp_path: Path) -> None:
    text = "gate: {min_n: 0}\nrules:\n  - {metric: a, metric: b}\ngate: {}\n"
    assert [(problem.line, problem.path) for problem in problems_of(tmp_path, text)] == [
        (1, "gate.min_n"),
        (3, "rules[0]"),
        (3, "rules[0].metric"),
        (4, "gate"),
    ]


def test_a_misread_number_is_told_once(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, "gate: {min_coverage: 0x1}")
    assert problem.message.startswith("0x1 is read as different numbers")


def test_a_number_too_large_for_a_float_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_mlops.config.yaml._MAX_DIGITS", 1000)
    (problem,) = problems_of(tmp_path, f"model: {{id: a, version: b, hyperparameters: {{x: {'9' * 400}}}}}")
    assert problem.message == f"expected a number, got {'9' * 39}…, which is too large"


def test_a_long_text_is_shown_in_part(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, f"gate: {{estimand: {'x' * 50}}}")
    assert problem.message == f'expected census or sample, got the text "{"x" * 39}…"'


def test_the_nearest_name_ignores_case_and_is_left_out_when_far() -> None:
    assert nearest("Recal", ["recall", "accuracy"]) == '; did you mean "recall"?'
    assert nearest("RECALL", ["Recall"]) == '; did you mean "Recall"?'
    assert nearest("zzz", ["recall"]) == ""
    assert nearest("zzz", []) == ""


def test_an_unknown_key_at_the_top_names_the_known_ones(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, "monitors: {}")
    assert problem.path == "monitors"
    assert problem.message.startswith(
        'is not a known key; did you mean "monitor"? Known here: version, model'
    )


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("monitor: %s", "monitor"),
        ("automate: %s", "automate"),
        ("environments: {p: {config: {auto_scaling: %s}}}", "environments.p.config.auto_scaling"),
    ],
)
def test_a_block_of_a_later_feature_may_stand_empty_and_holds_no_key(
    tmp_path: Path, text: str, path: str
) -> None:
    assert problems_of(tmp_path, text % "{}") == []
    (problem,) = problems_of(tmp_path, text % "{max_replicas: 2}")
    assert problem.path == f"{path}.max_replicas"
    name = path.rpartition(".")[2]
    assert problem.message == f"is not available yet; leave `{name}: {{}}` empty"


@pytest.mark.parametrize("key", ['config: {gpu_limit: "1"}', 'resources: {gpu_requests: "1"}'])
def test_gpus_of_a_target_that_knows_none_are_refused(tmp_path: Path, key: str) -> None:
    (problem,) = problems_of(tmp_path, f"environments: {{p: {{{key}}}}}")
    assert problem.path == "environments.p"
    assert problem.message.startswith("target: local can neither limit nor count GPUs; remove gpu_limit")
