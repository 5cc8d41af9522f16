"""A signature is known only by a chain of certificates that may sign, each within its dates and its limits."""

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from backend.media.png import write_png
from backend.provenance import packages
from backend.provenance.chain import is_chain
from backend.provenance.credentials import Credentials
from backend.provenance.identity import Identity, load_identity, new_identity
from backend.provenance.marks import DRAWN, Marks
from backend.provenance.signature import read_signature, write_signature
from backend.provenance.verify import verify
from shared.errors import InputError
from shared.jobs import Reporter

pytest.importorskip("cryptography", reason="cryptography is optional: requirements/credentials.txt")
x509, oid = packages.cryptography("x509"), packages.cryptography("x509.oid")
ed25519 = packages.cryptography("hazmat.primitives.asymmetric.ed25519")
serialization = packages.cryptography("hazmat.primitives.serialization")
PEM = serialization.Encoding.PEM
KEYS = [ed25519.Ed25519PrivateKey.generate() for _ in range(4)]
MARKS = Marks("s", "t", "c", DRAWN)
MAIL, SERVER = oid.ExtendedKeyUsageOID.EMAIL_PROTECTION, oid.ExtendedKeyUsageOID.SERVER_AUTH
PAST, FUTURE = (-20, -10), (10, 20)


def certificate(at, issuer=None, *, ca=True, path=None, usage=None, purposes=None, days=(-1, 1), more=None):
    """The certificate of key `at` by key `at + 1`, or by itself; days: first and last, from now."""
    now = datetime.now(UTC)
    of = [x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, f"key {key}")]) for key in range(5)]
    by = at if issuer is None else issuer
    builder = (
        x509.CertificateBuilder()
        .subject_name(of[at])
        .issuer_name(of[by])
        .public_key(KEYS[at].public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, path), critical=True)
    if usage is not None:
        names = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign",
                 "encipher_only", "decipher_only", "digital_signature", "key_cert_sign")  # fmt: skip
        builder = builder.add_extension(x509.KeyUsage(**{name: name == usage for name in names}), critical=True)
    if purposes is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if more is not None:
        builder = builder.add_extension(more, critical=True)
    return builder.sign(KEYS[by], None)


LEAF = {"ca": False, "usage": "digital_signature", "purposes": [MAIL]}
BETWEEN = {"usage": "key_cert_sign"}


def chain_of(leaf=None, between=None, root=None):
    return [
        certificate(0, 1, **(LEAF | (leaf or {}))),
        certificate(1, 2, **(BETWEEN | (between or {}))),
        certificate(2, **(BETWEEN | (root or {}))),
    ]


def test_a_chain_that_keeps_to_its_limits_is_one():
    assert is_chain(chain_of())
    assert is_chain(chain_of(root={"path": 1}, between={"path": 0}))
    assert is_chain(chain_of(leaf={"purposes": [SERVER, MAIL]}))
    assert is_chain(chain_of(leaf={"purposes": None, "usage": None}, between={"usage": None}))
    assert not is_chain([])


@pytest.mark.parametrize(
    "wrong",
    [
        {"root": {"path": 0}},
        {"between": {"usage": "digital_signature"}},
        {"root": {"usage": "crl_sign"}},
        {"between": {"ca": False}},
        {"between": {"ca": None}},
        {"leaf": {"purposes": [SERVER]}},
        {"leaf": {"purposes": [SERVER, oid.ExtendedKeyUsageOID.CLIENT_AUTH]}},
        {"leaf": {"usage": "key_cert_sign"}},
        {"between": {"more": x509.NameConstraints([x509.DNSName("example.org")], None)}},
    ],
)
def test_certificates_beyond_their_limits_make_no_chain(wrong, tmp_path):
    chain = chain_of(**wrong)
    assert not is_chain(chain)
    sign(tmp_path, chain)
    with pytest.raises(InputError, match="make no chain, or are not for signing"):
        read_signature(tmp_path)
    (tmp_path / "c.pem").write_bytes(pem(*chain))
    (tmp_path / "k.pem").write_bytes(key_pem())
    with pytest.raises(InputError, match="make no chain, or are not for signing"):
        load_identity(tmp_path / "c.pem", tmp_path / "k.pem")


def pem(*certificates) -> bytes:
    return b"".join(one.public_bytes(PEM) for one in certificates)


def key_pem() -> bytes:
    return KEYS[0].private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def sign(folder, chain, marks=MARKS):
    identity = Identity(pem(*chain), key_pem(), "ed25519", "key 0", "", "", False)
    write_signature(folder, folder, (), identity, marks, lambda: None)


def trusted(folder, *certificates) -> bool:
    read = read_signature(folder, pem(*certificates).decode())
    assert read is not None
    return read.is_trusted


@pytest.mark.parametrize("days", [PAST, FUTURE])
@pytest.mark.parametrize("which", ["leaf", "between", "root"])
def test_nobody_vouches_by_a_certificate_that_is_out_of_date(tmp_path, which, days):
    good = chain_of()
    sign(tmp_path, good)
    assert trusted(tmp_path, good[2])
    wrong = chain_of(**{which: {"days": days}})
    sign(tmp_path, wrong)
    assert not trusted(tmp_path, wrong[2])
    sign(tmp_path, wrong[:2])
    assert not trusted(tmp_path, wrong[2])


def test_one_that_is_trusted_vouches_within_its_limits_too(tmp_path):
    leaf, between, root = chain_of(root={"path": 0})
    sign(tmp_path, [leaf, between])
    assert trusted(tmp_path, between)
    assert not trusted(tmp_path, root)
    sign(tmp_path, [leaf])
    assert trusted(tmp_path, between) and not trusted(tmp_path, root) and not trusted(tmp_path)


def test_a_signature_of_other_marks_than_the_manifests_is_found(tmp_path):
    manifest = {**asdict(MARKS), "take_id": MARKS.take, "complete": True, "frames": {}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    for marks in (MARKS, replace(MARKS, consent="for anything")):
        sign(tmp_path, chain_of(), marks)
        with pytest.raises(InputError) as refused:
            verify(tmp_path, None, Reporter())
        assert ("manifest says other things than the signature" in refused.value.what) is (marks is not MARKS)


def test_a_picture_whose_text_says_other_things_than_its_signature_is_found(tmp_path):
    pytest.importorskip("c2pa", reason="c2pa-python is optional: requirements/credentials.txt")
    credentials = Credentials(new_identity(tmp_path / "id", "The Studio"))
    marks = replace(MARKS, signed_by=credentials.identity.fingerprint)
    for signed in (marks, replace(marks, consent="for anything")):
        write_png(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8), marks.texts())
        credentials.sign(tmp_path / "a.png", signed)
        if signed is marks:
            assert verify(tmp_path / "a.png", None, Reporter())["signature"] == "holds"
            continue
        with pytest.raises(InputError, match="Its text says other things than its signature"):
            verify(tmp_path / "a.png", None, Reporter())
