"""Sets the backend up from the bundle that this file lies in, without a network: `python3 install.py FOLDER`.

Standard library only; it is copied into the bundle as install.py.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(argv: list[str]) -> int:
    """Exit status of the set-up; 2 for a bundle that is not whole."""
    parser = argparse.ArgumentParser(prog="install.py", description="Set M2DAO-Talker up without a network.")
    parser.add_argument("folder", type=Path, help="where it goes: program, environment and model files")
    options = parser.parse_args(argv)
    archives = sorted(HERE.glob("m2dao_talker-*.zip"))
    if len(archives) != 1 or not (HERE / "wheels").is_dir():
        print(f"install.py: {HERE} is no whole bundle. Unpack it again.", file=sys.stderr)
        return 2
    folder = options.folder.absolute()
    program, models = folder / "program", folder / "models"
    with zipfile.ZipFile(archives[0]) as archive:
        archive.extractall(program)
    models.mkdir(parents=True, exist_ok=True)
    for path in (HERE / "models").iterdir():
        (models / path.name).write_bytes(path.read_bytes())
    environment = {
        **os.environ,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(HERE / "wheels"),
        "PYTHONPATH": str(program),
        "PYTHONSAFEPATH": "1",
    }
    command = [sys.executable, "-m", "shared.setup", "--env", str(folder / "environment")]
    command += ["--launcher", str(folder / "talker"), "--models-dir", str(models)]
    status = subprocess.run(command, env=environment, check=False).returncode
    if status == 0:
        print(f"Done: {folder / 'talker'}. Set TALKER_MODELS_DIR={models} for preprocessing.")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
