"""Chains of certificates: whether each may vouch for the one before it, and the first may sign media (RFC 5280, 6.1).

The package's own verifier is not used: it knows names of servers, and no Ed25519.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from backend.provenance.packages import cryptography


def is_chain(chain: Iterable[Any]) -> bool:
    """Whether the first certificate may sign media, and each other one has signed, and may sign, those before it.

    Dates are not looked at (`is_current`).
    """
    certificates = list(chain)
    if not certificates or not all(_is_understood(one) for one in certificates) or not _may_sign_media(certificates[0]):
        return False
    below = 0
    for one, issuer in zip(certificates, certificates[1:], strict=False):
        try:
            one.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, cryptography("exceptions").InvalidSignature):
            return False
        if not _may_vouch(issuer, below):
            return False
        below += issuer.subject != issuer.issuer
    return True


def is_current(certificates: Iterable[Any]) -> bool:
    """Whether all of them hold today."""
    now = datetime.now(UTC)
    return all(one.not_valid_before_utc <= now <= one.not_valid_after_utc for one in certificates)


def _is_understood(certificate: Any) -> bool:
    """Whether all that has to be heeded in a certificate is looked at here."""
    x509 = cryptography("x509")
    looked_at = {x509.BasicConstraints.oid, x509.KeyUsage.oid, x509.ExtendedKeyUsage.oid}
    try:
        return all(one.oid in looked_at for one in certificate.extensions if one.critical)
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False


def _may_vouch(certificate: Any, below: int) -> bool:
    """Whether a certificate may sign others, with so many between it and the one that signs media."""
    x509 = cryptography("x509")
    limits, usage = _extension(certificate, x509.BasicConstraints), _extension(certificate, x509.KeyUsage)
    if limits is None or not limits.ca or (usage is not None and not usage.key_cert_sign):
        return False
    return limits.path_length is None or below <= limits.path_length


def _may_sign_media(certificate: Any) -> bool:
    """Whether a certificate is for signatures, and not for servers, clients, time stamps and states alone."""
    x509, purposes = cryptography("x509"), cryptography("x509.oid").ExtendedKeyUsageOID
    usage, told = _extension(certificate, x509.KeyUsage), _extension(certificate, x509.ExtendedKeyUsage)
    others = {purposes.SERVER_AUTH, purposes.CLIENT_AUTH, purposes.TIME_STAMPING, purposes.OCSP_SIGNING}
    return (usage is None or usage.digital_signature) and (told is None or not set(told) <= others)


def _extension(certificate: Any, kind: Any) -> Any | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except cryptography("x509").ExtensionNotFound:
        return None
