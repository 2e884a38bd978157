"""Consistency: what is known on both sides is compared, and what is not known counts for nothing."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from pytest_mlops.records.integration import Provenance
from pytest_mlops.records.quantity import in_bytes, in_cores
from pytest_mlops.rollout.auto_rollback import crash_loops
from pytest_mlops.rollout.fingerprint import MISSING, compare, recorded_facts, serving_facts
from pytest_mlops.targets.protocol import Replica

if TYPE_CHECKING:
    from pathlib import Path

TESTED = Provenance(
    tool_version="1",
    pytest_version="9",
    python=platform.python_version(),
    platform=platform.platform(),
    packages={"numpy": version("numpy"), "Scikit_Learn": "0.1", "only-there": "1"},
)


def test_an_interpreter_tells_of_itself(tmp_path: Path) -> None:
    here = serving_facts(["{python}", "serve.py"], [], folder=tmp_path)
    assert here["python"] == platform.python_version()
    assert here["package numpy"] == version("numpy")
    assert compare(recorded_facts(TESTED, []), here).share == pytest.approx(3 / 4)  # scikit-learn differs


def test_only_the_packages_that_the_model_names_are_facts(tmp_path: Path) -> None:
    needed = ["numpy>=1", "not a requirement!", "scikit-learn"]
    tested = recorded_facts(TESTED, needed)
    here = serving_facts([sys.executable, "serve.py"], needed, folder=tmp_path)
    assert tested.keys() == here.keys() == {"python", "system", "package numpy", "package scikit-learn"}
    found = compare(tested, here)
    assert (found.equal, found.compared) == (3, 4)
    (difference,) = found.differences
    assert difference.startswith("package scikit-learn: tested with 0.1, here ")


def test_a_package_that_is_missing_where_it_will_run_is_a_difference(tmp_path: Path) -> None:
    provenance = TESTED.model_copy(update={"packages": {"nowhere-to-be-had": "1"}})
    needed = ["nowhere-to-be-had"]
    here = serving_facts(["{python}"], needed, folder=tmp_path)
    assert compare(recorded_facts(provenance, needed), here).differences == (
        f"package nowhere-to-be-had: tested with 1, here {MISSING}",
    )


@pytest.mark.parametrize("program", ["/bin/sh", "/no/such/python3"])
def test_of_another_program_nothing_is_known(tmp_path: Path, program: str) -> None:
    here = serving_facts([program], [], folder=tmp_path)
    found = compare(recorded_facts(TESTED, []), here)
    assert found.share is None
    assert found.compared == 0
    assert "python" in found.unknown


def test_what_is_known_on_one_side_only_counts_for_neither() -> None:
    found = compare({"a": "1", "b": "2"}, {"b": "2", "c": "3"})
    assert (found.share, found.unknown) == (1.0, ("a", "c"))


@pytest.mark.parametrize(("text", "cores"), [("500m", 0.5), ("2", 2.0), ("1.5", 1.5)])
def test_cores_are_read_as_kubernetes_does(text: str, cores: float) -> None:
    assert in_cores(text) == cores


@pytest.mark.parametrize(
    ("text", "size"), [("1024", 1024), ("1k", 1000), ("1Ki", 1024), ("1.5Mi", 1572864), ("2G", 2 * 10**9)]
)
def test_bytes_are_read_as_kubernetes_does(text: str, size: int) -> None:
    assert in_bytes(text) == size


@pytest.mark.parametrize("text", ["", "0", "0m", "-1", "1x", "one", "1e3", "1Gib", "m"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a CPU quantity"):
        in_cores(text)
    with pytest.raises(ValueError, match="expected a memory quantity"):
        in_bytes(text)


def replica(*, ready: bool, deaths: int) -> Replica:
    return Replica(
        deployment_id="production.1",
        index=0,
        host="127.0.0.1",
        port=1,
        alive=True,
        ready=ready,
        deaths=deaths,
    )


def test_a_version_keeps_dying_only_if_every_replica_does() -> None:
    assert not crash_loops([], deaths=3)
    assert not crash_loops([replica(ready=False, deaths=2)], deaths=3)
    assert crash_loops([replica(ready=False, deaths=3)], deaths=3)
    assert not crash_loops([replica(ready=True, deaths=9)], deaths=3)
    assert not crash_loops([replica(ready=False, deaths=9), replica(ready=True, deaths=0)], deaths=3)
