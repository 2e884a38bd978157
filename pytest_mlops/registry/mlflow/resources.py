"""Resources of MLflow's REST interface, with the fields that are used here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pytest_mlops.errors import HttpError
from pytest_mlops.text import describe_problems

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RemoteFile", "RemoteModel", "RemoteRun", "RemoteVersion", "parse"]

T = TypeVar("T", bound="Resource")


class Resource(BaseModel):
    """Base of the resources; other fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Pair(Resource):
    """A name and a text: a tag or a parameter."""

    key: str
    value: str = ""


class Metric(Resource):
    """A logged metric, its last value; protobuf writes NaN and infinity as text."""

    key: str
    value: float


class AliasOfModel(Resource):
    """An alias and the version it points to."""

    alias: str
    version: str


class RemoteModel(Resource):
    """A registered model."""

    name: str
    aliases: tuple[AliasOfModel, ...] = ()

    def version_of(self, alias: str) -> str | None:
        """Return the version that an alias points to; ``None`` where it points nowhere."""
        return next((one.version for one in self.aliases if one.alias == alias), None)


class RemoteVersion(Resource):
    """A version of a registered model."""

    name: str
    version: str
    source: str = ""
    run_id: str = ""
    user_id: str = ""
    description: str = ""
    creation_timestamp: int = 0
    """Milliseconds since the epoch."""
    tags: tuple[Pair, ...] = ()

    @property
    def created_at(self) -> datetime | None:
        """When it was registered there, UTC; ``None`` where the server does not state it."""
        try:
            return (
                datetime.fromtimestamp(self.creation_timestamp / 1000, UTC)
                if self.creation_timestamp
                else None
            )
        except (OverflowError, OSError, ValueError):
            return None

    def tag(self, key: str) -> str | None:
        """Return the value of a tag."""
        return next((pair.value for pair in self.tags if pair.key == key), None)


class RunInfo(Resource):
    """Id and location of a run."""

    run_id: str
    artifact_uri: str = ""


class RunData(Resource):
    """What was logged in a run."""

    metrics: tuple[Metric, ...] = ()
    params: tuple[Pair, ...] = ()


class RemoteRun(Resource):
    """A run."""

    info: RunInfo
    data: RunData = RunData()


class RemoteFile(Resource):
    """A file or folder in a listing."""

    path: str
    is_dir: bool = False
    file_size: int = 0


def parse(resource: type[T], found: Mapping[str, Any], key: str, *, server: str) -> T:
    """Return one part of a JSON object.

    Raises:
        HttpError: it is not there, or is something else.
    """
    try:
        return resource.model_validate(found.get(key))
    except ValidationError as error:
        raise HttpError(
            f"{server} sent an unexpected response: {describe_problems(error, key, most=1)}"
        ) from error
