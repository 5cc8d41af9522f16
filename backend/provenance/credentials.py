"""Content credentials: C2PA manifests in movies, pictures and sounds (C2PA specification 2.2), signed and checked.

Nothing here reaches for the network: no manifest is fetched from elsewhere, no certificate's state is asked for, and a
signature is stamped with a time by a server only where one is named.
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from backend.media.png import png_bytes
from backend.provenance.identity import Identity, configured_identity
from backend.provenance.marks import DRAWN, PROGRAM, Marks
from backend.provenance.packages import c2pa
from backend.settings import RenderSettings
from shared.errors import InputError
from shared.files import explaining, replacing
from shared.version import VERSION

KINDS = {".mov": "video/quicktime", ".mp4": "video/mp4", ".png": "image/png", ".wav": "audio/wav"}
"""Endings of files that can be signed, to their media types."""
MARKS_LABEL = "org.m2dao-talker.marks"
"""The assertion that holds the marks."""
_OFFLINE = {
    "version": 1,
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True},
    "builder": {"thumbnail": {"enabled": False}},
}
_UNKNOWN_SIGNER = "signingCredential.untrusted"


@dataclass(frozen=True)
class Checked:
    """What c2pa's own reader finds in a file."""

    signed_by: str
    is_whole: bool
    """Whether the file is as it was signed."""
    is_trusted: bool
    """Whether a certificate that the caller trusts vouches for who signed."""
    wrong: tuple[str, ...]
    """Codes of what does not hold (C2PA specification, "Validation status codes")."""
    marks: dict[str, Any]
    """The marks that were signed."""
    source_types: tuple[str, ...]


class Credentials:
    """Signs files as one identity."""

    def __init__(self, identity: Identity, time_stamp_server: str | None = None) -> None:
        """time_stamp_server: address of a server by RFC 3161, asked once for each file that is signed with `stamped`.

        Raises InputError where the package is not installed, or refuses the identity.
        """
        self.identity, self._time_stamp_server = identity, time_stamp_server
        self._c2pa = c2pa()
        # Whether the package takes this identity is known before anything is drawn.
        self.signed(png_bytes(np.zeros((1, 1, 4), np.uint8)), ".png", Marks("-", "-", "-", DRAWN))

    def signed(self, data: bytes, ending: str, marks: Marks) -> bytes:
        """A file's bytes with a manifest in them. Raises InputError."""
        result = io.BytesIO()
        self._sign(io.BytesIO(data), result, ending, marks, stamped=False)
        return result.getvalue()

    def sign(self, path: Path, marks: Marks, *, stamped: bool = True) -> None:
        """Put a manifest into a file, through a temporary name. Raises InputError."""
        with explaining(path), replacing(path, durable=False, ending=path.suffix) as temporary:
            with open(path, "rb") as source, open(temporary, "w+b") as target:
                self._sign(source, target, path.suffix.lower(), marks, stamped)

    def _sign(self, source: BinaryIO, target: BinaryIO, ending: str, marks: Marks, stamped: bool) -> None:
        own, server = self.identity, self._time_stamp_server if stamped else None
        try:
            with (
                self._c2pa.Context.from_dict(_OFFLINE) as context,
                self._c2pa.Signer.from_info(
                    self._c2pa.C2paSignerInfo(own.algorithm, own.chain_pem, own.key_pem, server)
                ) as signer,
                self._c2pa.Builder(_manifest(marks), context) as builder,
            ):
                builder.sign(signer, KINDS[ending], source, target)
        except self._c2pa.C2paError as error:
            do = "Check its certificates (docs/consent.md), or leave the identity out."
            raise InputError(f"The identity {own.name} cannot sign ({error}).", do) from error


def configured_credentials(settings: RenderSettings) -> Credentials | None:
    """Who signs by the settings and the environment; None: nobody. Raises InputError, also where the packages miss."""
    identity = configured_identity(settings)
    return None if identity is None else Credentials(identity, settings.time_stamp_server)


def check(path: Path, ending: str, trusted_pem: str = "") -> Checked | None:
    """What c2pa's own reader says of a file of the kind that has this ending; None where it carries no manifest.

    trusted_pem: certificates whose signatures are known. Raises InputError where the package is not installed or the
    file cannot be read.
    """
    library = c2pa()
    settings = {**_OFFLINE, "trust": {"trust_anchors": trusted_pem}} if trusted_pem else _OFFLINE
    try:
        with (
            library.Context.from_dict(settings) as context,
            open(path, "rb") as file,
            library.Reader(KINDS[ending], file, context=context) as reader,
        ):
            return _checked(json.loads(reader.json()))
    except library.C2paError.ManifestNotFound:
        return None
    except (library.C2paError, ValueError) as error:
        raise InputError(f"The signature in {path} cannot be read ({error}).", "Get the file again.") from error
    except (LookupError, TypeError, AttributeError) as error:  # what the reader tells of a damaged manifest
        raise InputError(f"The signature in {path} is damaged ({error!r}).", "Get the file again.") from error


def _checked(said: dict) -> Checked:
    active = said["manifests"][said["active_manifest"]]
    assertions = {one["label"]: one.get("data") or {} for one in active.get("assertions", [])}
    actions = [action for label, data in assertions.items() if "actions" in label for action in data["actions"]]
    wrong = tuple(sorted({one["code"] for one in said.get("validation_status", [])} - {_UNKNOWN_SIGNER}))
    signature = active.get("signature_info", {})
    marks = assertions.get(MARKS_LABEL, {})
    return Checked(
        signed_by=str(signature.get("common_name") or signature.get("issuer") or "nobody"),
        is_whole=said.get("validation_state") in ("Valid", "Trusted") and not wrong,
        is_trusted=said.get("validation_state") == "Trusted",
        wrong=wrong,
        marks=marks if isinstance(marks, dict) else {},
        source_types=tuple(one["digitalSourceType"] for one in actions if "digitalSourceType" in one),
    )


def _manifest(marks: Marks) -> dict:
    created = {"action": "c2pa.created", "digitalSourceType": marks.source_type, "softwareAgent": {"name": PROGRAM}}
    return {
        "claim_generator_info": [{"name": PROGRAM, "version": VERSION}],
        "title": f"take {marks.take}",
        "assertions": [
            {"label": "c2pa.actions", "data": {"actions": [created]}},
            {"label": MARKS_LABEL, "data": asdict(marks)},
        ],
    }
