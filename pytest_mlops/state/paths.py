"""Where the files of an environment's deployments lie."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Layout", "layout_of"]

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_PLAIN_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,119}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The folders and files of one environment on one machine.

    Attributes:
        root: The folder that all of them lie in.
    """

    root: Path

    @property
    def releases(self) -> Path:
        """Folder of the versions that were staged, one below for each."""
        return self.root / "releases"

    @property
    def run(self) -> Path:
        """Folder of what runs now; nothing in it is worth keeping when nothing runs."""
        return self.root / "run"

    @property
    def replicas(self) -> Path:
        """Folder with one JSON file for each replica's process."""
        return self.run / "replicas"

    @property
    def routes(self) -> Path:
        """What the gateway sends where, as the supervisor last wrote it."""
        return self.run / "routes.json"

    @property
    def gateway(self) -> Path:
        """The gateway's process, addresses and token."""
        return self.run / "gateway.json"

    @property
    def supervisor(self) -> Path:
        """The supervisor's process."""
        return self.run / "supervisor.json"

    @property
    def supervisor_lock(self) -> Path:
        """File that the supervisor holds locked for as long as it lives."""
        return self.run / "supervisor.lock"

    @property
    def starting(self) -> Path:
        """File that was touched when a supervisor was last started."""
        return self.run / "starting"

    @property
    def down(self) -> Path:
        """File that states that nothing is to run: it is there from ``down`` to the next ``up``."""
        return self.run / "down"

    @property
    def logs(self) -> Path:
        """Folder of what the processes print."""
        return self.root / "logs"

    @property
    def predictions(self) -> Path:
        """Folder of the prediction log."""
        return self.root / "predictions"

    def replica(self, name: str) -> Path:
        """Return the JSON file of a replica."""
        return self.replicas / f"{_file_name(name)}.json"

    def log(self, name: str) -> Path:
        """Return what a process prints to."""
        return self.logs / f"{_file_name(name)}.log"

    def release(self, digest: str, number: int) -> Path:
        """Return the folder of a staged version: named by the model's digest and the deployment's number."""
        return self.releases / f"{digest[:16]}-{number}"


def layout_of(project: Path, environment: str) -> Layout:
    """Return the layout of an environment of a project.

    Args:
        project: Folder of ``mlops.yaml``.
        environment: Its name; one that would be no good folder name is replaced by a digest.
    """
    name = environment
    if _PLAIN.fullmatch(environment) is None:
        name = f"environment-{_short(environment)}"
    return Layout(root=project.absolute() / ".mlops" / "deploy" / name)


def _file_name(name: str) -> str:
    return name if _PLAIN_FILE.fullmatch(name) is not None else f"process-{_short(name)}"


def _short(name: str) -> str:
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:16]
