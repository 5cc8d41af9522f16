"""The extension's folder as Blender sees it: the add-on's files at the root, shared/ and backend/ beside them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from shared.errors import InternalError
from shared.python_child import module_command
from shared.setup.pip import child_environment, explain
from shared.version import VERSION

from . import kernels
from .workspace import BUILD, EXTENSION_ID, ROOT

WHEEL_PACKAGES = ("pyzmq", "msgpack")
PYTHON_VERSIONS = ("3.11", "3.13")
PLATFORM_TAGS = {
    "linux-x64": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    "windows-x64": ("win_amd64",),
    "macos-arm64": ("macosx_11_0_arm64", "macosx_10_15_universal2"),
}
"""Blender's platform to pip's platform tags of the wheels that serve it."""
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "*.partial", "lib")
"""Not part of the sources. lib/ holds compiled kernels: a zip gets its own platform's alone."""


def staged_folder(platform: str) -> Path:
    """Where the extension for `platform` is staged."""
    return BUILD / platform / EXTENSION_ID


def stage(platform: str) -> Path:
    """Lay the extension out for `platform` and return its folder."""
    target = staged_folder(platform)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT / "blender_addon", target, ignore=_LEFT_OUT)
    for package in ("shared", "backend"):
        shutil.copytree(ROOT / package, target / package, ignore=_LEFT_OUT)
    shutil.copytree(ROOT / "docs", target / "docs", ignore=_LEFT_OUT)
    (target / "requirements").mkdir()
    for name in ("backend.txt", "torch.txt", "cuda.txt", "credentials.txt"):
        shutil.copy2(ROOT / "requirements" / name, target / "requirements" / name)
    shutil.copy2(ROOT / "LICENSE", target / "LICENSE")
    wheels = fetch_wheels(platform, target / "wheels")
    write_manifest(target / "blender_manifest.toml", platform, wheels)
    library = kernels.library_for(platform)
    if library is not None:
        folder = target / "backend" / "kernels" / "lib" / kernels.TARGETS[platform].name
        folder.mkdir(parents=True)
        shutil.copy2(library, folder)
    return target


def write_manifest(path: Path, platform: str, wheels: list[Path]) -> None:
    """Complete the manifest at `path` by the platform and the wheels, and check its version and id."""
    text = path.read_text(encoding="utf-8")
    names = "\n".join(f'    "./wheels/{wheel.name}",' for wheel in wheels)
    insertion = f'platforms = ["{platform}"]\nwheels = [\n{names}\n]\n\n'
    first_table = re.search(r"^\[", text, re.M)
    position = first_table.start() if first_table else len(text)
    text = text[:position] + insertion + text[position:]
    manifest = tomllib.loads(text)
    if manifest["version"] != VERSION or manifest["id"] != EXTENSION_ID:
        raise InternalError(
            f"The manifest says {manifest['id']} {manifest['version']}, the code {VERSION}.", "Make them agree."
        )
    path.write_text(text, encoding="utf-8")


def fetch_wheels(platform: str, target: Path) -> list[Path]:
    """The bundled wheels for `platform`, checked by hash, in `target`; kept in build/wheels for the next time."""
    store = BUILD / "wheels" / platform
    lock = pinned(WHEEL_PACKAGES, (ROOT / "requirements" / "backend.txt").read_text(encoding="utf-8"))
    stamp = store / "lock.txt"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != lock:
        shutil.rmtree(store, ignore_errors=True)
        store.mkdir(parents=True)
        for python_version in PYTHON_VERSIONS:
            _download(lock, platform, python_version, store)
        stamp.write_text(lock, encoding="utf-8")
    target.mkdir(parents=True)
    return [Path(shutil.copy2(wheel, target)) for wheel in sorted(store.glob("*.whl"))]


def pinned(packages: tuple[str, ...], lock: str) -> str:
    """The entries of `packages` in a requirements file with hashes."""
    entries = re.findall(r"^[A-Za-z0-9](?:.*\\\n)*.*\n", lock, re.M)
    return "".join(entry for entry in entries if re.split(r"[=\s]", entry, maxsplit=1)[0] in packages)


def _download(lock: str, platform: str, python_version: str, store: Path) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False, encoding="utf-8") as requirements:
        requirements.write(lock)
    command = module_command(sys.executable, "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps")
    command += ["--only-binary", ":all:", "--require-hashes", "--retries", "2", "--dest", str(store)]
    command += ["--python-version", python_version, "--implementation", "cp"]
    for tag in PLATFORM_TAGS[platform]:
        command += ["--platform", tag]
    outcome = subprocess.run(
        [*command, "-r", requirements.name], capture_output=True, text=True, env=child_environment(), check=False
    )
    Path(requirements.name).unlink()
    if outcome.returncode != 0:
        log_file = BUILD / "wheels" / f"{platform}.log"
        log_file.write_text(outcome.stdout + outcome.stderr, encoding="utf-8")
        raise explain(outcome.stdout + outcome.stderr, store, log_file)
