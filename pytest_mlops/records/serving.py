"""How a version is served: its process, the gateway before it, and how traffic moves to it."""

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
    """The program and its arguments, which no shell reads. ``{host}`` and ``{port}`` stand for where it has
    to listen, ``{model}`` for the model's files, ``{python}`` for the interpreter of the supervisor."""
    code: tuple[Text, ...] = ()
    """Files and folders that the program needs, relative to ``mlops.yaml``. They are kept with each version,
    so that to go back to it brings its code back too; without any, the program runs in the folder of
    ``mlops.yaml`` as that is now."""
    environ: dict[Label, str] = {}
    """Environment variables, besides those of the supervisor."""
    stop_grace: Seconds = 10.0
    """Seconds that a replica has to end by itself before it is killed."""

    @field_validator("code")
    @classmethod
    def _stay_inside(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_relative(each) for each in value)


class PredictionLogSettings(Record):
    """The log of requests and answers, Parquet files that monitoring reads."""

    sample: Share = 1.0
    """Share of the requests that are kept, drawn by their id."""
    max_body: Annotated[int, Field(strict=True, ge=0, le=16 * 1024 * 1024)] = 64 * 1024
    """Bytes of a body that are kept; a longer one is cut and marked so."""
    buffer: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 10_000
    """Requests that may wait to be written; what comes beyond is counted as dropped, and served."""
    rotate_rows: Annotated[int, Field(strict=True, ge=1, le=10_000_000)] = 50_000
    """Rows of one file."""
    rotate_seconds: Positive = 60.0
    """Seconds after which a file is closed."""
    keep_days: Positive = 30.0
    """Days that files are kept."""


class GatewaySettings(Record):
    """What clients talk to: one address, whichever version answers."""

    host: Text = "127.0.0.1"
    """Address that it listens on."""
    port: Annotated[int, Field(strict=True, ge=0, le=65535)] = 0
    """Port that it listens on; 0 picks a free one, which ``status`` prints and which is kept."""
    timeout: Positive = 30.0
    """Seconds that a replica has for an answer."""
    drain: Seconds = 30.0
    """Seconds that requests under way have before a replica that gets no more is stopped."""
    max_body: Annotated[int, Field(strict=True, ge=1024)] = 16 * 1024 * 1024
    """Bytes of a request's body; a longer one is refused with 413."""
    log: PredictionLogSettings | None = PredictionLogSettings()
    """The log of predictions; null: none."""


class GoldenSettings(Record):
    """Known inputs with the answers that the tested model gave; asked before a version gets any traffic."""

    file: Text
    """JSON file relative to ``mlops.yaml``: a list of ``{"request": …, "response": …}``."""
    path: Text = "/predict"
    """Path that the requests are posted to."""
    tolerance: Seconds = 1e-6
    """How far a number of an answer may be from the known one, relative to it where that is above 1."""
    timeout: Positive = 10.0
    """Seconds for one answer."""

    @field_validator("file")
    @classmethod
    def _stays_inside(cls, value: str) -> str:
        return _relative(value)


class CanaryStep(Record):
    """One step of a canary."""

    weight: Annotated[float, Field(strict=True, gt=0, lt=100)]
    """Percent of the requests that go to the new version."""
    bake: Seconds = 60.0
    """Least seconds at this weight before the judge may promote."""


class JudgeSettings(Record):
    """How a new version's traffic is judged against the old one's, by anytime-valid sequential tests."""

    metrics: Annotated[tuple[Literal["errors", "slow"], ...], Field(min_length=1)] = ("errors", "slow")
    """``errors``: answers of 500 and above, and none at all; ``slow``: answers that took longer than
    ``slow_ms``."""
    slow_ms: Positive | None = None
    """Milliseconds above which an answer is slow; by default the old version's 99th percentile."""
    acceptable_ratio: Annotated[float, Field(strict=True, gt=0)] = 1.0
    """Ratio of the rates of bad events, new to old, up to which nothing is wrong."""
    harmful_ratio: Annotated[float, Field(strict=True, gt=1)] = 2.0
    """Ratio that must be ruled out before the new version is promoted."""
    tolerable_rate: Annotated[float, Field(strict=True, ge=0, lt=1)] = 0.01
    """Rate of bad events that does where there are too few of them to compare: a new version whose rate is
    known to be below it need not rule out ``harmful_ratio``. With none at all this takes about
    5/``tolerable_rate`` of its requests; 0: only the ratio counts."""
    alpha_rollback: Annotated[float, Field(strict=True, gt=0, lt=0.5)] = 0.01
    """Most probability to roll back a version that is acceptable, over all looks and metrics."""
    alpha_promote: Annotated[float, Field(strict=True, gt=0, lt=0.5)] = 0.05
    """Most probability to promote a version that is harmful, over all looks."""
    min_requests: Annotated[int, Field(strict=True, ge=1)] = 100
    """Requests that each version must have answered within the step before the judge may promote."""
    mode: Literal["sequential", "single_look"] = "sequential"
    """``sequential`` looks all the time; ``single_look`` tests once, at the end of a step's bake, and the
    s-th step takes ``alpha_rollback``/2ˢ of the probability to roll back."""

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
    """``all_at_once``: when the new version is healthy; ``blue_green``: when somebody promotes it;
    ``canary``: step by step, as the judge allows; ``shadow``: it gets copies of requests first, and its
    answers are dropped."""
    steps: tuple[CanaryStep, ...] = ()
    """``canary``: weights that rise; by default 10 % and 50 %."""
    bake: Seconds = 5.0
    """Seconds that the new version is watched with all the traffic before it is blessed."""
    shadow_share: Annotated[float, Field(strict=True, gt=0, le=1)] = 1.0
    """``shadow``: share of the requests that are copied."""
    max_bake: Positive = 3600.0
    """Seconds that one step may last before the judge's lack of a verdict ends it as ``on_hold`` says."""
    on_hold: Literal["rollback", "wait"] = "rollback"
    """What is done where a step has lasted ``max_bake`` without a verdict: go back, or wait for somebody."""
    judge: JudgeSettings = JudgeSettings()
    """How the new version's traffic is judged."""
    deadline: Positive = 300.0
    """Seconds from the start until the new version must be healthy and have answered the golden requests."""
    tries: Annotated[int, Field(strict=True, ge=1, le=100)] = 3
    """Times that a replica of a version that is not blessed may die before the version is taken back."""
    retain: Annotated[int, Field(strict=True, ge=1, le=1000)] = 3
    """Versions besides the one that serves whose files are kept to go back to."""
    require_consistency: Share = 0.0
    """Least share γ of the facts about the environment that must be as they were where the version was
    tested."""
    auto_rollback: Flag = True
    """Whether a blessed version whose replicas die again and again is taken back."""
    rollback_max_age: Seconds | None = None
    """Seconds after which evidence is too old to go back to; by default as ``max_age`` says."""

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
