"""`python -m backend.presenter --out FOLDER`: draw the demo's footage and speak its line; prints where, as JSON."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from backend.presenter.make import make_demo_material, make_line
from backend.terminal import ProgressBar
from shared.jobs import Reporter

parser = argparse.ArgumentParser(prog="backend.presenter")
parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
parser.add_argument("--line-only", action="store_true", help="only speak the line of dialogue")
arguments = parser.parse_args()
if arguments.line_only:
    made = {"line": make_line(arguments.out)}
else:
    with ProgressBar() as bar:
        made = asdict(make_demo_material(arguments.out, Reporter(bar.show)))
print(json.dumps({name: str(path) for name, path in made.items()}))
