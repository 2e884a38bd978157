"""Three versions: gate, register, deploy, canary, promotion, and an automatic rollback.

``python run.py`` runs it in a copy of this folder, with real processes, in under two minutes. It stops what
it started, and exits with 0 if every step ended as expected.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
ALLOWED, ROLLED_BACK, REFUSED = 0, 1, 5
"""Exit codes of ``pytest-mlops deploy``."""

CASES = json.loads((HERE / "golden.json").read_text(encoding="utf-8"))


class Clients:
    """Clients that send requests continuously, some with missing measurements.

    A context manager.

    Attributes:
        answers: HTTP status -> number of responses; 0 without a response.
    """

    def __init__(self, url: str) -> None:
        self.answers: Counter[int] = Counter()
        self._address = urlsplit(url)
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on, args=(number,)) for number in range(4)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask_on(self, number: int) -> None:
        connection = http.client.HTTPConnection(str(self._address.hostname), self._address.port, timeout=30)
        for count in itertools.count(number):
            if self._over.wait(0.005):
                break
            case = CASES[count % len(CASES)]
            features = list(case["request"]["features"])
            if count % 3 == 0:
                features[count % len(features)] = None  # not measured
            try:
                connection.request("POST", "/predict", body=json.dumps({"features": features}))
                answer = connection.getresponse()
                answer.read()
                self.answers[answer.status] += 1
            except (OSError, http.client.HTTPException):
                connection.close()
                self.answers[0] += 1
        connection.close()


def describe(text: str) -> None:
    """Print the next step."""
    sys.stdout.write(f"\n# {text}\n")
    sys.stdout.flush()


def run(folder: Path, *command: str, expected: int = ALLOWED) -> None:
    """Run a command as a user would, and stop if it does not exit as expected."""
    sys.stdout.write(f"$ {' '.join(command).replace(str(folder), '.')}\n")
    sys.stdout.flush()
    # Without the variables of CI, where the event would decide the context.
    others = ("MLOPS_", "PYTEST_", "CI", "GITHUB_", "GITLAB_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    module = {"pytest": ["-m", "pytest"], "pytest-mlops": ["-m", "pytest_mlops"]}[command[0]]
    argv = [sys.executable, *module, *command[1:]]
    done = subprocess.run(argv, cwd=folder, env=kept, check=False)  # noqa: S603 -- commands of this script
    if done.returncode != expected:
        sys.exit(f"exited with {done.returncode}, expected {expected}")


def check_out(folder: Path, version: str) -> None:
    """Copy a version into the folder, as a commit would."""
    shutil.copyfile(HERE / "models" / version / "model.json", folder / "model" / "model.json")
    shutil.copyfile(HERE / "models" / version / "golden.json", folder / "golden.json")
    config = (HERE / "mlops.yaml").read_text(encoding="utf-8")
    (folder / "mlops.yaml").write_text(
        config.replace('  version: "1"', f'  version: "{version}"'), encoding="utf-8"
    )


def gate(folder: Path) -> None:
    """Test the version in the folder and register it with its evidence."""
    run(folder, "pytest", "-q", "--mlops-gate", "--mlops-context=local", "-p", "no:cacheprovider")
    run(folder, "pytest-mlops", "registry", "register", ".mlops/integration-result.json")


def url_of(folder: Path) -> str:
    """Return the URL of the service."""
    gateway = folder / ".mlops" / "deploy" / "production" / "run" / "gateway.json"
    values = json.loads(gateway.read_text(encoding="utf-8"))
    return f"http://{values['host']}:{values['port']}"


def run_all(folder: Path) -> None:
    """Gate and deploy one version after the other."""
    record = ".mlops/integration-result.json"
    describe("Version 1 passes the gate, and its record is the ticket to production.")
    check_out(folder, "1")
    gate(folder)
    run(folder, "pytest-mlops", "up")
    run(folder, "pytest-mlops", "deploy", record)

    with Clients(url_of(folder)) as clients:
        describe(
            "Version 2 gets 20 %, then 50 % of the requests. The judge sees no harm, and it is promoted."
        )
        check_out(folder, "2")
        gate(folder)
        run(folder, "pytest-mlops", "deploy", record)
        failed = {status: n for status, n in clients.answers.items() if status != 200}
        describe(f"{clients.answers[200]} requests were answered, and {sum(failed.values())} failed.")
        if failed:
            sys.exit("no request should have failed")

        describe(
            "The model's file changes after the gate. These bytes have no evidence, so they are refused."
        )
        with (folder / "model" / "model.json").open("a", encoding="utf-8") as stream:
            stream.write("\n")
        run(folder, "pytest-mlops", "deploy", record, expected=REFUSED)

        describe("Version 3 passes the gate, but its new service does not handle missing measurements.")
        check_out(folder, "3")
        service = folder / "src" / "service.py"
        text = service.read_text(encoding="utf-8")
        service.write_text(text.replace("mean if value is None else value", "value"), encoding="utf-8")
        gate(folder)
        clients.answers.clear()
        run(folder, "pytest-mlops", "deploy", record, expected=ROLLED_BACK)
        share = clients.answers[500] / sum(clients.answers.values())
        describe(
            f"The judge rolled it back; {share:.1%} of the requests failed in that time. Version 2 serves:"
        )
        clients.answers.clear()
        time.sleep(1.0)
        if set(clients.answers) != {200}:
            sys.exit(f"version 2 should answer everything; got {dict(clients.answers)}")
    run(folder, "pytest-mlops", "status")
    run(folder, "pytest-mlops", "history", "deployments")
    run(folder, "pytest-mlops", "log", "verify")


def main() -> None:
    """Make a copy, run everything there, and leave nothing running."""
    parser = argparse.ArgumentParser(description="Serve three versions of a model, one of them bad.")
    parser.add_argument("--folder", type=Path, help="Where the copy goes; by default a temporary folder.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlops-serving-") as scratch:
        folder = (options.folder or Path(scratch)) / "serving"
        shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("__pycache__", ".*", "models"))
        started = time.monotonic()
        try:
            run_all(folder)
        finally:
            run(folder, "pytest-mlops", "down")
        describe(f"All of it took {time.monotonic() - started:.0f} seconds.")


if __name__ == "__main__":
    main()
