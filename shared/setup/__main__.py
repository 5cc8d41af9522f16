"""`python -m shared.setup`: the backend's environment and model files, as a child process of the add-on.

Prints one line a step; ends with "Done." and status 0, or with one line that says what is wrong: status 2 when the
user can mend it, 130 when it was cancelled, 1 otherwise.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from pathlib import Path

from ..errors import EXIT_CANCELLED, EXIT_DONE, InputError, InternalError, TalkerError
from ..files import explained
from ..python_child import module_command
from .environment import backend_plan, prepare, write_launcher
from .pip import child_environment

ROOT = Path(__file__).resolve().parents[2]


def main(argv: list[str] | None = None) -> int:
    """Exit status; see above."""
    parser = argparse.ArgumentParser(prog="python -m shared.setup", description="Set up the backend.")
    parser.add_argument("--env", type=Path, required=True, help="folder of the environment")
    parser.add_argument("--launcher", type=Path, help="where to put the talker script")
    parser.add_argument("--python", type=Path, help="Python to make it with (3.11 or 3.13)")
    parser.add_argument("--models-dir", type=Path, help="folder with the model files, for machines without a network")
    options = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        set_up(options.env.absolute(), options.launcher, options.python, options.models_dir)
    except TalkerError as error:
        log(str(error))
        return error.exit_status
    except OSError as error:
        told = explained(error, options.env)
        log(str(told))
        return told.exit_status
    except KeyboardInterrupt:
        log("Cancelled. Run it again to go on.")
        return EXIT_CANCELLED
    log("Done.")
    return EXIT_DONE


def log(line: str) -> None:
    print(line, flush=True)


def set_up(env: Path, launcher: Path | None, python: Path | None, models_dir: Path | None) -> None:
    """Environment, launcher, model files."""
    plan = backend_plan(ROOT, env)
    if not prepare(plan, log, python):
        log("The environment is up to date.")
    if launcher is not None:
        write_launcher(launcher.absolute(), plan.python, ROOT)
    log("Checking the model files")
    fetch_models(plan.python, ROOT, models_dir)


def fetch_models(python: Path, root: Path, models_dir: Path | None = None) -> None:
    """Find or fetch the required model files with the backend's own code. Raises InputError if one cannot be had."""
    command = module_command(python, "backend.model_files")
    if models_dir is not None:
        command += ["--models-dir", str(models_dir)]
    run = subprocess.run(
        command, cwd=root, capture_output=True, text=True, env={**child_environment(), "PYTHONPATH": str(root)}
    )
    if run.returncode == InputError.exit_status:
        raise InputError(run.stderr.strip())
    if run.returncode != 0:
        raise InternalError(f"Checking the model files failed: {(run.stderr.strip().splitlines() or ['?'])[-1]}")


if __name__ == "__main__":
    sys.exit(main())
