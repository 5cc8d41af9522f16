"""`python -m backend.presenter --out DIR`: draws the presenter's footage and speaks the new line, for the demo."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from backend.media.audio import save_wav
from backend.presenter.make import LINE_TEXT, make_demo_material
from backend.presenter.speech import speak
from backend.terminal import ProgressBar
from shared.errors import EXIT_DONE, TalkerError
from shared.jobs import Reporter


def main(argv: list[str] | None = None) -> int:
    """Exit status; the last line on stdout is a JSON object with the paths of footage, line and ground truth."""
    parser = argparse.ArgumentParser(prog="python -m backend.presenter", description="Draw the demo's footage.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument("--line-only", action="store_true", help="speak the line and draw nothing")
    parser.add_argument("--models-dir", help="folder with the model files")
    options = parser.parse_args(argv)
    try:
        if options.line_only:
            files = {"line": _speak_line(options.out)}
        else:
            with ProgressBar() as bar:
                files = vars(make_demo_material(options.out, Reporter(bar.show), options.models_dir))
    except TalkerError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    print(json.dumps({name: str(path) for name, path in files.items()}))
    return EXIT_DONE


def _speak_line(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    line = speak(LINE_TEXT)
    save_wav(folder / "line.wav", line.samples, line.sample_rate)
    return folder / "line.wav"


if __name__ == "__main__":
    sys.exit(main())
