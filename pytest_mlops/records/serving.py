"""Settings of serving: processes, gateway and rollout."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from pytest_mlops.records.base import Flag, Label, NonNegative, Positive, Record, Seconds, Share, Text

__all__ = [
    "CanaryStep",
    "GatewaySettings",
    "GoldenSettings",
    "JudgeSettings",
    "PredictionLogSettings",
    "RolloutSettings",
    "ServeSettings",
    "Strategy",
]

Strategy = Literal["all_at_once", "blue_green", "canary", "shadow"]


def _relative(value: str) -> str:
    # Both notations, so that a configuration is valid on every platform or on none.
    windows = PureWindowsPath(value)
    if PurePosixPath(value).is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        raise ValueError(f"got {value}; expected a relative path inside the folder of mlops.yaml")
    return value


class ServeSettings(Record):
    """The process that serves a version."""

    command: Annotated[tuple[Text, ...], Field(min_length=1)]
    """The program and its arguments, run without a shell. ``{host}`` and ``{port}`` are replaced by the
    address to listen on, ``{model}`` by the path of the model, ``{python}`` by the supervisor's
    interpreter."""
    code: tuple[Text, ...] = ()
    """Files and folders that the program needs, relative to ``mlops.yaml``. They are stored with each
    version, so that a rollback restores the code too; without any, the program runs in the current folder of
    ``mlops.yaml``."""
    environ: dict[Label, str] = {}
    """Environment variables, in addition to those of the supervisor."""
    stop_grace: Seconds = 10.0
    """Seconds that a replica has to exit before it is killed."""

    @field_validator("code")
    @classmethod
    def _stay_inside(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_relative(each) for each in value)


class PredictionLogSettings(Record):
    """The log of requests and responses: Parquet files, which monitoring reads."""

    sample: Share = 1.0
    """Share of the requests that are logged, sampled by request id."""
    max_body: Annotated[int, Field(strict=True, ge=0, le=16 * 1024 * 1024)] = 64 * 1024
    """Maximum bytes of a logged body; longer bodies are truncated and marked as such."""
    buffer: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 10_000
    """Maximum number of requests waiting to be written; further ones are served but dropped from the log."""
    rotate_rows: Annotated[int, Field(strict=True, ge=1, le=10_000_000)] = 50_000
    """Maximum rows of one file."""
    rotate_seconds: Positive = 60.0
    """Seconds after which a file is closed."""
    keep_days: Positive = 30.0
    """Retention of files, in days."""


class GatewaySettings(Record):
    """The gateway: one address for clients, independent of the serving version."""

    host: Text = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(strict=True, ge=0, le=65535)] = 0
    """Port to listen on; 0 chooses a free one, which ``status`` prints and restarts keep."""
    timeout: Positive = 30.0
    """Seconds until a request to a replica times out."""
    drain: Seconds = 30.0
    """Seconds that a draining replica has to finish its open requests before it is stopped."""
    max_body: Annotated[int, Field(strict=True, ge=1024)] = 16 * 1024 * 1024
    """Maximum bytes of a request body; a longer one is refused with 413."""
    log: PredictionLogSettings | None = PredictionLogSettings()
    """Log of predictions; null disables it."""


class GoldenSettings(Record):
    """Golden requests with the expected responses, replayed before a version gets traffic."""

    file: Text
    """JSON file relative to ``mlops.yaml``: a list of ``{"request": …, "response": …}``."""
    path: Text = "/predict"
    """Path to which the requests are posted."""
    tolerance: NonNegative = 1e-6
    """Maximum difference of a number from the expected one, relative if the expected number is above 1."""
    timeout: Positive = 10.0
    """Seconds until a request times out."""

    @field_validator("file")
    @classmethod
    def _stays_inside(cls, value: str) -> str:
        return _relative(value)


class CanaryStep(Record):
    """One step of a canary rollout."""

    weight: Annotated[float, Field(strict=True, gt=0, lt=100)]
    """Percentage of the requests that go to the new version."""
    bake: Seconds = 60.0
    """Minimum seconds at this weight before the judge may promote."""


class JudgeSettings(Record):
    """Comparison of the new version's traffic with the old one's, by anytime-valid sequential tests."""

    metrics: Annotated[tuple[Literal["errors", "slow"], ...], Field(min_length=1)] = ("errors", "slow")
    """``errors``: responses with status 500 and above, or no response; ``slow``: responses that took longer
    than ``slow_ms``."""
    slow_ms: Positive | None = None
    """Latency in milliseconds above which a response is slow; by default the old version's 99th
    percentile."""
    acceptable_ratio: Annotated[float, Field(strict=True, gt=0)] = 1.0
    """Ratio of the rates of bad events, new to old, up to which the new version is acceptable."""
    harmful_ratio: Annotated[float, Field(strict=True, gt=1)] = 2.0
    """Ratio that must be ruled out before the new version is promoted."""
    tolerable_rate: Annotated[float, Field(strict=True, ge=0, lt=1)] = 0.01
    """Tolerable rate of bad events: a new version whose rate is shown to be below it need not rule out
    ``harmful_ratio``. Without any bad event this takes about 5/``tolerable_rate`` requests to the new
    version. 0 disables it, so that only the ratio counts."""
    alpha_rollback: Annotated[float, Field(strict=True, gt=0, lt=0.5)] = 0.01
    """Maximum probability to roll back an acceptable version, over all looks and metrics."""
    alpha_promote: Annotated[float, Field(strict=True, gt=0, lt=0.5)] = 0.05
    """Maximum probability to promote a harmful version, over all looks."""
    min_requests: Annotated[int, Field(strict=True, ge=1)] = 100
    """Minimum number of requests to each version within a step before the judge may promote."""
    mode: Literal["sequential", "single_look"] = "sequential"
    """``sequential`` tests continuously; ``single_look`` tests once, at the end of a step's bake, and step s
    spends ``alpha_rollback``/2ˢ of the probability to roll back."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if len(set(self.metrics)) < len(self.metrics):
            raise ValueError(f"got metrics {', '.join(self.metrics)}; expected each at most once")
        if self.acceptable_ratio >= self.harmful_ratio:
            raise ValueError(
                f"acceptable_ratio is {self.acceptable_ratio}; expected a value below harmful_ratio, "
                f"{self.harmful_ratio}"
            )
        return self


