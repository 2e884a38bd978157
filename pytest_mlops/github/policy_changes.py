"""Changes between the policy of the base and that of a pull request."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Any

from pytest_mlops.decision.quality import COMPONENT_WEIGHTS, METRIC_WEIGHTS
from pytest_mlops.records.ticket import TicketPolicy
from pytest_mlops.verdict import Decision

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from pytest_mlops.github.policy_snapshot import PolicySnapshot
    from pytest_mlops.records.policy import Policy, QualitySettings, Waiver
    from pytest_mlops.records.rule import Rule

__all__ = ["Effect", "PolicyChange", "policy_changes"]


TICKET_FIELDS = frozenset(TicketPolicy.model_fields)
"""Demands of an environment, which have comparisons of their own."""


class Effect(StrEnum):
    """What a change does to the gate."""

    LOOSENED = "loosened"
    """It demands less, or cannot be shown to demand as much."""
    UNKNOWN = "unknown"
    """The two could not be compared."""
    OTHER = "changed"
    """It demands as much as before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyChange:
    """One change, as text without a full stop."""

    effect: Effect
    text: str


def policy_changes(base: PolicySnapshot, head: PolicySnapshot) -> tuple[PolicyChange, ...]:
    """Return where ``head`` demands less than ``base``, and where it differs otherwise.

    A change that cannot be shown to be at least as strict counts as loosened. What is only stricter is not
    mentioned.
    """
    if not head.policy.configured:
        return (_loosened("mlops.yaml is gone, and with it every requirement and rule"),)
    before, after = base.policy, head.policy
    found = chain(
        _gate(before, after),
        _requirements(before, after),
        _rules(before, after),
        _checks(base.checks, head.checks),
        _waivers(before, after),
        _baseline(before, after),
        _quality(before, after),
        _environments(base, head),
    )
    # Stable: what belongs together stays together.
    return tuple(sorted(found, key=lambda change: change.effect is Effect.OTHER))


def _loosened(text: str) -> PolicyChange:
    return PolicyChange(effect=Effect.LOOSENED, text=text)


def _other(text: str) -> PolicyChange:
    return PolicyChange(effect=Effect.OTHER, text=text)


def _gate(before: Policy, after: Policy) -> Iterator[PolicyChange]:
    was, is_ = before.gate, after.gate
    for name in ("min_pass_rate", "min_coverage", "min_quality_score", "min_n", "min_bound"):
        yield from _least(f"gate.{name}", getattr(was, name), getattr(is_, name))
    if (was.estimand, is_.estimand) == ("sample", "census"):
        yield _loosened("gate.estimand is census, was sample")
    for name in ("on_undecided", "policy_changes"):
        if getattr(was, name) is Decision.BLOCK and getattr(is_, name) is Decision.ALLOW:
            yield _loosened(f"gate.{name} is allow, was block")
    strictness = {False: 0, None: 1, True: 2}
    if strictness[is_.require_evidence] < strictness[was.require_evidence]:
        yield _loosened(
            f"gate.require_evidence is {_shown(is_.require_evidence)}, was {_shown(was.require_evidence)}"
        )


def _requirements(before: Policy, after: Policy) -> Iterator[PolicyChange]:
    kept = {cell.title: cell for cell in after.cells()}
    for cell in before.cells():
        if cell.title not in kept:
            yield _loosened(f"the requirement {cell.title} was removed")
        else:
            yield from _least(f"the weight of requirement {cell.title}", cell.weight, kept[cell.title].weight)


def _rules(before: Policy, after: Policy) -> Iterator[PolicyChange]:
    kept = {rule.name: rule for rule in after.rules}
    for rule in before.rules:
        if rule.name in kept:
            yield from _rule(rule, kept[rule.name])
        elif rule.severity == "block":
            yield _loosened(f"the rule {rule.name} was removed")
        else:
            yield _other(f"the rule {rule.name}, which only reported, was removed")


def _rule(was: Rule, is_: Rule) -> Iterator[PolicyChange]:
    name = f"rule {was.name}"
    if (was.metric, was.slice, was.dataset) != (is_.metric, is_.slice, is_.dataset):
        yield _loosened(f"{name} is about another metric, slice or data set")
    for bound in ("min", "min_delta", "min_rel_delta"):
        yield from _least(f"{bound} of {name}", getattr(was, bound), getattr(is_, bound))
    for bound in ("max", "max_delta", "max_rel_delta"):
        yield from _most(f"{bound} of {name}", getattr(was, bound), getattr(is_, bound))
    if was.confidence != is_.confidence:
        # More of it turns a PASS as well as a FAIL into UNDECIDED.
        yield _loosened(f"confidence of {name} is {_shown(is_.confidence)}, was {_shown(was.confidence)}")
    if was.critical and not is_.critical:
        yield _loosened(f"{name} is no longer critical")
    if was.severity == "block" and is_.severity == "report":
        yield _loosened(f"{name} only reports, and blocked")
    if was.better != is_.better:
        yield _loosened(f"{name} takes {_shown(is_.better)} for better, was {_shown(was.better)}")


