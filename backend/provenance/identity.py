"""An identity to sign with: a chain of certificates and the private key of the first of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from backend.provenance.chain import is_chain, is_current
from backend.provenance.packages import cryptography
from backend.settings import RenderSettings
from shared.errors import InputError
from shared.files import explained, explaining, require_file, write_bytes
from shared.private import FILE_MODE

CERTIFICATES_VARIABLE = "TALKER_CERTIFICATES"
KEY_VARIABLE = "TALKER_SIGNING_KEY"
CERTIFICATES_FILE = "certificates.pem"
"""The certificate that signs, then the one that vouches for it, and so on."""
KEY_FILE = "key.pem"
_LONGEST_PEM = 1 << 20
_YEARS = 10
_DO = "docs/consent.md says what an identity is; `talker identity --new DIR` makes one for trying."


@dataclass(frozen=True)
class Identity:
    """Who signs."""

    chain_pem: bytes
    key_pem: bytes
    algorithm: str
    """As C2PA calls it: ed25519, es256, es384, es512 or ps256."""
    name: str
    """Whom the first certificate names."""
    until: str
    """Its last day, YYYY-MM-DD."""
    fingerprint: str
    """SHA-256 of the first certificate, hexadecimal."""
    is_self_made: bool
    """Whether nobody but its maker vouches for it, as far as its names tell."""

    def to_dict(self) -> dict:
        """What may be shown: no key."""
        return {
            "name": self.name,
            "algorithm": self.algorithm,
            "until": self.until,
            "fingerprint": self.fingerprint,
            "self_made": self.is_self_made,
        }


def configured_identity(settings: RenderSettings) -> Identity | None:
    """The identity that settings or, where they have none, the environment name; None: files are not signed.

    Raises InputError where only half of one is named, and as `load_identity`.
    """
    certificates = settings.certificates or os.environ.get(CERTIFICATES_VARIABLE) or None
    key = settings.signing_key or os.environ.get(KEY_VARIABLE) or None
    if certificates is None and key is None:
        return None
    if certificates is None or key is None:
        raise InputError(
            "Of the identity that signs, the certificates and the key have to be named, and one is missing.",
            f"Set {CERTIFICATES_VARIABLE} and {KEY_VARIABLE}, or certificates and signing_key; or neither.",
        )
    return load_identity(Path(certificates), Path(key))


def load_identity(certificates: Path, key: Path) -> Identity:
    """Read an identity's files.

    Raises InputError where they are missing, damaged, may not sign, do not belong together, are out of date, or where
    the packages are not installed.
    """
    x509, serialization = cryptography("x509"), cryptography("hazmat.primitives.serialization")
    chain_pem, key_pem = _read(certificates), _read(key)
    chain = read_chain(chain_pem, str(certificates))
    try:
        private = serialization.load_pem_private_key(key_pem, None)
    except (ValueError, TypeError, x509.UnsupportedGeneralNameType) as error:
        raise InputError(f"{key} is no private key without a password, in PEM ({error}).", _DO) from error
    algorithm = _algorithm(private)
    if algorithm is None:
        raise InputError(f"{key} is of a kind that signs no media.", "Use Ed25519, P-256, P-384, P-521 or RSA.")
    first = chain[0]
    if not is_chain(chain):
        raise InputError(f"The certificates in {certificates} make no chain, or are not for signing media.", _DO)
    if _public_bytes(private.public_key()) != _public_bytes(first.public_key()):
        raise InputError(f"{key} is not the key of the first certificate in {certificates}.", "Name the pair.")
    if not is_current([first]):
        told = f"{first.not_valid_before_utc:%Y-%m-%d} to {first.not_valid_after_utc:%Y-%m-%d}"
        raise InputError(f"The certificate in {certificates} holds from {told} only.", "Get a new one.")
    return Identity(
        chain_pem, key_pem, algorithm, name_of(first), f"{first.not_valid_after_utc:%Y-%m-%d}", fingerprint(first),
        chain[-1].subject == chain[-1].issuer and _SELF_MADE in name_of(chain[-1]),
    )  # fmt: skip


def read_chain(pem: bytes, place: str) -> list[Any]:
    """The certificates in a PEM text, at least one. Raises InputError, which names `place`."""
    try:
        chain = cryptography("x509").load_pem_x509_certificates(pem)
    except ValueError as error:
        raise InputError(f"{place} holds no certificates in PEM ({error}).", _DO) from error
    return list(chain)


def name_of(certificate: Any) -> str:
    """Whom a certificate names: its common name, else its whole subject."""
    oid = cryptography("x509.oid").NameOID.COMMON_NAME
    names = certificate.subject.get_attributes_for_oid(oid)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def fingerprint(certificate: Any) -> str:
    """SHA-256 of a certificate, hexadecimal."""
    return str(certificate.fingerprint(cryptography("hazmat.primitives.hashes").SHA256()).hex())


_SELF_MADE = "self-made"


def new_identity(folder: Path, name: str) -> Identity:
    """Make an identity for trying: a certificate authority of its own, and one certificate by it, with Ed25519 keys.

    The authority's key is thrown away. Raises InputError where the folder holds an identity already, or cannot be
    written.
    """
    certificates, key = folder / CERTIFICATES_FILE, folder / KEY_FILE
    for path in (certificates, key):
        if os.path.lexists(path):
            raise InputError(
                f"{path} is there already.", "Name another folder: a key that is lost cannot be made anew."
            )
    if not name.isprintable() or not 0 < len(name) <= 40:
        raise InputError(f"{name!r} is no name for a certificate.", "Use 1 to 40 printable characters (--name NAME).")
    ed25519 = cryptography("hazmat.primitives.asymmetric.ed25519")
    serialization = cryptography("hazmat.primitives.serialization")
    authority, own = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
    root = _certificate(f"{name} ({_SELF_MADE} root)", authority, None, authority)
    leaf = _certificate(f"{name} ({_SELF_MADE})", own, root, authority)
    pem = serialization.Encoding.PEM
    secret = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with explaining(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(key, secret, mode=FILE_MODE)
        write_bytes(certificates, leaf.public_bytes(pem) + root.public_bytes(pem))
    return load_identity(certificates, key)


def _certificate(name: str, key: Any, issuer: Any | None, issuer_key: Any) -> Any:
    """A certificate as C2PA wants it (C2PA specification 2.2, "Certificate Profile"); issuer None: an authority."""
    x509, oid = cryptography("x509"), cryptography("x509.oid")
    subject = x509.Name(
        [
            x509.NameAttribute(oid.NameOID.ORGANIZATION_NAME, "M2DAO-Talker user"),
            x509.NameAttribute(oid.NameOID.COMMON_NAME, name),
        ]
    )
    is_authority, now = issuer is None, datetime.now(UTC)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
         "decipher_only"), False,
    )  # fmt: skip
    usage |= {"digital_signature": not is_authority, "key_cert_sign": is_authority, "crl_sign": is_authority}
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks differ
        .not_valid_after(now + timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not is_authority:
        purposes = x509.ExtendedKeyUsage([oid.ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purposes, critical=False)
    return builder.sign(issuer_key, None)


def _algorithm(key: Any) -> str | None:
    """What C2PA calls the signature of a key; None for one that it does not take."""
    asymmetric = "hazmat.primitives.asymmetric"
    if isinstance(key, cryptography(f"{asymmetric}.ed25519").Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, cryptography(f"{asymmetric}.rsa").RSAPrivateKey):
        return "ps256"
    if isinstance(key, cryptography(f"{asymmetric}.ec").EllipticCurvePrivateKey):
        return {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}.get(key.curve.name)
    return None


def _public_bytes(key: Any) -> bytes:
    serialization = cryptography("hazmat.primitives.serialization")
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_bytes(serialization.Encoding.DER, form))


def _read(path: Path) -> bytes:
    require_file(path, _DO)
    try:
        if path.stat().st_size > _LONGEST_PEM:
            raise InputError(f"{path} is too large for an identity's file.", _DO)
        return path.read_bytes()
    except OSError as error:
        raise explained(error, path) from error
