"""OpenSSF model-signing: bundles that the real tool signed, and models that were tampered with since."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from pytest_mlops.errors import ConfigError, EvidenceError
from pytest_mlops.evidence.dsse import IN_TOTO, pae
from pytest_mlops.evidence.model_signing import SignedModel, verify_model_signature

if TYPE_CHECKING:
    from pathlib import Path

PEM = serialization.Encoding.PEM
CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}


class Signed:
    """A model folder, a bundle that the real tool made for it, and the key to verify it with."""

    def __init__(self, folder: Path, curve: str = "P-256") -> None:
        self.model = folder / "model"
        for name, text in {
            "weights.bin": "w" * 2_500_000,
            "config.json": "{}",
            "parts/one.bin": "one",
            "parts/two.bin": "two",
            ".git/HEAD": "main",
        }.items():
            path = self.model / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.key = ec.generate_private_key(CURVES[curve])
        self.private, self.public, self.bundle = folder / "k.pem", folder / "k.pub", folder / "model.sig"
        plain = serialization.NoEncryption()
        self.private.write_bytes(self.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, plain))
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        self.public.write_bytes(self.key.public_key().public_bytes(PEM, spki))

    def sign(self, **settings: Any) -> None:
        """Sign with the real tool."""
        from model_signing import hashing, signing

        config: Any = hashing.Config()  # type: ignore[no-untyped-call]
        if "shard_size" in settings:
            config.use_shard_serialization(**settings)
        elif settings:
            config.use_file_serialization(**settings)
        if "allow_symlinks" in settings:
            config.set_allow_symlinks(settings["allow_symlinks"])
        signer: Any = signing.Config()  # type: ignore[no-untyped-call]
        signer.use_elliptic_key_signer(private_key=self.private)
        signer.set_hashing_config(config).sign(self.model, self.bundle)

    def verify(self) -> SignedModel:
        return verify_model_signature(self.model, bundle=self.bundle, key=self.public)

    def statement(self) -> dict[str, Any]:
        data = json.loads(self.bundle.read_text(encoding="utf-8"))
        statement: dict[str, Any] = json.loads(base64.b64decode(data["dsseEnvelope"]["payload"]))
        return statement

    def resign(self, statement: dict[str, Any], **envelope: Any) -> None:
        """Sign another statement with the right key."""
        payload = json.dumps(statement).encode()
        signature = self.key.sign(pae(IN_TOTO, payload), ec.ECDSA(hashes.SHA256()))
        data = json.loads(self.bundle.read_text(encoding="utf-8"))
        data["dsseEnvelope"] = {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": IN_TOTO,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        } | envelope
        self.bundle.write_text(json.dumps(data), encoding="utf-8")


@pytest.fixture
def signed(tmp_path: Path) -> Signed:
    made = Signed(tmp_path)
    made.sign()
    return made


@pytest.mark.parametrize("curve", CURVES)
def test_what_the_real_tool_signed_is_verified_on_every_curve(tmp_path: Path, curve: str) -> None:
    made = Signed(tmp_path, curve)
    made.sign()
    assert made.verify() == SignedModel(files=4, ignored=(".git/HEAD",))


@pytest.mark.parametrize(
    "settings",
    [
        {"hashing_algorithm": "blake2"},
        {"shard_size": 1_000_000},
        {"shard_size": 2_500_000},
        {"shard_size": 700_001, "hashing_algorithm": "blake2"},
        {"allow_symlinks": True},
    ],
    ids=str,
)
def test_every_method_of_the_real_tool_is_verified(tmp_path: Path, settings: dict[str, Any]) -> None:
    made = Signed(tmp_path)
    made.sign(**settings)
    assert made.verify().files == 4
    raw = bytearray((made.model / "weights.bin").read_bytes())
    raw[-1] ^= 1
    (made.model / "weights.bin").write_bytes(raw)
    with pytest.raises(EvidenceError, match="changed after it was signed"):
        made.verify()


def test_blake3_is_refused_with_a_way_out(tmp_path: Path) -> None:
    made = Signed(tmp_path)
    made.sign(hashing_algorithm="blake3")
    with pytest.raises(EvidenceError, match=r"BLAKE3.*sign the model with sha256 or blake2"):
        made.verify()


def test_links_count_where_the_signature_allows_them(tmp_path: Path) -> None:
    made = Signed(tmp_path)
    (made.model / "link.bin").symlink_to(made.model / "config.json")
    made.sign(allow_symlinks=True)
    assert made.verify().files == 5
    (made.model / "link.bin").unlink()
    (made.model / "link.bin").symlink_to(tmp_path / "k.pem")
    with pytest.raises(EvidenceError, match="outside the model"):
        made.verify()
    (made.model / "link.bin").unlink()
    (made.model / "link.bin").symlink_to(made.model / "parts")
    with pytest.raises(EvidenceError, match="a link to a folder"):
        made.verify()


def swap(model: Path) -> None:
    one, two = model / "parts" / "one.bin", model / "parts" / "two.bin"
    one.rename(model / "x")
    two.rename(one)
    (model / "x").rename(two)


def link(model: Path) -> None:
    (model / "config.json").rename(model.parent / "config.json")
    (model / "config.json").symlink_to(model.parent / "config.json")


TAMPERED: dict[str, tuple[Callable[[Path], object], str]] = {
    "changed": (lambda model: (model / "config.json").write_text("[]"), "'config.json'.* was changed"),
    "longer": (lambda model: (model / "config.json").write_text("{} "), "was changed"),
    "emptied": (lambda model: (model / "config.json").write_text(""), "was changed"),
    "swapped": (swap, "'parts/...\\.bin' of the model was changed"),
    "added": (lambda model: (model / "a.bin").write_text("a"), "has 'a.bin', which its signature does not"),
    "added empty": (lambda model: (model / "a.bin").touch(), "has 'a.bin'"),
    "removed": (lambda model: (model / "config.json").unlink(), "does not contain 'config.json'"),
    "renamed": (
        lambda model: (model / "config.json").rename(model / "c.json"),
        "does not contain 'config.json'",
    ),
    "a link": (link, "'config.json' of the model is a link, which its signature does not allow"),
    "no model": (lambda model: model.rename(model.parent / "m"), "cannot read"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_model_is_refused(signed: Signed, name: str) -> None:
    tamper, message = TAMPERED[name]
    tamper(signed.model)
    with pytest.raises(EvidenceError, match=message):
        signed.verify()


def test_a_shard_that_is_cut_off_or_prolonged_is_refused(tmp_path: Path) -> None:
    made = Signed(tmp_path)
    made.sign(shard_size=1_000_000)
    with (made.model / "weights.bin").open("ab") as stream:
        stream.write(b"w")
    with pytest.raises(EvidenceError, match="longer than what was signed"):
        made.verify()
    (made.model / "weights.bin").write_text("w" * 2_000_000, encoding="utf-8")
    with pytest.raises(EvidenceError, match="changed after it was signed"):
        made.verify()
    statement = made.statement()
    statement["predicate"]["resources"] = [
        resource for resource in statement["predicate"]["resources"] if ":1000000:" not in resource["name"]
    ]
    _root(statement)
    made.resign(statement)
    with pytest.raises(EvidenceError, match="leaves out bytes 1000000 to 2000000"):
        made.verify()


def test_an_empty_file_that_shards_cannot_name_changes_nothing(tmp_path: Path) -> None:
    made = Signed(tmp_path)
    (made.model / "__init__.py").touch()
    made.sign(shard_size=1_000_000)
    assert made.verify().files == 4


def test_a_single_file_is_a_model_too(tmp_path: Path) -> None:
    made = Signed(tmp_path)
    made.model = made.model / "config.json"
    made.sign()
    assert made.verify().files == 1
    made.model.write_text("[]", encoding="utf-8")
    with pytest.raises(EvidenceError, match="was changed"):
        made.verify()


def _root(statement: dict[str, Any]) -> None:
    import hashlib

    digests = b"".join(bytes.fromhex(each["digest"]) for each in statement["predicate"]["resources"])
    statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(digests).hexdigest()


Edit = Callable[[dict[str, Any]], object]


def resource(**changes: Any) -> Edit:
    def change(statement: dict[str, Any]) -> None:
        statement["predicate"]["resources"][0].update(changes)
        _root(statement)

    return change


def serialization_of(**changes: Any) -> Edit:
    return lambda statement: statement["predicate"]["serialization"].update(changes)


def doubled(statement: dict[str, Any]) -> None:
    statement["predicate"]["resources"].append(statement["predicate"]["resources"][0])
    _root(statement)


def emptied(statement: dict[str, Any]) -> None:
    statement["predicate"]["resources"] = []


CONTRADICTIONS: dict[str, tuple[Edit, str]] = {
    "another predicate": (
        lambda data: data.update(predicateType="https://model_signing/Digests/v0.1"),
        "predicateType",
    ),
    "another type": (lambda data: data.update(_type="x"), "the _type of its statement"),
    "two subjects": (lambda data: data["subject"].append(data["subject"][0]), "no single subject"),
    "another root": (lambda data: data["subject"][0]["digest"].update(sha256="0" * 64), "resources give"),
    "a file twice": (doubled, "lists a file twice"),
    "no file": (emptied, "names no file"),
    "an absolute name": (resource(name="/etc/passwd"), "is not in the model"),
    "a name that leads out": (resource(name="../k.pem"), "is not in the model"),
    "a name through a dot": (resource(name="a/./b"), "is not in the model"),
    "another algorithm": (resource(algorithm="md5"), "the algorithm sha256"),
    "a short digest": (
        lambda data: data["predicate"]["resources"][0].update(digest="ab"),
        "not one of sha256",
    ),
    "no digest": (lambda data: data["predicate"]["resources"][0].pop("digest"), "without name, digest"),
    "an unknown hash": (serialization_of(hash_type=["sha256"]), "hash_type"),
    "an unknown method": (serialization_of(method="zip"), "neither files nor shards"),
    "half a byte": (serialization_of(method="shards", shard_size=1.5), "neither files nor shards"),
    "no bytes": (serialization_of(method="shards", shard_size=0), "neither files nor shards"),
    "no shard name": (
        lambda data: (
            serialization_of(method="shards", shard_size=10)(data),
            data["predicate"].update(
                resources=[{"name": "a", "algorithm": "sha256-sharded-10", "digest": "0" * 64}]
            ),
        ),
        "not named as file:start:end",
    ),
    "a shard of no size": (
        lambda data: (
            serialization_of(method="shards", shard_size=10)(data),
            data["predicate"].update(
                resources=[{"name": "a:5:9", "algorithm": "sha256-sharded-10", "digest": "0" * 64}]
            ),
        ),
        "does not have 10 bytes",
    ),
    "ignored paths that are none": (serialization_of(ignore_paths="x"), "ignore_paths"),
    "links that are neither": (serialization_of(allow_symlinks="false"), "allow_symlinks"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_signed_contradiction_is_refused(signed: Signed, name: str) -> None:
    change, message = CONTRADICTIONS[name]
    statement = signed.statement()
    change(statement)
    signed.resign(statement)
    with pytest.raises(EvidenceError, match=message):
        signed.verify()


def test_what_is_ignored_by_the_signature_is_named(signed: Signed) -> None:
    statement = signed.statement()
    statement["predicate"]["serialization"]["ignore_paths"].append("parts")
    signed.resign(statement)
    with pytest.raises(EvidenceError, match=r"does not contain 'parts/one.bin', 'parts/two.bin'"):
        signed.verify()
    (signed.model / ".git" / "hooks").write_text("x", encoding="utf-8")
    signed.sign()
    assert signed.verify().ignored == (".git/HEAD", ".git/hooks")


def test_another_key_is_refused(signed: Signed, tmp_path: Path) -> None:
    other = Signed(tmp_path / "other")
    signed.public = other.public
    with pytest.raises(EvidenceError, match="not made with this key"):
        signed.verify()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.2"}, "expected 'application"),
        ({"dsseEnvelope": None}, "no dsseEnvelope"),
        ({"dsseEnvelope": {"payloadType": "text/plain"}}, "payloadType"),
    ],
)
def test_a_file_that_is_no_such_bundle_is_refused(
    signed: Signed, change: dict[str, Any], message: str
) -> None:
    data = json.loads(signed.bundle.read_text(encoding="utf-8")) | change
    signed.bundle.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(EvidenceError, match=message):
        signed.verify()


def test_a_bundle_is_read_strictly(signed: Signed) -> None:
    text = signed.bundle.read_text(encoding="utf-8")
    signed.bundle.write_text('{"mediaType": "x", ' + text[1:], encoding="utf-8")
    with pytest.raises(EvidenceError, match="occurs twice"):
        signed.verify()
    signature = json.loads(text)["dsseEnvelope"]["signatures"][0]
    signed.bundle.write_text(text, encoding="utf-8")
    signed.resign(signed.statement(), signatures=[signature, signature])
    with pytest.raises(EvidenceError, match="2 signatures; expected one"):
        signed.verify()


@pytest.mark.parametrize("kind", ["ed25519", "secp256k1", "text", "missing"])
def test_a_key_that_signs_no_bundles_is_refused(signed: Signed, kind: str) -> None:
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    keys = {
        "ed25519": ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(PEM, spki),
        "secp256k1": ec.generate_private_key(ec.SECP256K1()).public_key().public_bytes(PEM, spki),
        "text": b"hello",
    }
    signed.public.unlink()
    if kind in keys:
        signed.public.write_bytes(keys[kind])
    with pytest.raises(
        (ConfigError, EvidenceError), match=r"is not a key on one of|not a public key|cannot read"
    ):
        signed.verify()


def test_a_pipe_in_the_model_is_refused_and_not_waited_on(signed: Signed) -> None:
    import os

    (signed.model / "config.json").unlink()
    os.mkfifo(signed.model / "config.json")
    with pytest.raises(EvidenceError, match="device, pipe or socket"):
        signed.verify()


def test_a_model_without_end_is_refused(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_mlops.evidence.model_signing.MAX_ENTRIES", 3)
    with pytest.raises(EvidenceError, match="more than 3 files and folders"):
        signed.verify()
