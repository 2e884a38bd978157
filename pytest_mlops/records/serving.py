"""How a version is served: its process, the gateway in front of it, and how traffic moves to it."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from pytest_mlops.records.base import Flag, Label, Positive, Record, Seconds, Share, Text

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
    # Both notations, so that a file says the same on every system.
    windows = PureWindowsPath(value)
    if PurePosixPath(value).is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        raise ValueError(f"got {value}; expected a path at or below the folder of mlops.yaml")
    return value


class ServeSettings(Record):
    """The process that serves a version."""

    command: Annotated[tuple[Text, ...], Field(min_length=1)]
    """The program and its arguments; no shell reads them. ``{host}`` and ``{port}`` stand for the address to
    listen on, ``{model}`` for the model's files, ``{python}`` for the supervisor's interpreter."""
    code: tuple[Text, ...] = ()
    """Files and folders that the program needs, relative to ``mlops.yaml``. Each version keeps a copy, so
    that a rollback brings the old code back too. Without any, the program runs in the folder of
    ``mlops.yaml`` as it is now."""
    environ: dict[Label, str] = {}
    """Environment variables, in addition to those of the supervisor."""
    stop_grace: Seconds = 10.0
    """Seconds between the request to end and the kill of a replica."""

    @field_validator("code")
    @classmethod
    def _stay_inside(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_relative(each) for each in value)


class PredictionLogSettings(Record):
    """The log of requests and answers, Parquet files that monitoring reads."""

    sample: Share = 1.0
    """Share of the requests that are logged, drawn by request id."""
    max_body: Annotated[int, Field(strict=True, ge=0, le=16 * 1024 * 1024)] = 64 * 1024
    """Bytes of a body that are logged; a longer one is truncated and marked as such."""
    buffer: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 10_000
    """Rows that may wait to be written; further rows are dropped and counted, and their requests served."""
    rotate_rows: Annotated[int, Field(strict=True, ge=1, le=10_000_000)] = 50_000
    """Maximum number of rows of a file."""
    rotate_seconds: Positive = 60.0
    """Seconds after which a file is closed."""
    keep_days: Positive = 30.0
    """Days that files are kept."""


class GatewaySettings(Record):
    """What clients connect to: one address for all versions."""

    host: Text = "127.0.0.1"
    """Address that it listens on."""
    port: Annotated[int, Field(strict=True, ge=0, le=65535)] = 0
    """Port that it listens on; 0 picks a free one, which stays the same and which ``status`` prints."""
    timeout: Positive = 30.0
    """Seconds after which a request to a replica fails."""
    drain: Seconds = 30.0
    """Seconds that open requests have before a draining replica is stopped."""
    max_body: Annotated[int, Field(strict=True, ge=1024)] = 16 * 1024 * 1024
    """Maximum size of a request's body in bytes; a longer one is refused with 413."""
    log: PredictionLogSettings | None = PredictionLogSettings()
    """The prediction log; null for none."""


class GoldenSettings(Record):
    """Known requests with the answers of the tested model, checked before a version gets any traffic."""

    file: Text
    """JSON file relative to ``mlops.yaml``: a list of ``{"request": …, "response": …}``."""
    path: Text = "/predict"
    """Path that the requests are sent to, by POST."""
    tolerance: Seconds = 1e-6
    """Maximum difference of a number from the known one: absolute up to 1, relative above."""
    timeout: Positive = 10.0
    """Seconds after which a request fails."""

    @field_validator("file")
    @classmethod
    def _stays_inside(cls, value: str) -> str:
        return _relative(value)


class CanaryStep(Record):
    """One step of a canary."""

    weight: Annotated[float, Field(strict=True, gt=0, lt=100)]
    """Percentage of the requests that go to the new version."""
    bake: Seconds = 60.0
    """Minimum seconds at this weight before the judge may promote."""


