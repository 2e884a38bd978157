"""A policy as a file or a record states it, fit to be compared with another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from pytest_mlops.config.entries import check_class
from pytest_mlops.config.find import is_config
from pytest_mlops.config.models import Config
from pytest_mlops.config.yaml import parse_yaml
from pytest_mlops.errors import ConfigError
from pytest_mlops.text import problems_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_mlops.records.integration import IntegrationResult
    from pytest_mlops.records.policy import Policy
    from pytest_mlops.records.ticket import TicketPolicy

__all__ = ["PolicySnapshot", "snapshot_of_record", "snapshot_of_yaml"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicySnapshot:
    """The demands of a policy at one moment.

    Attributes:
        policy: Requirements, thresholds, rules, waivers, baseline.
        checks: Name of each ready-made check -> its parameters; ``None`` where only its name is known.
        environments: Name -> its demands of a release; ``None`` where they are not known.
    """

    policy: Policy
    checks: Mapping[str, Mapping[str, Any] | None]
    environments: Mapping[str, TicketPolicy] | None = None
    files: tuple[tuple[str, str], ...] = ()
    """(what it is, path relative to ``mlops.yaml``) of every file or folder that the policy names."""


def snapshot_of_yaml(content: bytes, source: str) -> PolicySnapshot:
    """Read the demands of a ``mlops.yaml``; its checks may come from plugins that are not installed here.

    Raises:
        ConfigError: it is not valid.
    """
    data = parse_yaml(content, source).data
    entries = data.pop("checks", None)
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(source, problems_of(error)) from error
    named = [entry for entry in entries or () if isinstance(entry, Mapping)]
    return PolicySnapshot(
        policy=config.policy(),
        checks={_title(entry): entry for entry in named},
        environments=dict(config.environments),
        files=tuple(dict.fromkeys(_files(config))),
    )


def _files(config: Config) -> Iterator[tuple[str, str]]:
    for environment in config.environments.values():
        yield from (("key", key.file) for key in environment.trusted_keys if key.file is not None)
        if environment.golden is not None:
            yield "golden file", environment.golden.file
        if environment.serve is not None:
            yield from (("serving code", path) for path in environment.serve.code)
    code = config.quality.code
    if code is not None:
        reports = (code.coverage, code.ruff, code.complexity)
        yield from (("code report", path) for path in reports if path is not None)


def snapshot_of_record(record: IntegrationResult) -> PolicySnapshot:
    """Return what a record was judged under; of its checks only the names are known."""
    split = (result.test_name.partition("::") for result in record.test_results.results)
    checks = {title: None for file, _, title in split if is_config(file)}
    return PolicySnapshot(policy=record.policy, checks=checks)


def _title(entry: Mapping[str, Any]) -> str:
    cls = check_class(entry)
    try:
        if cls is not None:
            return cls.model_validate(entry).title()
    except ValidationError:
        pass
    name = entry.get("name")
    return str(name) if name else "-".join(str(entry[key]) for key in ("check", "of") if key in entry)
