"""The canary judge: what two versions' traffic came to in, PROMOTE, ROLLBACK or HOLD with numbers out."""

from pytest_mlops.deploy.judge.counts import slow_bound, tally
from pytest_mlops.deploy.judge.decide import judge
from pytest_mlops.deploy.judge.series import Series, judge_series
from pytest_mlops.deploy.judge.values import Evidence, Finding, Judgement, JudgeVerdict, StepTally, Tally

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
