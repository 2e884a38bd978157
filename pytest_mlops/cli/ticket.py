"""What ``verify`` checks beyond the record itself: signatures, and the demands of an environment."""

# The heavy imports stand inside the functions, so that --help and completion answer at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mlops.errors import ConfigError, EvidenceError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mlops.config.environments import Environments

__all__ = ["check_environment", "check_model_signature", "check_signature"]


def check_signature(path: Path, keys: Sequence[Path]) -> str:
    """Hold the envelope beside a record against keys, any of which may have signed.

    Raises:
        ConfigError: a key cannot be read.
        EvidenceError: none of them signed these bytes.
    """
    from pytest_mlops.evidence.case import Evidence, open_case
    from pytest_mlops.evidence.policies.origin import SIGNATURE
    from pytest_mlops.records.ticket import TicketPolicy, TrustedKey

    trusted = tuple(
        TrustedKey(name=f"{number}. {key.name}"[:200], file=str(key)) for number, key in enumerate(keys, 1)
    )
    case = open_case(
        Evidence(record=path, model=None),
        environment="--key",
        policy=TicketPolicy(trusted_keys=trusted),
        keys_folder=Path.cwd(),
        now=datetime.now(UTC),
    )
    return SIGNATURE.check(case)


def check_environment(
    path: Path, environment: str, *, config: Path | None, model: Path | None
) -> tuple[str, ...]:
    """Hold a record against everything that a deployment into an environment would check.

    Raises:
        ConfigError: the configuration is wrong or declares no such environment.
        TicketRefused: a check does not hold.
    """
    from pytest_mlops.evidence.case import Evidence, open_case
    from pytest_mlops.evidence.ticket import examine

    loaded = _load(config)
    if environment not in loaded.policies:
        known = ", ".join(loaded.policies) or "none"
        message = f"got {environment!r}; {loaded.path} declares {known}"
        raise ConfigError("--environment", [Problem(path="", message=message)])
    case = open_case(
        Evidence(record=path, model=model, model_id=loaded.model_id),
        environment=environment,
        policy=loaded.policies[environment],
        keys_folder=loaded.path.parent,
        now=datetime.now(UTC),
    )
    examined = examine(case)
    if examined.refusal is not None:
        raise examined.refusal
    return tuple(f"{check.name}: {check.message}" for check in examined.checks)


def _load(config: Path | None) -> Environments:
    """Read the configuration; never from where the record says, which is what is being checked."""
    from pytest_mlops.config.environments import read_environments
    from pytest_mlops.config.find import nearest_config

    found = config if config is not None else nearest_config(Path.cwd())
    if found is None:
        message = "there is no mlops.yaml here that could declare it; name one with --config"
        raise ConfigError("--environment", [Problem(path="", message=message)])
    return read_environments(found)


def check_model_signature(model: Path | None, *, bundle: Path | None, key: Path | None) -> str:
    """Hold a model against an OpenSSF model-signing bundle.

    Raises:
        ConfigError: the bundle or its key is not named, or the key cannot be used.
        EvidenceError: the model does not stand up to the bundle.
    """
    from pytest_mlops.evidence.model_signing import verify_model_signature

    if bundle is None or key is None:
        message = "give both --model-signature and --model-key"
        raise ConfigError("the model's signature", [Problem(path="", message=message)])
    if model is None:
        raise EvidenceError("there is no model to hold its signature against; name it with --model")
    found = verify_model_signature(model, bundle=bundle, key=key)
    left_out = f", {len(found.ignored)} left out by it" if found.ignored else ""
    return f"model signature over {found.files} files{left_out}"
