"""The calls of MLflow's REST interface that the bridge needs, version 2.0 of the interface."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self

from pytest_mlops.errors import NotRegistered, refuse
from pytest_mlops.registry.mlflow.http import MlflowHttp, credentials_from, server_url
from pytest_mlops.registry.mlflow.resources import RemoteModel, RemoteRun, RemoteVersion, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

__all__ = ["MlflowClient", "connect"]

API = "api/2.0/mlflow"
PAGE = 200


def connect(server: str | None = None, *, transport: httpx.BaseTransport | None = None) -> MlflowClient:
    """Return a client of the server at ``server``, by default at ``$MLFLOW_TRACKING_URI``.

    Nothing is sent yet.

    Raises:
        ConfigError: neither names a server, or one that cannot be.
    """
    given = server or os.environ.get("MLFLOW_TRACKING_URI")
    if not given:
        refuse(
            "--server",
            "is missing; name the MLflow server, such as http://localhost:5000, or set MLFLOW_TRACKING_URI",
        )
    credentials = credentials_from(os.environ)
    return MlflowClient(MlflowHttp(server_url(given), credentials=credentials, transport=transport))


class MlflowClient:
    """A server's registry and runs; every method raises HttpError where the server cannot or will not."""

    def __init__(self, http: MlflowHttp) -> None:
        self.http = http

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.http.__exit__(*exception)

    @property
    def server(self) -> str:
        """Address of the server."""
        return self.http.server

    def model(self, name: str) -> RemoteModel:
        """Return a registered model with its aliases.

        Raises:
            NotRegistered: the server has none of that name.
        """
        found = self.http.find("GET", f"{API}/registered-models/get", query={"name": name})
        if found is None:
            raise NotRegistered(f"{self.server} has no registered model {name}")
        return parse(RemoteModel, found, "registered_model", server=self.server)

    def version(self, name: str, version: str) -> RemoteVersion:
        """Return a version of a registered model.

        Raises:
            NotRegistered: the server has no such version.
        """
        query = {"name": name, "version": version}
        found = self.http.find("GET", f"{API}/model-versions/get", query=query)
        if found is None:
            raise NotRegistered(f"{self.server} has no version {version} of {name}")
        return parse(RemoteVersion, found, "model_version", server=self.server)

    def versions(self, name: str) -> Iterator[RemoteVersion]:
        """Yield the versions of a registered model, page by page."""
        mark = '"' if "'" in name else "'"
        query = {"filter": f"name = {mark}{name}{mark}", "max_results": str(PAGE)}
        while True:
            found = self.http.call("GET", f"{API}/model-versions/search", query=query)
            listed = found.get("model_versions") or []
            yield from (
                parse(RemoteVersion, {"model_versions": one}, "model_versions", server=self.server)
                for one in listed
            )
            token = found.get("next_page_token")
            if not token or not listed:
                return
            query["page_token"] = str(token)

    def artifact_uri(self, name: str, version: str) -> str:
        """Return where the bytes of a version lie."""
        query = {"name": name, "version": version}
        return str(
            self.http.call("GET", f"{API}/model-versions/get-download-uri", query=query).get(
                "artifact_uri", ""
            )
        )

    def run(self, run_id: str) -> RemoteRun | None:
        """Return a run; ``None`` where it was deleted for good."""
        found = self.http.find("GET", f"{API}/runs/get", query={"run_id": run_id})
        return None if found is None else parse(RemoteRun, found, "run", server=self.server)

    def create_model(self, name: str) -> None:
        """Create a registered model; one that is there is left alone."""
        self.http.find(
            "POST",
            f"{API}/registered-models/create",
            body={"name": name},
            absent=("RESOURCE_ALREADY_EXISTS",),
        )

    def create_version(
        self, name: str, *, source: str, run_id: str | None, tags: Mapping[str, str], description: str
    ) -> RemoteVersion:
        """Create a version of a registered model."""
        body: dict[str, Any] = {
            "name": name,
            "source": source,
            "description": description,
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
        }
        if run_id is not None:
            body["run_id"] = run_id
        found = self.http.call("POST", f"{API}/model-versions/create", body=body, repeatable=False)
        return parse(RemoteVersion, found, "model_version", server=self.server)

    def set_version_tag(self, name: str, version: str, key: str, value: str) -> None:
        """Set a tag of a version."""
        body = {"name": name, "version": version, "key": key, "value": value}
        self.http.call("POST", f"{API}/model-versions/set-tag", body=body)

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Point an alias to a version."""
        body = {"name": name, "alias": alias, "version": version}
        self.http.call("POST", f"{API}/registered-models/alias", body=body)

    def delete_alias(self, name: str, alias: str) -> None:
        """Take an alias away; one that is not there is left alone."""
        self.http.find("DELETE", f"{API}/registered-models/alias", body={"name": name, "alias": alias})

    def experiment(self, name: str) -> str:
        """Return the id of an experiment, which is created where there is none."""
        found = self.http.find("GET", f"{API}/experiments/get-by-name", query={"experiment_name": name})
        if found is not None:
            return str(found.get("experiment", {}).get("experiment_id", ""))
        created = self.http.call("POST", f"{API}/experiments/create", body={"name": name}, repeatable=False)
        return str(created.get("experiment_id", ""))

    def create_run(self, experiment_id: str, *, name: str, at: int, tags: Mapping[str, str]) -> RemoteRun:
        """Create a run.

        Args:
            experiment_id: Of :meth:`experiment`.
            name: Shown to people.
            at: When it starts, milliseconds since the epoch.
            tags: Name -> value.
        """
        body = {
            "experiment_id": experiment_id,
            "run_name": name,
            "start_time": at,
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
        }
        found = self.http.call("POST", f"{API}/runs/create", body=body, repeatable=False)
        return parse(RemoteRun, found, "run", server=self.server)

    def finish_run(self, run_id: str, *, at: int) -> None:
        """Set a run to finished."""
        body = {"run_id": run_id, "status": "FINISHED", "end_time": at}
        self.http.call("POST", f"{API}/runs/update", body=body)