def _checks(
    before: Mapping[str, Mapping[str, Any] | None], after: Mapping[str, Mapping[str, Any] | None]
) -> Iterator[PolicyChange]:
    for title, entry in before.items():
        if title not in after:
            yield _loosened(f"the check {title} was removed")
            continue
        now = after[title]
        if entry is None or now is None:
            continue
        for key in sorted(entry.keys() | now.keys(), key=str):
            field = f"{key} of check {title}"
            yield from _check_field(str(key), field, entry.get(key), now.get(key))


def _check_field(key: str, name: str, was: object, is_: object) -> Iterator[PolicyChange]:
    if was == is_:
        return
    # More examples asked for of a slice turn a FAIL on few of them into UNDECIDED.
    if _is_number(was) and _is_number(is_) and key != "min_n":
        if key.startswith("min_") or key == "min":
            yield from _least(name, was, is_)
            return
        if key.startswith("max_") or key == "max":
            yield from _most(name, was, is_)
            return
    yield _loosened(f"{name} is {_shown(is_)}, was {_shown(was)}")


def _waivers(before: Policy, after: Policy) -> Iterator[PolicyChange]:
    known = {(waiver.subject, waiver.scope): waiver for waiver in before.waivers}
    for waiver in after.waivers:
        was = known.get((waiver.subject, waiver.scope))
        if was is None:
            yield _loosened(f"a new waiver of {_waiver(waiver)}")
        elif waiver.expires > was.expires:
            yield _loosened(
                f"the waiver of {waiver.subject} counts until {waiver.expires}, was {was.expires}"
            )
        elif (waiver.reason, waiver.approver) != (was.reason, was.approver):
            yield _other(f"the waiver of {_waiver(waiver)}, was by {was.approver}: {was.reason}")


def _waiver(waiver: Waiver) -> str:
    return (
        f"{waiver.subject} for {waiver.scope}, by {waiver.approver} until {waiver.expires}: {waiver.reason}"
    )


def _baseline(before: Policy, after: Policy) -> Iterator[PolicyChange]:
    was, is_ = before.baseline, after.baseline
    if was.sources != is_.sources:
        yield _loosened(f"baseline.from is {', '.join(is_.sources)}, was {', '.join(was.sources)}")
    if (was.pair_by, is_.pair_by) == ("id", "position"):
        yield _loosened("baseline.pair_by is position, was id")
    if (was.removed_cases, is_.removed_cases) == ("fail", "intersect"):
        yield _loosened("baseline.removed_cases is intersect, was fail")
    # With a smaller alpha less is a FAIL, and more is UNDECIDED.
    for name in ("confidence", "alpha"):
        yield from _least(f"baseline.{name}", getattr(was, name), getattr(is_, name))
    yield from _most("baseline.max_age_days", was.max_age_days, is_.max_age_days)
    if is_.first_run_until is not None and (
        was.first_run_until is None or is_.first_run_until > was.first_run_until
    ):
        yield _loosened(
            f"baseline.first_run_until is {is_.first_run_until}, was {_shown(was.first_run_until)}"
        )


def _quality(before: Policy, after: Policy) -> Iterator[PolicyChange]:
    was, is_ = before.quality, after.quality
    yield from _weighed("quality.weights", _components(was), _components(is_))
    yield from _weighed("quality.metrics", _metrics(was), _metrics(is_))
    for name, metric in (was.metrics or {}).items():
        now = (is_.metrics or {}).get(name, metric)
        for key in ("best", "worst", "dataset"):
            if getattr(metric, key) != getattr(now, key):
                change = f"is {_shown(getattr(now, key))}, was {_shown(getattr(metric, key))}"
                yield _loosened(f"quality.metrics.{name}.{key} {change}")
    if was.code is None and is_.code is not None:
        yield _loosened("quality.code takes part in the quality score, and did not")
    elif was.code != is_.code:
        yield _loosened("quality.code reads other reports or folders")


def _components(quality: QualitySettings) -> Mapping[str, float]:
    if quality.weights is None:
        return COMPONENT_WEIGHTS
    return {name: weight for name, weight in quality.weights.model_dump().items() if weight is not None}


def _metrics(quality: QualitySettings) -> Mapping[str, float]:
    if quality.metrics is None:
        return METRIC_WEIGHTS
    return {name: metric.weight for name, metric in quality.metrics.items()}


def _weighed(section: str, was: Mapping[str, float], is_: Mapping[str, float]) -> Iterator[PolicyChange]:
    """Name what counts for less, by its own weight or by those of others."""
    for name, weight in sorted(was.items()):
        if name not in is_:
            yield _loosened(f"{section}.{name} takes no part in the quality score")
            continue
        before, after = weight / sum(was.values()), is_[name] / sum(is_.values())
        if is_[name] < weight:
            yield _loosened(f"{section}.{name} is {is_[name]:g}, was {weight:g}")
        elif after < before - 1e-9:
            yield _loosened(f"{section}.{name} counts for {after:.3g} of the whole, was {before:.3g}")


