"""The canary judge: what two versions' traffic came to in, PROMOTE, ROLLBACK or HOLD with numbers out."""

from pytest_mlops.rollout.canary.counts import slow_bound, tally
from pytest_mlops.rollout.canary.decide import judge
from pytest_mlops.rollout.canary.judgement import Evidence, Finding, Judgement, JudgeVerdict, StepTally, Tally
from pytest_mlops.rollout.canary.series import Series, judge_series

__all__ = [
    "Evidence",
    "Finding",
    "JudgeVerdict",
    "Judgement",
    "Series",
    "StepTally",
    "Tally",
    "judge",
    "judge_series",
    "slow_bound",
    "tally",
]
