"""A bundle for machines without a network: the extension, every wheel of the backend, the model files, an installer."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from shared.errors import InputError, InternalError
from shared.python_child import module_command
from shared.setup import torch_build
from shared.setup.pip import child_environment, explain
from shared.version import VERSION

from . import package
from .stage import PLATFORM_TAGS, stage
from .workspace import BUILD, DIST, EXTENSION_ID, ROOT, prepare_backend, prepare_blender, say, this_platform

LOCKS = ("backend.txt", "cuda.txt", "credentials.txt")
"""Requirement files whose wheels go in; what a machine needs of them its set-up decides."""
INSTALLER = Path(__file__).with_name("offline_install.py")
_README = """M2DAO-Talker {version} for {platform} and Python {python}, to be set up without a network.

    python3 install.py FOLDER       with Python {python}: program, environment and model files go into FOLDER
    FOLDER/talker doctor            what is there

In Blender: install {extension} from disk. Its set-up takes the wheels from here if Blender was started with
PIP_NO_INDEX=1 and PIP_FIND_LINKS=(this folder)/wheels; name (this folder)/models in the add-on's preferences.

torch is the {torch} build. Every other wheel has been checked by its hash, and the set-up checks it again.
"""


def bundle() -> int:
    """Build dist/m2dao_talker-VERSION-PLATFORM-pyX.Y-offline.zip for this platform and this Python. Raises TalkerError,
    InputError for a platform that there is no extension for."""
    platform = this_platform()
    if platform not in PLATFORM_TAGS:
        raise InputError(f"There is no extension for {platform}.", f"Build it on {', '.join(PLATFORM_TAGS)}.")
    backend = prepare_backend()
    extension = package.build(prepare_blender().python, stage(platform), platform)
    folder = BUILD / "offline" / f"{EXTENSION_ID}-{VERSION}"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "models").mkdir(parents=True)
    shutil.copy2(extension, folder)
    for path in model_files(backend.python):
        shutil.copy2(path, folder / "models")
    build = torch_build.wanted_build()
    download_wheels(folder / "wheels", build)
    shutil.copy2(INSTALLER, folder / "install.py")
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    text = _README.format(
        version=VERSION, platform=platform, python=python, extension=extension.name, torch=build.upper()
    )
    (folder / "README.txt").write_text(text, encoding="utf-8")
    target = DIST / f"{EXTENSION_ID}-{VERSION}-{platform}-py{python}-offline.zip"
    archive(folder, target)
    say(f"Built {target} ({target.stat().st_size / 1e9:.2f} GB).")
    return 0


def model_files(python: Path) -> list[Path]:
    """The model files that preprocessing needs, found or fetched by the backend's own code. Raises InternalError."""
    run = subprocess.run(
        module_command(python, "backend.model_files"), cwd=ROOT, capture_output=True, text=True, check=False,
        env={**child_environment(), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    if run.returncode != 0:
        raise InternalError("The model files cannot be had:", run.stderr.strip())
    return [Path(line) for line in run.stdout.splitlines()]


def download_wheels(folder: Path, build: str) -> None:
    """All wheels for this platform and this Python: by hash, but for torch, whose build is the machine's. Raises
    TalkerError."""
    requirements = ROOT / "requirements"
    locks = [part for name in LOCKS for part in ("-r", str(requirements / name))]
    say("Downloading wheels")
    _pip_download(folder, ["--require-hashes", *locks])
    say(f"Downloading torch, {build.upper()} build")
    _pip_download(folder, [*torch_build.index_arguments(build, say), "-r", str(requirements / "torch.txt")])


def _pip_download(folder: Path, arguments: list[str]) -> None:
    command = module_command(sys.executable, "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps")
    command += ["--only-binary", ":all:", "--retries", "2", "--dest", str(folder), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, env=child_environment(), check=False)
    if run.returncode != 0:
        log = folder.parent / "download.log"
        log.write_text(run.stdout + run.stderr, encoding="utf-8")
        raise explain(run.stdout + run.stderr, folder, log)


def archive(folder: Path, target: Path) -> None:
    """Zip a folder under its own name, without compressing again what is compressed; whole or not at all."""
    target.parent.mkdir(exist_ok=True)
    unfinished = target.with_name(f".{target.name}.partial")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as written:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                written.write(path, path.relative_to(folder.parent))
    unfinished.replace(target)