class JudgeSettings(Record):
    """How the new version's traffic is compared with the old one's, by anytime-valid sequential tests."""

    metrics: Annotated[tuple[Literal["errors", "slow"], ...], Field(min_length=1)] = ("errors", "slow")
    """``errors``: status 500 and above, or no answer; ``slow``: answers that took longer than ``slow_ms``."""
    slow_ms: Positive | None = None
    """Milliseconds above which an answer is slow; by default the old version's 99th percentile."""
    acceptable_ratio: Annotated[float, Field(strict=True, gt=0)] = 1.0
    """Ratio of the rates of bad events, new to old, up to which the new version is acceptable."""
    harmful_ratio: Annotated[float, Field(strict=True, gt=1)] = 2.0
    """Ratio that must be ruled out before the new version is promoted."""
    tolerable_rate: Annotated[float, Field(strict=True, ge=0, lt=1)] = 0.01
    """Rate of bad events that is always acceptable: a new version whose rate is shown to be below it need not
    rule out ``harmful_ratio``. Without any bad event this takes about 5/``tolerable_rate`` requests of the
    new version; with 0 only the ratio counts."""
    alpha_rollback: Annotated[float, Field(strict=True, gt=0, lt=0.5)] = 0.01
    """Maximum probability of rolling back an acceptable version, over all looks and metrics."""
    alpha_promote: Annotated[float, Field(strict=True, gt=0, lt=0.5)] = 0.05
    """Maximum probability of promoting a harmful version, over all looks."""
    min_requests: Annotated[int, Field(strict=True, ge=1)] = 100
    """Requests that each version must answer within the step before the judge may promote."""
    mode: Literal["sequential", "single_look"] = "sequential"
    """``sequential`` tests continuously; ``single_look`` tests once, at the end of a step's bake, with a
    probability of rollback of ``alpha_rollback``/2ˢ in step s."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if len(set(self.metrics)) < len(self.metrics):
            raise ValueError(f"metrics must differ; got {', '.join(self.metrics)}")
        if self.acceptable_ratio >= self.harmful_ratio:
            raise ValueError(
                f"acceptable_ratio {self.acceptable_ratio} is not below harmful_ratio {self.harmful_ratio}"
            )
        return self


class RolloutSettings(Record):
    """How traffic moves from the old version to the new one."""

    strategy: Strategy = "all_at_once"
    """``all_at_once``: when the new version is healthy; ``blue_green``: on ``pytest-mlops promote``;
    ``canary``: step by step, as the judge allows; ``shadow``: after it answered copies of requests, whose
    answers are dropped."""
    steps: tuple[CanaryStep, ...] = ()
    """``canary``: steps with rising weights; by default 10 % and 50 %."""
    bake: Seconds = 5.0
    """Seconds that the new version serves all traffic, watched, before it is blessed."""
    shadow_share: Annotated[float, Field(strict=True, gt=0, le=1)] = 1.0
    """``shadow``: share of the requests that are copied."""
    max_bake: Positive = 3600.0
    """Seconds after which a step without a verdict ends as ``on_hold`` says."""
    on_hold: Literal["rollback", "wait"] = "rollback"
    """After ``max_bake`` without a verdict: roll back, or wait for ``pytest-mlops promote`` or ``abort``."""
    judge: JudgeSettings = JudgeSettings()
    """How the new version's traffic is judged."""
    deadline: Positive = 300.0
    """Seconds within which the new version must be healthy."""
    tries: Annotated[int, Field(strict=True, ge=1, le=100)] = 3
    """Restart budget: deaths of a replica in a row before the version is rolled back."""
    retain: Annotated[int, Field(strict=True, ge=1, le=1000)] = 3
    """Number of earlier versions whose files are kept for a rollback."""
    require_consistency: Share = 0.0
    """Minimum share γ of facts about the environment that are equal to where the version was tested."""
    auto_rollback: Flag = True
    """Whether a blessed version whose replicas keep dying is rolled back."""
    rollback_max_age: Seconds | None = None
    """Seconds after which evidence is too old for a rollback; by default ``max_age``."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.steps and self.strategy != "canary":
            raise ValueError(f"steps belong to strategy: canary; got {self.strategy}")
        weights = [step.weight for step in self.steps]
        if weights != sorted(set(weights)):
            raise ValueError(f"the weights of steps must rise; got {weights}")
        return self

    @property
    def canary_steps(self) -> tuple[CanaryStep, ...]:
        """The steps that a canary takes."""
        return self.steps or (CanaryStep(weight=10.0), CanaryStep(weight=50.0))