def _environments(base: PolicySnapshot, head: PolicySnapshot) -> Iterator[PolicyChange]:
    before, after = base.environments or {}, head.environments
    if after is None:
        if before:
            text = "the environments could not be compared: the configuration that judged is not at hand"
            yield PolicyChange(effect=Effect.UNKNOWN, text=text)
        return
    for name, was in sorted(before.items()):
        if name not in after:
            yield _loosened(f"the environment {name} is gone, and its demands with it")
            continue
        yield from _environment(f"environment {name}", was, after[name])
        yield from _serving(f"environment {name}", was, after[name])
    for name, is_ in sorted(after.items()):
        if is_.accept_waived and not (name in before and before[name].accept_waived):
            yield _loosened(f"the environment {name} accepts WAIVED")


SERVING_LEAST = frozenset(
    {"rollout.require_consistency", "rollout.bake", "rollout.judge.min_requests", "rollout.retain"}
)
"""Settings of serving and rollout that may rise: more of them is stricter."""
SERVING_MOST = frozenset(
    {"golden.tolerance", "rollout.tries", "rollout.judge.harmful_ratio", "rollout.judge.acceptable_ratio"}
    | {"rollout.judge.tolerable_rate", "rollout.judge.alpha_promote", "rollout.judge.slow_ms"}
)
"""Settings that may fall: less of them is stricter."""


def _serving(title: str, was: TicketPolicy, is_: TicketPolicy) -> Iterator[PolicyChange]:
    """Compare how a version is checked and served; a change without a direction counts as loosened."""
    before, after = was.model_dump(mode="json"), is_.model_dump(mode="json")
    known = {check["name"]: check for check in after.get("health_checks", ())}
    for check in before.get("health_checks", ()):
        if check["name"] not in known:
            yield _loosened(f"the health check {check['name']} of {title} was removed")
        elif check != known[check["name"]]:
            yield _loosened(f"the health check {check['name']} of {title} was changed")
    ages = [_rollback_age(each) for each in (before, after)]
    yield from _most(f"rollout.rollback_max_age of {title}", *ages)
    skipped = {*TICKET_FIELDS, "health_checks", "rollout.rollback_max_age"}
    one, other = (dict(_leaves(each, skipped)) for each in (before, after))
    for key in sorted(one.keys() | other.keys()):
        old, new = one.get(key), other.get(key)
        if key in SERVING_LEAST and old is not None and new is not None:
            yield from _least(f"{key} of {title}", old, new)
        elif key in SERVING_MOST and old is not None and new is not None:
            yield from _most(f"{key} of {title}", old, new)
        elif old != new:
            yield _loosened(f"{key} of {title} is {_shown(new)}, was {_shown(old)}")


def _rollback_age(environment: Mapping[str, Any]) -> Any:
    age = environment.get("rollout", {}).get("rollback_max_age")
    return environment["max_age"] if age is None else age


def _leaves(
    value: Mapping[str, Any], skipped: AbstractSet[str], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of nested mappings; lists count as one value."""
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if name in skipped:
            continue
        if isinstance(inner, dict) and inner:
            yield from _leaves(inner, skipped, f"{name}.")
        else:
            yield name, inner


def _environment(title: str, was: TicketPolicy, is_: TicketPolicy) -> Iterator[PolicyChange]:
    for name in ("min_pass_rate", "min_coverage", "min_quality_score", "min_signatures", "min_n"):
        yield from _least(f"{name} of {title}", getattr(was, name), getattr(is_, name))
    yield from _most(f"max_age of {title}", was.max_age, is_.max_age)
    for what in ("requirements", "rules"):
        if any(one not in getattr(is_, what) for one in getattr(was, what)):
            yield _loosened(f"{what} of {title} were removed or changed")
    if set(is_.trust) - set(was.trust):
        yield _loosened(f"{title} trusts evidence of {', '.join(is_.trust)}, was {', '.join(was.trust)}")
    if was.require_evidence and not is_.require_evidence:
        yield _loosened(f"{title} accepts claims without a recorded number")
    if was.demands_signature and not is_.demands_signature:
        yield _loosened(f"{title} no longer requires a signature")
    if any(key not in was.trusted_keys for key in is_.trusted_keys):
        yield _loosened(f"{title} trusts a key that it did not trust in this way")


def _least(name: str, was: Any, is_: Any) -> Iterator[PolicyChange]:
    """Compare what a value must at least be."""
    if was is not None and (is_ is None or is_ < was):
        yield _loosened(f"{name} is {_shown(is_)}, was {_shown(was)}")


def _most(name: str, was: Any, is_: Any) -> Iterator[PolicyChange]:
    """Compare what a value may at most be."""
    if was is not None and (is_ is None or is_ > was):
        yield _loosened(f"{name} is {_shown(is_)}, was {_shown(was)}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
