"""Rules on changes: proof to pass, evidence to fail, and a sentence about what is missing."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import pytest
from pydantic import ValidationError

from pytest_mlops.decision.deltas import evaluate_deltas
from pytest_mlops.decision.session import comparison_findings
from pytest_mlops.metrics.paired_delta import share_delta
from pytest_mlops.names import better_direction
from pytest_mlops.records.comparison import BaselineRef, Comparison, Delta
from pytest_mlops.records.policy import BaselineSettings
from pytest_mlops.records.rule import Rule
from pytest_mlops.verdict import Context, Verdict

if TYPE_CHECKING:
    from pytest_mlops.records.integration import RuleResult

TODAY = date(2026, 11, 23)


def delta(**changes: Any) -> Delta:
    """Return a change that is certain to the digit, from 0.80 by ``delta``; bounds follow it."""
    change = changes.setdefault("delta", 0.0)
    given = {
        "metric": "accuracy",
        "n": 1000,
        "baseline": 0.80,
        "candidate": 0.80 + change,
        "lower": change,
        "upper": change,
        "p_decrease": 0.0 if change < 0 else 1.0,
        "p_increase": 0.0 if change > 0 else 1.0,
        "variance": 0.05,
    }
    return Delta(**(given | changes))


def share(gained: int, lost: int, n: int, part: str = "all") -> Delta:
    """Return the change of a paired accuracy."""
    found = share_delta("accuracy", part, n, gained=gained, lost=lost, right=int(0.9 * n), confidence=0.95)
    return Delta(**{name: getattr(found, name) for name in Delta.model_fields if hasattr(found, name)})


def compared(*deltas: Delta) -> Comparison:
    return Comparison(status="compared", baseline=BaselineRef(source="run"), paired=1000, deltas=deltas)


def decide(
    rule: Rule | list[Rule],
    comparison: Comparison | None,
    *,
    context: Context = Context.LOCAL,
    **settings: Any,
) -> list[RuleResult]:
    rules = rule if isinstance(rule, list) else [rule]
    return evaluate_deltas(rules, comparison, BaselineSettings(**settings), context=context, today=TODAY)


def verdict(rule: Rule, *deltas: Delta) -> Verdict:
    (found,) = decide(rule, compared(*deltas))
    return found.verdict


MARGIN = Rule(metric="accuracy", min_delta=-0.01)


@pytest.mark.parametrize(
    ("gained", "lost", "expected"),
    [
        (50, 50, Verdict.PASS),  # equal models, psi .05, n = 2,000: the bound is above -0.01
        (40, 60, Verdict.UNDECIDED),  # one point worse: neither proof nor evidence at 1 %
        (30, 70, Verdict.FAIL),  # two points worse
        (0, 0, Verdict.PASS),
        (70, 30, Verdict.PASS),
    ],
)
def test_the_margin_rule(gained: int, lost: int, expected: Verdict) -> None:
    assert verdict(MARGIN, share(gained, lost, 2000)) is expected


def test_worse_but_provably_within_the_margin_passes_and_says_so() -> None:
    (found,) = decide(Rule(metric="accuracy", min_delta=-0.05), compared(share(30, 70, 2000)))
    assert found.verdict is Verdict.PASS
    assert "went down significantly" in found.message


@pytest.mark.parametrize(
    ("base", "change", "rule", "expected"),
    [
        # 0.80 + 0.05 meets a demanded gain of 0.05; in binary 0.85 - 0.80 is less.
        (0.80, 0.85 - 0.80, {"min_delta": 0.05}, Verdict.PASS),
        (0.80, 0.0499, {"min_delta": 0.05}, Verdict.FAIL),
        (0.80, 0.75 - 0.80, {"min_delta": -0.05}, Verdict.PASS),
        (0.80, -0.0501, {"min_delta": -0.05}, Verdict.FAIL),
        (0.80, 0.90 - 0.80, {"max_delta": 0.10}, Verdict.PASS),
        (0.80, 0.1001, {"max_delta": 0.10}, Verdict.FAIL),
        # 10 % of the baseline; a quotient of values would fail 0.80 -> 0.88.
        (0.80, 0.88 - 0.80, {"min_rel_delta": 0.10}, Verdict.PASS),
        (0.80, -0.08, {"min_rel_delta": -0.10}, Verdict.PASS),
        (0.80, -0.0801, {"min_rel_delta": -0.10}, Verdict.FAIL),
        # Relative to the size of a negative baseline: -2 to -4 is worse, -2 to -1 better.
        (-2.0, -2.0, {"min_rel_delta": 0.1}, Verdict.FAIL),
        (-2.0, 1.0, {"min_rel_delta": 0.1}, Verdict.PASS),
        (-2.0, -0.3, {"min_rel_delta": -0.1}, Verdict.FAIL),
        (-2.0, -0.2, {"min_rel_delta": -0.1}, Verdict.PASS),
        # No change at all, and a relative change of 0 that is demanded.
        (0.80, 0.0, {"min_rel_delta": 0.0}, Verdict.PASS),
        (0.80, 0.0, {"min_delta": 0.0}, Verdict.PASS),
    ],
)
def test_boundaries_are_inclusive_and_exact_in_decimal(
    base: float, change: float, rule: dict[str, float], expected: Verdict
) -> None:
    found = delta(delta=change, baseline=base, candidate=base + change)
    assert verdict(Rule(metric="accuracy", **rule), found) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize("base", [0.0, 1e-12, -1e-12])
def test_a_baseline_near_0_gives_no_relative_change(base: float) -> None:
    (found,) = decide(
        Rule(metric="accuracy", min_delta=-1.0, min_rel_delta=-0.5), compared(delta(baseline=base))
    )
    assert found.verdict is Verdict.INCOMPLETE
    assert "the relative change is undefined" in found.message


@pytest.mark.parametrize("name", ["candidate", "baseline", "delta", "lower", "upper", "p_decrease"])
@pytest.mark.parametrize("value", [float("nan"), None, float("inf")])
def test_a_change_without_all_its_numbers_cannot_be_recorded(name: str, value: float | None) -> None:
    with pytest.raises(ValidationError):
        delta(**{name: value} if name != "delta" else {"delta": 0.0, "candidate": value})


def test_an_undefined_change_is_incomplete() -> None:
    undefined = Delta(metric="accuracy", n=0, undefined="no examples in the slice")
    (found,) = decide(MARGIN, compared(undefined))
    assert (found.verdict, found.message) == (
        Verdict.INCOMPLETE,
        "accuracy: the change is undefined: no examples in the slice",
    )


def test_a_metric_that_was_not_compared_is_incomplete_and_the_nearest_is_named() -> None:
    (found,) = decide(Rule(metric="acuracy", min_delta=-0.1, better="higher"), compared(delta()))
    assert found.verdict is Verdict.INCOMPLETE
    assert "did you mean accuracy?" in found.message


def test_a_slice_that_was_not_compared_is_incomplete() -> None:
    (found,) = decide(Rule(metric="zzz", slice="young", min_delta=-0.1, better="higher"), compared(delta()))
    assert found.verdict is Verdict.INCOMPLETE
    assert "record predictions" in found.message


def test_one_of_several_data_sets_has_to_be_named() -> None:
    two = compared(delta(dataset="a"), delta(dataset="b", delta=-0.5))
    (found,) = decide(MARGIN, two)
    assert found.verdict is Verdict.INCOMPLETE
    assert "data sets a, b" in found.message
    (named,) = decide(Rule(metric="accuracy", dataset="a", min_delta=-0.01), two)
    assert named.verdict is Verdict.PASS


def test_an_error_that_grows_is_a_regression_and_needs_evidence() -> None:
    rule = Rule(metric="mae", max_delta=0.01)
    grown = delta(metric="mae", delta=0.03, lower=-0.01, upper=0.07, p_increase=0.05)
    assert verdict(rule, grown) is Verdict.UNDECIDED
    assert verdict(rule, grown.model_copy(update={"p_increase": 0.001})) is Verdict.FAIL
    assert verdict(rule, delta(metric="mae", delta=-0.03)) is Verdict.PASS


def test_better_says_which_way_is_better_where_the_name_does_not() -> None:
    grown = delta(metric="perplexity", delta=0.03, lower=-0.01, upper=0.07, p_increase=0.001)
    assert verdict(Rule(metric="perplexity", max_delta=0.01, better="higher"), grown) is Verdict.UNDECIDED
    assert verdict(Rule(metric="perplexity", max_delta=0.01, better="lower"), grown) is Verdict.FAIL


LOWER = ("mae", "log_loss", "latency_p99_ms", "word_error", "hinge_loss", "wape", "wer", "perplexity")
HIGHER = (
    "accuracy",
    "balanced_accuracy",
    "r2",
    "ndcg@10",
    "f1",
    "f0.5",
    "roc_auc",
    "bert_score",
    "recall_at_5",
)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        *((name, "lower") for name in LOWER),
        *((name, "higher") for name in HIGHER),
        *((name, None) for name in ("mean_error", "a", "profit", "shift")),
    ],
)
def test_the_name_of_a_metric_says_which_way_is_better_or_nothing_does(name: str, way: str | None) -> None:
    assert better_direction(name) == way


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"metric": "mae", "min_delta": -0.1}, "use max_delta or max_rel_delta"),
        ({"metric": "rmse", "min_rel_delta": -0.05}, "use max_delta or max_rel_delta"),
        ({"metric": "profit", "max_delta": 0.1}, "set better: higher"),
        ({"metric": "profit", "min_delta": -0.1}, "set better: higher"),
        ({"metric": "accuracy", "min_delta": -5.0}, "write -0.05 for five points"),
        ({"metric": "profit", "better": "higher", "min_rel_delta": -5.0}, "-0.05 for five percent"),
        ({"metric": "accuracy", "min": 0.9, "better": "higher"}, "apply only to bounds on a change"),
        ({"metric": "accuracy", "min": 0.9, "critical": False}, "apply only to bounds on a change"),
    ],
)
def test_a_rule_that_would_let_every_loss_pass_is_refused(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Rule(**rule)


def test_the_gain_of_an_error_is_bounded_where_that_is_said() -> None:
    assert not Rule(metric="mae", min_delta=-0.1, better="lower").max_delta


@pytest.mark.parametrize(
    ("change", "expected"),
    [(0.04, Verdict.PASS), (0.0401, Verdict.FAIL), (-0.5, Verdict.PASS)],
)
def test_an_error_may_grow_by_a_share_of_the_baseline(change: float, expected: Verdict) -> None:
    rule = Rule(metric="mae", max_rel_delta=0.05)
    found = delta(metric="mae", delta=change, candidate=0.80 + change)
    assert verdict(rule, found) is expected


def test_a_relative_growth_of_nothing_is_not_evaluable() -> None:
    (found,) = decide(
        Rule(metric="mae", max_rel_delta=0.05), compared(delta(metric="mae", baseline=0.0, candidate=0.0))
    )
    assert found.verdict is Verdict.INCOMPLETE


def test_a_gain_too_good_to_be_true_fails_and_points_at_a_leak() -> None:
    rule = Rule(metric="accuracy", max_delta=0.05)
    (found,) = decide(rule, compared(share(300, 20, 2000)))
    assert found.verdict is Verdict.FAIL
    assert "leak" in found.message
    assert verdict(rule, share(60, 50, 2000)) is Verdict.PASS
    assert verdict(rule, share(30, 10, 400)) is Verdict.UNDECIDED


def test_a_gain_that_is_demanded_fails_where_the_bounds_rule_it_out() -> None:
    rule = Rule(metric="accuracy", min_delta=0.02)
    assert verdict(rule, share(50, 50, 2000)) is Verdict.FAIL
    assert verdict(rule, share(150, 50, 2000)) is Verdict.PASS
    (open_,) = decide(rule, compared(share(90, 50, 2000)))
    assert open_.verdict is Verdict.UNDECIDED


def test_both_bounds_have_to_hold() -> None:
    rule = Rule(metric="accuracy", min_delta=-0.01, max_delta=0.05)
    assert verdict(rule, share(50, 50, 2000)) is Verdict.PASS
    assert verdict(rule, share(300, 20, 2000)) is Verdict.FAIL
    assert verdict(rule, share(30, 70, 2000)) is Verdict.FAIL


def test_rules_are_one_family() -> None:
    worse = share(40, 65, 2000)
    assert worse.p_decrease is not None
    assert 0.001 < worse.p_decrease < 0.01
    assert verdict(MARGIN, worse) is Verdict.FAIL
    parts = [share(50, 50, 2000, part=str(number)) for number in range(19)]
    rules = [MARGIN, *(Rule(metric="accuracy", slice=str(number), min_delta=-0.01) for number in range(19))]
    found = decide(rules, compared(worse, *parts))
    assert found[0].verdict is Verdict.UNDECIDED


def test_rules_that_only_report_take_no_evidence_from_those_that_block() -> None:
    worse = share(40, 65, 2000)
    parts = [share(50, 50, 2000, part=str(number)) for number in range(19)]
    rules = [
        MARGIN,
        *(
            Rule(metric="accuracy", slice=str(number), min_delta=-0.01, severity="report")
            for number in range(19)
        ),
    ]
    assert decide(rules, compared(worse, *parts))[0].verdict is Verdict.FAIL


def test_a_stricter_alpha_needs_more_evidence() -> None:
    worse = share(40, 65, 2000)
    (found,) = decide(MARGIN, compared(worse), alpha=0.001)
    assert found.verdict is Verdict.UNDECIDED


def test_a_rule_that_is_not_critical_fails_on_evidence_and_passes_without() -> None:
    rule = Rule(metric="accuracy", min_delta=-0.01, critical=False)
    (found,) = decide(rule, compared(share(40, 60, 2000)))
    assert found.verdict is Verdict.PASS
    assert "not critical" in found.message
    assert verdict(rule, share(30, 70, 2000)) is Verdict.FAIL
    assert verdict(rule, Delta(metric="accuracy", n=0, undefined="nothing")) is Verdict.INCOMPLETE


@pytest.mark.parametrize(("n", "expected"), [(29, Verdict.UNDECIDED), (30, Verdict.PASS)])
def test_fewer_examples_than_min_n_decide_nothing(n: int, expected: Verdict) -> None:
    assert verdict(MARGIN, delta(n=n)) is expected
    failed = {Verdict.PASS: Verdict.FAIL}.get(expected, expected)
    assert verdict(MARGIN, delta(n=n, delta=-0.5, candidate=0.3)) is failed


def test_too_few_examples_decide_nothing_for_a_slice_that_is_not_critical_either() -> None:
    rule = Rule(metric="accuracy", min_delta=-0.01, critical=False)
    (found,) = decide(rule, compared(delta(n=29)))
    assert found.verdict is Verdict.UNDECIDED
    assert "not critical" not in found.message


def test_undecided_says_what_would_decide() -> None:
    (found,) = decide(MARGIN, compared(share(12, 13, 500)))
    assert found.verdict is Verdict.UNDECIDED
    assert "needs n ≈ 3,092, or a margin of 0.02" in found.message
    assert found.mde == pytest.approx(0.0249, abs=1e-4)


def test_undecided_on_data_that_could_hardly_decide_is_called_underpowered() -> None:
    (found,) = decide(MARGIN, compared(share(8, 8, 100)))
    assert "underpowered" in found.message


def test_the_margin_that_undecided_names_would_pass() -> None:
    (found,) = decide(MARGIN, compared(share(12, 13, 500)))
    margin = float(found.message.rsplit(" ", 1)[1])
    assert verdict(Rule(metric="accuracy", min_delta=-margin), share(12, 13, 500)) is Verdict.PASS


def test_a_change_without_a_known_variance_names_a_margin_alone() -> None:
    vague = delta(lower=-0.03, upper=0.03, variance=None, p_decrease=0.4)
    (found,) = decide(MARGIN, compared(vague))
    assert found.message.endswith("would pass with a margin of 0.03")
    assert found.mde is None


FIRST = Comparison(status="first_run", message="there is no baseline yet (first run)")


@pytest.mark.parametrize("comparison", [None, FIRST])
@pytest.mark.parametrize(
    ("context", "until", "expected"),
    [
        (Context.LOCAL, None, Verdict.UNDECIDED),
        (Context.PULL_REQUEST, None, Verdict.UNDECIDED),
        (Context.PULL_REQUEST, date(2026, 12, 31), Verdict.UNDECIDED),
        (Context.RELEASE, None, Verdict.INCOMPLETE),
        (Context.RELEASE, date(2026, 11, 23), Verdict.PASS),
        (Context.RELEASE, date(2026, 11, 22), Verdict.INCOMPLETE),
    ],
)
def test_a_first_run(
    comparison: Comparison | None, context: Context, until: date | None, expected: Verdict
) -> None:
    (found,) = decide(MARGIN, comparison, context=context, first_run_until=until)
    assert found.verdict is expected
    assert "first run" in found.message


REFUSED = Comparison(status="refused", message="the baseline cannot be compared with: it was changed")


@pytest.mark.parametrize("context", list(Context))
def test_a_refused_baseline_is_incomplete_everywhere(context: Context) -> None:
    (found,) = decide(MARGIN, REFUSED, context=context, first_run_until=date(2030, 1, 1))
    assert found.verdict is Verdict.INCOMPLETE
    assert comparison_findings(REFUSED, [found]) == []


def test_a_refused_baseline_counts_without_a_rule_that_says_so() -> None:
    (finding,) = comparison_findings(REFUSED, [])
    assert (finding.verdict, finding.text) == (Verdict.INCOMPLETE, REFUSED.message)
    assert comparison_findings(FIRST, []) == []
    assert comparison_findings(None, []) == []


@pytest.mark.parametrize("status", ["first_run", "refused"])
def test_a_comparison_that_did_not_take_place_says_why(status: Literal["first_run", "refused"]) -> None:
    with pytest.raises(ValidationError, match="expected the reason"):
        Comparison(status=status)


@pytest.mark.parametrize(
    ("removed_share", "margin", "verdict"),
    [(0.10, -0.02, Verdict.UNDECIDED), (0.02, -0.02, Verdict.PASS), (0.10, -0.2, Verdict.PASS)],
)
@pytest.mark.parametrize("critical", [True, False])
def test_examples_removed_since_the_baseline_count_at_their_worst(
    removed_share: float, margin: float, verdict: Verdict, critical: bool
) -> None:
    rule = Rule(metric="accuracy", min_delta=margin, critical=critical)
    (found,) = decide(rule, compared(delta(removed=207, removed_share=removed_share)))
    assert found.verdict is verdict
    assert ("207 examples of the baseline" in found.message) is (verdict is Verdict.UNDECIDED)


def test_the_margin_of_an_error_in_a_unit_is_relative_for_removed_examples() -> None:
    change = {"metric": "mae", "baseline": 50.0, "candidate": 50.0, "removed": 10}
    rule = Rule(metric="mae", max_delta=2.0)
    verdicts = [
        decide(rule, compared(delta(**change, removed_share=part)))[0].verdict for part in (0.03, 0.05)
    ]
    assert verdicts == [Verdict.PASS, Verdict.UNDECIDED]