class RolloutSettings(Record):
    """How traffic is shifted from the old version to the new one."""

    strategy: Strategy = "all_at_once"
    """``all_at_once``: as soon as the new version is healthy; ``blue_green``: on ``promote``; ``canary``:
    step by step, as the judge decides; ``shadow``: after a phase in which the new version gets copies of
    requests and its responses are discarded."""
    steps: tuple[CanaryStep, ...] = ()
    """``canary``: steps with increasing weights; by default 10 % and 50 %."""
    bake: Seconds = 5.0
    """Seconds that the new version is observed with all traffic before it is blessed."""
    shadow_share: Annotated[float, Field(strict=True, gt=0, le=1)] = 1.0
    """``shadow``: share of the requests that are copied."""
    max_bake: Positive = 3600.0
    """Maximum seconds of one step; if the judge has not decided by then, ``on_hold`` applies."""
    on_hold: Literal["rollback", "wait"] = "rollback"
    """Action when a step reaches ``max_bake`` undecided: roll back, or wait for an operator."""
    judge: JudgeSettings = JudgeSettings()
    """Settings of the canary judge."""
    deadline: Positive = 300.0
    """Seconds from the start until the new version must be healthy and pass the golden requests."""
    tries: Annotated[int, Field(strict=True, ge=1, le=100)] = 3
    """Restart budget: number of times that a replica of a version that is not yet blessed may die before the
    version is rolled back."""
    retain: Annotated[int, Field(strict=True, ge=1, le=1000)] = 3
    """Number of versions besides the serving one whose files are kept for a rollback."""
    require_consistency: Share = 0.0
    """Minimum consistency γ: share of the facts about the environment that must equal those of the test
    environment."""
    auto_rollback: Flag = True
    """Whether a blessed version whose replicas die repeatedly is rolled back."""
    rollback_max_age: Seconds | None = None
    """Maximum age of the evidence of a rollback candidate, in seconds; by default ``max_age``."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.steps and self.strategy != "canary":
            raise ValueError(f"steps apply only to strategy: canary, got {self.strategy}; remove one of them")
        weights = [step.weight for step in self.steps]
        if weights != sorted(set(weights)):
            raise ValueError(f"the weights of steps are {weights}; expected increasing weights")
        return self

    @property
    def canary_steps(self) -> tuple[CanaryStep, ...]:
        """The steps of a canary, with the default applied."""
        return self.steps or (CanaryStep(weight=10.0), CanaryStep(weight=50.0))
