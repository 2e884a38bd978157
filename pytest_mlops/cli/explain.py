"""What a configuration means, as sections of lines and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlops.cli.output import Section, Table
from pytest_mlops.decision.quality import COMPONENT_WEIGHTS, METRIC_WEIGHTS
from pytest_mlops.names import ALL
from pytest_mlops.records.policy import QualityMetric
from pytest_mlops.verdict import Context, Verdict, decide

if TYPE_CHECKING:
    from datetime import date

    from pytest_mlops.config.load import LoadedConfig
    from pytest_mlops.config.models import Config
    from pytest_mlops.config.problems import KeyPath
    from pytest_mlops.records.policy import BaselineSettings, QualitySettings, Waiver
    from pytest_mlops.records.rule import Rule

__all__ = ["explain_config"]

_REQUIRED = "INCOMPLETE"
_OPTIONAL = "drops out"


def explain_config(loaded: LoadedConfig, *, today: date) -> tuple[Section, ...]:
    """Return everything ``loaded`` states or leaves at its default, section by section.

    Args:
        loaded: The configuration, with the lines its values stand on.
        today: The day that the time left of a waiver is counted from.
    """
    config = loaded.config
    return (
        _model(loaded),
        _thresholds(loaded),
        _decisions(config),
        _cells(loaded),
        Section(
            title="Rules",
            lines=tuple(
                f"{_rule(rule)} ({_origin(loaded, ('rules', index))})"
                for index, rule in enumerate(config.rules)
            )
            or ("No rule is declared.",),
        ),
        _baseline(config.baseline),
        *_quality(config.quality),
        Section(
            title="Waivers",
            lines=tuple(_waiver(waiver, today) for waiver in config.waivers) or ("Nothing is waived.",),
        ),
    )


def _origin(loaded: LoadedConfig, key_path: KeyPath) -> str:
    return f"line {loaded.lines[key_path]}" if key_path in loaded.lines else "default"


def _model(loaded: LoadedConfig) -> Section:
    model = loaded.config.model
    title = f"What {loaded.path} means"
    if model is None:
        return Section(title=title, lines=("It names no model, so nothing is deployable.",))
    lines = [
        f"Model {model.id}, version {model.version}" + (f" ({model.algorithm})" if model.algorithm else "")
    ]
    if model.artifact is None:
        lines.append("It does not name the model's files, so nothing is deployable.")
    else:
        lines.append(f"The model's files: {model.artifact}")
    return Section(title=title, lines=tuple(lines))


def _thresholds(loaded: LoadedConfig) -> Section:
    gate = loaded.config.gate
    evidence = {None: "in a release", True: "always", False: "never"}[gate.require_evidence]
    meanings = [
        ("min_pass_rate", f"{gate.min_pass_rate:g}", "passed / finished model tests, at least"),
        ("min_coverage", f"{gate.min_coverage:g}", "weighted share of the cells exercised, at least"),
        ("min_quality_score", f"{gate.min_quality_score:g}", "weighted quality score, at least"),
        ("on_undecided", gate.on_undecided, "what a pull request does with UNDECIDED"),
        ("estimand", gate.estimand, _ESTIMANDS[gate.estimand]),
        ("min_n", f"{gate.min_n:,}", "examples that evidence for a slice must rest on"),
        ("require_evidence", evidence, "when a test that only asserts covers nothing"),
    ]
    if gate.min_bound is not None:
        meanings.append(("min_bound", f"{gate.min_bound:g}", "95 % lower bound of coverage × pass rate"))
    rows = tuple((name, value, _origin(loaded, ("gate", name)), meaning) for name, value, meaning in meanings)
    return Section(title="Thresholds", table=Table(columns=("gate", "value", "from", "meaning"), rows=rows))


_ESTIMANDS = {
    "census": "the tests are all the behaviours that exist",
    "sample": "the tests are a sample of a larger population",
}


def _decisions(config: Config) -> Section:
    rows = [_decision_row(context.value.replace("_", " "), config, context) for context in Context]
    rows += [
        _decision_row(f"release to {name}", config, Context.RELEASE, accept_waived=True)
        for name, environment in config.environments.items()
        if environment.accept_waived
    ]
    return Section(
        title="Decisions",
        table=Table(columns=("", *(verdict.name for verdict in Verdict)), rows=tuple(rows)),
        lines=(
            "Where UNDECIDED is allowed, the report prints what would decide it.",
            "A local run narrowed with -k, -m, -x, --lf or paths has no verdict and blocks nothing.",
        ),
    )


def _decision_row(
    label: str, config: Config, context: Context, *, accept_waived: bool = False
) -> tuple[str, ...]:
    decisions = (
        decide(verdict, context, on_undecided=config.gate.on_undecided, accept_waived=accept_waived)
        for verdict in Verdict
    )
    return (label, *decisions)


def _cells(loaded: LoadedConfig) -> Section:
    requirements = loaded.config.requirements
    if not requirements:
        text = (
            "No requirement is declared: coverage is executed / collected tests, and nothing is deployable."
        )
        return Section(title="Cells", lines=(text,))
    total = sum(cell.weight for requirement in requirements for cell in requirement.cells())
    rows = tuple(
        (
            cell.title,
            f"{cell.weight:g}",
            f"{cell.weight / total:.1%}",
            _origin(loaded, ("requirements", index)),
        )
        for index, requirement in enumerate(requirements)
        for cell in requirement.cells()
    )
    columns = ("cell", "weight", "share of coverage", "from")
    return Section(title="Cells", table=Table(columns=columns, rows=rows, numeric=columns[1:3]))


def _rule(rule: Rule) -> str:
    where = f" on slice {rule.slice}" if rule.slice != ALL else ""
    where += f" of data set {rule.dataset}" if rule.dataset is not None else ""
    if rule.compares:
        return _change(rule, where)
    bounds = [f"at least {rule.min:g}"] if rule.min is not None else []
    bounds += [f"at most {rule.max:g}"] if rule.max is not None else []
    label = f"{rule.id}: " if rule.id is not None else ""
    shown = "" if rule.severity == "block" else "; it is reported and blocks nothing"
    return f"{label}{rule.metric}{where} must be {' and '.join(bounds)}; {_decider(rule)}{shown}"


def _change(rule: Rule, where: str) -> str:
    bounds = [f"by at least {rule.min_delta:+g}"] if rule.min_delta is not None else []
    if rule.min_rel_delta is not None:
        bounds.append(f"by at least {rule.min_rel_delta:+g} of the baseline")
    bounds += [f"by at most {rule.max_delta:+g}"] if rule.max_delta is not None else []
    if rule.max_rel_delta is not None:
        bounds.append(f"by at most {rule.max_rel_delta:+g} of the baseline")
    label = f"{rule.id}: " if rule.id is not None else ""
    proof = "" if rule.critical else "; without evidence of a regression it passes"
    shown = "" if rule.severity == "block" else "; it is reported and blocks nothing"
    change = f"{label}{rule.metric}{where} must change {' and '.join(bounds)} against the baseline"
    return f"{change}; the paired bounds decide{proof}{shown}"


def _decider(rule: Rule) -> str:
    if rule.confidence is None:
        return "the estimate decides"
    percent = f"{100 * rule.confidence:g} %"
    if rule.min is not None and rule.max is not None:
        return f"the {percent} lower and upper bounds decide"
    return f"the {percent} {'lower' if rule.min is not None else 'upper'} bound decides"


def _baseline(settings: BaselineSettings) -> Section:
    labels = {"run": "predictions of a baseline model in the same run"}
    sources = ", then ".join(labels.get(source, source) for source in settings.sources)
    removed = "refuses to compare" if settings.removed_cases == "fail" else "leaves them out"
    percent = f"{100 * settings.confidence:g} %"
    lines = [
        f"Looked for in {sources}; examples are paired by {settings.pair_by}.",
        f"Where the baseline alone has examples, the gate {removed}.",
        f"PASS needs the {percent} bound within the margin.",
        f"A run without a regression is failed with a chance of {settings.alpha:g} at most.",
    ]
    if settings.first_run_until is not None:
        lines.append(f"A release may pass without a baseline until {settings.first_run_until}.")
    return Section(title="Baseline", lines=tuple(lines))


def _quality(quality: QualitySettings) -> tuple[Section, Section]:
    weights = COMPONENT_WEIGHTS if quality.weights is None else quality.weights.model_dump(exclude_none=True)
    metrics = quality.metrics or {
        name: QualityMetric(weight=weight) for name, weight in METRIC_WEIGHTS.items()
    }
    absent = _OPTIONAL if quality.weights is None else _REQUIRED
    components = tuple((name, share, _MEANINGS[name], absent) for name, share in _shares(weights))
    named = _OPTIONAL if quality.metrics is None else _REQUIRED
    parts = tuple(
        (name, share, _scale(metrics[name]), named)
        for name, share in _shares({name: metric.weight for name, metric in metrics.items()})
    )
    return (
        Section(
            title="Quality score",
            table=Table(
                columns=("component", "weight", "is", "if absent"), rows=components, numeric=("weight",)
            ),
            lines=_code_reports(quality),
        ),
        Section(
            title="Metrics of the quality score",
            table=Table(columns=("metric", "weight", "scale", "if absent"), rows=parts, numeric=("weight",)),
            lines=("Where a part drops out, the weights of the others are scaled up.",),
        ),
    )


_MEANINGS = {
    "metrics": "mean of the metrics below",
    "tests": "the pass rate",
    "code": "line coverage, ruff findings, complexity",
}


def _shares(weights: dict[str, float]) -> list[tuple[str, str]]:
    total = sum(weights.values())
    return [(name, f"{weight / total:.1%}") for name, weight in weights.items()]


def _scale(metric: QualityMetric) -> str:
    scale = "as it is, 0 to 1"
    if metric.best is not None and metric.worst is not None:
        scale = f"{metric.worst:g} is 0, {metric.best:g} is 1"
    return scale + (f", on {metric.dataset}" if metric.dataset is not None else "")


def _code_reports(quality: QualitySettings) -> tuple[str, ...]:
    if quality.code is None:
        return ("No report on the code is named.",)
    reports = (quality.code.coverage, quality.code.ruff, quality.code.complexity)
    named = ", ".join(report for report in reports if report is not None)
    return (f"Code is read from {named}; a report that cannot be used is {_REQUIRED}.",)


def _waiver(waiver: Waiver, today: date) -> str:
    left = (waiver.expires - today).days
    if left < 0:
        time = f"expired on {waiver.expires}, which is a FAIL"
    else:
        time = f"until {waiver.expires} ({'its last day' if left == 0 else _days(left)})"
    versions = "every version" if waiver.scope == "*" else f"versions {waiver.scope}"
    return f"{waiver.subject}, for {versions}, {time}; approved by {waiver.approver}: {waiver.reason}"


def _days(number: int) -> str:
    return "1 day left" if number == 1 else f"{number:,} days left"
