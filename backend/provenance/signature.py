"""signature.json of a take: the hashes of all its files, signed.

C2PA has no place in an OpenEXR file, and a take is more than its pictures: so one signature by the identity's own key,
made with the package cryptography (which c2pa-python brings along), covers every file of the take, in one text whose
bytes are what was signed.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from backend.provenance.chain import is_chain, is_current
from backend.provenance.identity import Identity, fingerprint, name_of, read_chain
from backend.provenance.marks import Marks
from backend.provenance.packages import cryptography
from shared import layout
from shared.errors import InputError
from shared.files import explaining, file_sha256, read_json_object, write_json

SCHEMA = 1
_OURS = re.compile(r"head\.\d{6}\.(?:exr|png)")
_AGAIN = "Render the line again."


@dataclass(frozen=True)
class TakeSignature:
    """A signature that was read; who made it is known only where `is_trusted`."""

    signed_by: str
    fingerprint: str
    is_trusted: bool
    files: dict[str, str]
    """Name to SHA-256, as signed."""
    marks: dict[str, str]


def take_files(folder: Path) -> dict[str, Path]:
    """The files of a take in a folder, by name: what the project writes there, and nothing else."""
    found = {
        path.name: path for path in folder.iterdir() if path.name in layout.TAKE_FILES or _OURS.fullmatch(path.name)
    }
    return dict(sorted(found.items()))


def write_signature(
    work: Path, take: Path, gone: Iterable[str], identity: Identity, marks: Marks, check: Callable[[], None]
) -> None:
    """Write signature.json into `work`, for the take as it is once the files of `work` are in their places.

    gone: names of files of the take that will not be there any more; check: called between files, to be stopped.
    Raises InputError.
    """
    with explaining(take):
        files = {name: path for name, path in take_files(take).items() if name not in set(gone)} | take_files(work)
    hashes = {}
    for name, path in sorted(files.items()):
        check()
        hashes[name] = file_sha256(path)
    said = json.dumps({"schema": SCHEMA, "marks": asdict(marks), "files": hashes}, indent=1)
    serialization = cryptography("hazmat.primitives.serialization")
    key = serialization.load_pem_private_key(identity.key_pem, None)
    values = {
        "signed": said,
        "signature": base64.b64encode(_sign(key, said.encode())).decode(),
        "certificates": identity.chain_pem.decode("ascii", "replace"),
    }
    path = work / layout.SIGNATURE_FILE
    with explaining(path):
        write_json(path, values)


def read_signature(take: Path, trusted_pem: str = "") -> TakeSignature | None:
    """The signature of a take; None where there is none. Whether the files are as signed is not looked at.

    trusted_pem: certificates whose signatures are known. Raises InputError where it is damaged or does not hold, and
    where the package is not installed.
    """
    path = take / layout.SIGNATURE_FILE
    if not path.exists():
        return None
    values = read_json_object(path, _AGAIN)
    try:
        said, signature = values["signed"], base64.b64decode(values["signature"], validate=True)
        chain = read_chain(values["certificates"].encode(), str(path))
        told = json.loads(said)
        files, marks = told["files"], told["marks"]
        if not all(isinstance(text, str) for part in (files, marks) for pair in part.items() for text in pair):
            raise ValueError("it holds what is no text")
        is_right = _verify(chain[0].public_key(), signature, said.encode())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({error!r}).", _AGAIN) from error
    if not is_chain(chain):
        raise InputError(f"The certificates in {path} make no chain, or are not for signing media.", _AGAIN)
    if not is_right:
        raise InputError(f"The signature in {path} does not hold: what it signs was changed.", _AGAIN)
    trusted = read_chain(trusted_pem.encode(), "What is trusted") if trusted_pem else []
    return TakeSignature(name_of(chain[0]), fingerprint(chain[0]), _vouched(chain, trusted), files, marks)


def _vouched(chain: list[Any], trusted: list[Any]) -> bool:
    """Whether a trusted certificate is in the chain, or signed its last one; and none of them is out of date."""
    known = {fingerprint(one) for one in trusted}
    if any(fingerprint(one) in known for one in chain):
        return is_current(chain)
    return any(is_chain([*chain, one]) and is_current([*chain, one]) for one in trusted)


def _sign(key: Any, data: bytes) -> bytes:
    scheme = _scheme(key)
    return bytes(key.sign(data, *scheme))


def _verify(key: Any, signature: bytes, data: bytes) -> bool:
    try:
        key.verify(signature, data, *_scheme(key))
    except cryptography("exceptions").InvalidSignature:
        return False
    return True


def _scheme(key: Any) -> tuple[Any, ...]:
    """What a key's sign and verify want beside the data: nothing for Ed25519, hash and padding for the others."""
    asymmetric, hashes = "hazmat.primitives.asymmetric", cryptography("hazmat.primitives.hashes")
    ec, padding = cryptography(f"{asymmetric}.ec"), cryptography(f"{asymmetric}.padding")
    if hasattr(key, "curve"):
        by_size = {256: hashes.SHA256, 384: hashes.SHA384, 521: hashes.SHA512}
        return (ec.ECDSA(by_size[key.curve.key_size]()),)
    if hasattr(key, "key_size"):
        sha256 = hashes.SHA256()
        return padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH), sha256
    return ()
