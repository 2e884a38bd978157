"""The canary judge: what two versions' traffic came to in; PROMOTE, ROLLBACK or HOLD with numbers out."""

from pytest_mlops.rollout.canary.decide import judge
from pytest_mlops.rollout.canary.judgement import (
    CanaryEvidence,
    CanaryFinding,
    CanaryJudgement,
    CanaryVerdict,
)
from pytest_mlops.rollout.canary.tally import StepTally, VersionTally, slow_bound, tally

__all__ = [
    "CanaryEvidence",
    "CanaryFinding",
    "CanaryJudgement",
    "CanaryVerdict",
    "StepTally",
    "VersionTally",
    "judge",
    "slow_bound",
    "tally",
]
