"""Random manipulations, from a fixed seed: 12,000 of them in the slow tests, and none is let in."""

from __future__ import annotations

import base64
import copy
import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlops.errors import EvidenceError
from pytest_mlops.evidence.policies.content import MODEL
from pytest_mlops.evidence.statement import envelope_path
from pytest_mlops.evidence.ticket import examine
from pytest_mlops.records.integration import GateJudgement
from pytest_mlops.records.ticket import TicketPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_mlops.evidence.case import Case
    from tests.evidence.conftest import Project, Scene

Path = tuple[str | int, ...]


def mutations(number: int) -> pytest.MarkDecorator:
    """Run a test with a sample of its mutations, and with all of them where slow tests are run."""
    every = pytest.param(number, marks=pytest.mark.slow, id="all")
    return pytest.mark.parametrize("number", [pytest.param(number // 20, id="sample"), every])


@pytest.fixture(scope="module")
def scene(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    from tests.evidence.conftest import Scene

    return Scene(project, tmp_path_factory.mktemp("mutations") / "scene")


def case_of(scene: Scene, *, data: bytes | None = None, envelope: bytes | None = None) -> Case:
    """Return the scene's case with other bytes."""
    case = scene.case()
    case.data = case.data if data is None else data
    case.envelope = case.envelope if envelope is None else envelope
    return case


def mutated_bytes(data: bytes, rng: random.Random) -> bytes:
    """Flip, insert, delete, repeat or exchange bytes."""
    at = rng.randrange(len(data))
    width = rng.choice([1, 1, 1, 2, 8, 64])
    match rng.randrange(5):
        case 0:
            return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
        case 1:
            return data[:at] + rng.randbytes(width) + data[at:]
        case 2:
            return data[:at] + data[at + width :]
        case 3:
            return data[: at + width] + data[at:]
        case _:
            return data[:at]


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the place of every scalar and every empty container of a JSON tree."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    inner = [leaf for key, child in children for leaf in leaves(child, (*path, key))]
    yield from inner or [path]


def changed(value: Any, rng: random.Random) -> Any:
    """Return another value, most often of the same type."""
    if rng.random() < 0.1:
        return rng.choice([None, "", [], {}, 10**40, -1, "x" * 1000])
    match value:
        case bool():
            return not value
        case int():
            return value + rng.choice([-1, 1, 1000])
        case float():
            return value + rng.choice([-0.5, -0.01, 0.01, 0.5])
        case str():
            return rng.choice([value + "x", value[1:] + "y", value.upper() + "z"])
        case _:
            return rng.choice([True, 1, 0.5, "x"])


def mutated_tree(tree: Any, place: Path, rng: random.Random) -> bytes:
    """Return the JSON of the tree with another value at ``place``."""
    parent = tree
    for key in place[:-1]:
        parent = parent[key]
    before = parent[place[-1]]
    while parent[place[-1]] == before:
        parent[place[-1]] = changed(before, rng)
    text = json.dumps(tree).encode()
    parent[place[-1]] = before
    return text


def refusing_check(case: Case) -> str:
    examined = examine(case)
    assert examined.ticket is None
    assert examined.refusal is not None
    assert "could not be carried out" not in examined.refusal.message, examined.refusal
    return examined.refusal.check


@mutations(5000)
def test_mutations_of_the_bytes_of_a_signed_record(scene: Scene, number: int) -> None:
    rng, data = random.Random(1), scene.case().data
    for _ in range(number):
        mutated = mutated_bytes(data, rng)
        if mutated != data:
            assert refusing_check(case_of(scene, data=mutated)) == "signature"


@mutations(2000)
def test_mutations_of_the_fields_of_a_signed_record(scene: Scene, number: int) -> None:
    rng, tree = random.Random(2), scene.data()
    places = list(leaves(tree))
    for _ in range(number):
        mutated = mutated_tree(tree, rng.choice(places), rng)
        assert refusing_check(case_of(scene, data=mutated)) == "signature"


@mutations(2000)
def test_mutations_of_payload_type_key_id_and_signature(scene: Scene, number: int) -> None:
    rng, envelope = random.Random(3), scene.envelope()
    for turn in range(number):
        mutated = copy.deepcopy(envelope)
        holder, field = [
            (mutated, "payload"),
            (mutated, "payloadType"),
            (mutated["signatures"][0], "sig"),
            (mutated["signatures"][0], "keyid"),
        ][turn % 4]
        raw = holder[field].encode()
        if field in {"payload", "sig"} and rng.random() < 0.5:
            value = base64.b64encode(mutated_bytes(base64.b64decode(raw), rng)).decode()
        else:
            value = mutated_bytes(raw, rng).decode(errors="replace")
        # Without a key id every trusted key is tried, which takes nothing from the signature.
        if value == holder[field] or (field == "keyid" and not value):
            continue
        holder[field] = value
        assert refusing_check(case_of(scene, envelope=json.dumps(mutated).encode())) == "signature"


@mutations(2000)
def test_mutations_of_the_bytes_of_an_envelope_never_change_what_is_believed(
    scene: Scene, number: int
) -> None:
    """White space and fields that DSSE does not name are no part of the message."""
    rng, data = random.Random(4), envelope_path(scene.path).read_bytes()
    believed = examine(scene.case()).ticket
    let_in = 0
    for _ in range(number):
        ticket = examine(case_of(scene, envelope=mutated_bytes(data, rng))).ticket
        assert ticket is None or ticket == believed
        let_in += ticket is not None
    assert let_in < number / 10


DECIDING = ("policy", "policy_digest", "schema_version", *GateJudgement.model_fields)
"""What no record may state otherwise, even without a signature; messages aside."""
MESSAGES = {("reasons", "text"), ("rules", "message"), ("quality", "note")}


@mutations(1000)
def test_mutations_of_what_decides_an_unsigned_record(scene: Scene, number: int) -> None:
    rng, tree = random.Random(5), scene.data()
    places = [
        place
        for place in leaves(tree)
        if (place[0] in DECIDING or decides(place)) and (place[0], place[-1]) not in MESSAGES
    ]
    policy = TicketPolicy()
    for _ in range(number):
        case = case_of(scene, data=mutated_tree(tree, rng.choice(places), rng))
        case.policy, case.envelope = policy, None
        assert refusing_check(case) in {"schema", "verdict"}


def decides(place: Path) -> bool:
    """Tell whether a place of the test results decides: counts, outcomes and what they cover."""
    if place[0] != "test_results":
        return False
    return len(place) == 2 or (place[1] == "results" and place[3] in {"outcome", "passed", "evidence"})


@mutations(300)
def test_mutations_of_a_models_files(scene: Scene, number: int) -> None:
    rng = random.Random(6)
    assert scene.model is not None
    files = sorted(path for path in scene.model.rglob("*") if path.is_file())
    for _ in range(number):
        path = rng.choice(files)
        before = path.read_bytes()
        mutated = mutated_bytes(before, rng)
        if mutated == before:
            continue
        path.write_bytes(mutated)
        with pytest.raises(EvidenceError, match="has the digest"):
            MODEL.check(scene.case())
        path.write_bytes(before)
    assert examine(scene.case()).ticket is not None
