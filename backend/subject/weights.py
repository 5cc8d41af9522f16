"""Tensors by name in one safetensors file: whole or not at all, and checked to the last bit when they are read."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from shared.errors import InputError
from shared.files import require_file, write_bytes

CHECKSUM = "crc32"
"""Text in the header: the CRC-32 of all tensors' bytes, in the order of their names, as hexadecimal digits. Files from
before there was one are read without."""


def save_weights(path: Path, tensors: Mapping[str, torch.Tensor], texts: Mapping[str, str] | None = None) -> None:
    """Write tensors, and texts in the header, through a temporary name. Raises OSError.

    The bytes are made in memory and written here: the library's own file functions leave temporary files behind when
    they are killed, and do not give the system's error as one.
    """
    held = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    try:
        data = save(held, {**(texts or {}), CHECKSUM: _checksum(held)})
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # how the library, which is in Rust, says that memory is lacking
            raise MemoryError from error
        raise
    write_bytes(path, data)


def load_weights(path: Path, do: str) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """All tensors, and the texts of the header. Raises InputError, which tells to `do` something, where the file is
    missing or damaged."""
    require_file(path, do)
    try:
        with safe_open(path, "pt") as file:
            texts = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        if texts.pop(CHECKSUM, None) not in (None, _checksum(tensors)):
            raise ValueError("its checksum is another one")
    except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise InputError(f"{path} is damaged or cannot be read ({error}).", do) from error
    return tensors, texts


def _checksum(tensors: Mapping[str, torch.Tensor]) -> str:
    checksum = 0
    for name in sorted(tensors):
        checksum = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, checksum)
    return f"{checksum:08x}"
